//! What the kernel charges for the least a jail can be: the yardstick that `dayfly bench` holds jails
//! against. Nothing runs untrusted code with this.

use std::collections::BTreeSet;
use std::ffi::CString;
use std::fmt;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr;
use std::sync::Arc;

use dayfly_jobs::Limits;
use nix::errno::Errno;

use crate::SandboxError;
use crate::cgroup::{self, Driver, Entry, Wants};
use crate::jail::NAMESPACES;
use crate::slot::{Slot, Slots};
use crate::sys::clone::{CloneRequest, Cloned, clone3};
use crate::sys::pidfd::{self, End};
use crate::sys::process;

/// Starts one program over and over with as little around it as a jail of these limits could have.
pub struct Floor {
    program: CString,
    limits: Limits,
    driver: Arc<dyn Driver>,
    /// Groups are named after a slot, as those of jails are, so that a sweep finds what a killed bench left.
    slot: Slot,
}

impl fmt::Debug for Floor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Floor")
            .field("program", &self.program)
            .field("slot", &self.slot)
            .finish_non_exhaustive()
    }
}

/// The exit status of a child that never became the program.
const NOT_EXECUTED: u8 = 127;

impl Floor {
    /// For this program, which needs no arguments and exits with 0, and a group with these limits.
    ///
    /// # Errors
    /// No control group or slot can be had here, or the path holds a NUL byte.
    pub fn new(program: &Path, limits: Limits) -> Result<Self, SandboxError> {
        let program = CString::new(program.as_os_str().as_bytes())
            .map_err(|_| SandboxError::BadCommand { what: "program" })?;
        let driver = cgroup::detect(None, &BTreeSet::new())?;
        let slot = Slots::open_default()?.acquire(Some(&*driver))?;
        Ok(Self { program, limits, driver, slot })
    }

    /// `fork`, `exec`, wait: one program with nothing around it.
    ///
    /// # Errors
    /// It could not be started or did not exit with 0.
    pub fn fork_exec(&self) -> Result<(), SandboxError> {
        self.start(&CloneRequest::default(), &[])
    }

    /// The same in new namespaces and a new control group with every limit written to it, and the group
    /// removed afterwards: no root of its own, no ids, no filter, nobody watching.
    ///
    /// # Errors
    /// As for [`Floor::fork_exec`], and when the group cannot be made, limited or removed.
    pub fn confined(&self) -> Result<(), SandboxError> {
        let wants = Wants::of(&self.limits);
        let mut group = self.driver.create(&self.slot.next_group(), wants)?;
        let ended = group.apply(&self.limits, &BTreeSet::new()).map_err(SandboxError::from).and_then(|_| {
            let mut request =
                CloneRequest { flags: u64::from(NAMESPACES.unsigned_abs()), ..CloneRequest::default() };
            match group.entry() {
                Entry::V2(folder) => {
                    request.cgroup = Some(folder);
                    self.start(&request, &[])
                }
                Entry::V1(tasks) => self.start(&request, tasks),
            }
        });
        group.remove()?;
        ended
    }

    fn start(&self, request: &CloneRequest<'_>, tasks: &[OwnedFd]) -> Result<(), SandboxError> {
        let argv = [self.program.as_ptr(), ptr::null()];
        let envp = [ptr::null()];
        // SAFETY: the child makes system calls on memory that was made before, and execs or exits.
        let cloned = unsafe { clone3(request) };
        let child = match cloned.map_err(SandboxError::namespaces)? {
            Cloned::Parent(child) => child,
            Cloned::Child => {
                if tasks.iter().all(|file| nix::unistd::write(file, b"0").is_ok()) {
                    // SAFETY: both arrays are null-terminated and point to C strings of the parent's copy.
                    unsafe { process::execute(self.program.as_ptr(), argv.as_ptr(), envp.as_ptr()) };
                }
                process::exit_now(NOT_EXECUTED.into())
            }
        };
        let failed = |errno| SandboxError::system("run the program to measure", errno);
        match pidfd::wait(child.pidfd.as_fd()).map_err(failed)? {
            End::Exited(0) => Ok(()),
            End::Exited(NOT_EXECUTED) => Err(failed(Errno::ENOEXEC)),
            End::Exited(_) | End::Killed(_) => Err(failed(Errno::ECANCELED)),
        }
    }
}

//! What can be done with processes by descriptor.

use std::os::fd::{AsFd, BorrowedFd};

use nix::errno::Errno;
use nix::unistd::ForkResult;

use super::sys;
use super::trial::{Failed, Step, Tried, attempt};
use crate::sys::clone::Cloned;
use crate::sys::pidfd::{self, End};
use crate::sys::process::exit_now;

/// What can be done with processes by descriptor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Processes {
    /// `pidfd_open`, and waiting on the descriptor.
    pub pidfd: Tried,
    /// `clone3` with a descriptor for the child.
    pub clone3: Tried,
}

impl Processes {
    pub(super) fn probe() -> Self {
        Self { pidfd: attempt(wait_by_descriptor), clone3: attempt(|| clone_and_wait(Step::Clone3, None)) }
    }
}

fn wait_by_descriptor() -> Result<(), Failed> {
    match sys::fork().map_err(|errno| Step::Fork.failed(errno))? {
        ForkResult::Child => exit_now(7),
        ForkResult::Parent { child } => {
            let pidfd = pidfd::open(child.as_raw()).map_err(|errno| Step::OpenPidfd.failed(errno))?;
            expect_exit(pidfd.as_fd(), 7)
        }
    }
}

/// Makes a child in this cgroup, if one is given, and waits for it; `step` is what to blame.
pub(super) fn clone_and_wait(step: Step, cgroup: Option<BorrowedFd<'_>>) -> Result<(), Failed> {
    match sys::clone3(cgroup).map_err(|errno| step.failed(errno))? {
        Cloned::Child => exit_now(9),
        Cloned::Parent(child) => expect_exit(child.pidfd.as_fd(), 9),
    }
}

fn expect_exit(pidfd: BorrowedFd<'_>, code: u8) -> Result<(), Failed> {
    match pidfd::wait(pidfd) {
        Ok(End::Exited(found)) if found == code => Ok(()),
        Ok(End::Exited(_) | End::Killed(_)) => Err(Step::WaitPidfd.failed(Errno::ECHILD)),
        Err(errno) => Err(Step::WaitPidfd.failed(errno)),
    }
}

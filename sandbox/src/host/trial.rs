//! Trying things out: each trial runs in a forked child, so nothing it does touches this process.
//!
//! A trial makes system calls on data that exists before the fork and nothing else: the parent may have
//! other threads, and the child has a copy of whatever they held.

use std::fmt;
use std::os::fd::{AsFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, pipe2, read, write};

use super::sys;
use crate::sys::process::exit_now;

/// What came of trying one thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tried {
    /// It was done.
    Works,
    /// A step of it failed.
    Fails(Failed),
    /// The trying process was killed before it could report, as some seccomp filters do.
    Killed,
}

/// The step of a trial that failed, and what the kernel said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failed {
    /// The step.
    pub step: Step,
    /// What the kernel said.
    pub errno: Errno,
}

impl Tried {
    /// Whether it was done.
    pub fn works(self) -> bool {
        self == Self::Works
    }

    /// Whether it failed with this errno.
    pub fn failed_with(self, errno: Errno) -> bool {
        matches!(self, Self::Fails(failed) if failed.errno == errno)
    }
}

impl From<Result<(), Failed>> for Tried {
    fn from(result: Result<(), Failed>) -> Self {
        match result {
            Ok(()) => Self::Works,
            Err(failed) => Self::Fails(failed),
        }
    }
}

impl fmt::Display for Tried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Works => f.write_str("works"),
            Self::Fails(Failed { step, errno }) => write!(f, "cannot {step}: {}", errno.desc()),
            Self::Killed => f.write_str("whoever tries is killed"),
        }
    }
}

macro_rules! steps {
    ($($(#[doc = $doc:literal])* $name:ident => $text:literal,)*) => {
        /// One step of a trial; it prints as what was being done.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(u8)]
        #[expect(missing_docs, reason = "the texts below are the documentation")]
        pub enum Step { $($name,)* }

        impl Step {
            const ALL: &[Self] = &[$(Self::$name,)*];

            const fn text(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

steps! {
    Prepare => "prepare the trial",
    Fork => "make a process",
    UserNamespace => "make a user namespace",
    IdMaps => "map user ids into a user namespace",
    Namespace => "make the namespace",
    Private => "make mounts private",
    MountProc => "mount a fresh /proc",
    MountTmpfs => "mount a tmpfs",
    MountOverlay => "mount an overlay",
    OpenTree => "clone a mount (open_tree)",
    FsOpen => "make a file system (fsopen, fsconfig, fsmount)",
    MoveMount => "attach a mount (move_mount)",
    MountAttributes => "change a mount (mount_setattr)",
    IdMapping => "id-map a mount (mount_setattr)",
    OpenPidfd => "open a process (pidfd_open)",
    WaitPidfd => "wait on a process (waitid P_PIDFD)",
    Clone3 => "make a process (clone3)",
    IntoCgroup => "make a process in a cgroup (CLONE_INTO_CGROUP)",
    EnterGroups => "enter a cgroup",
    NoNewPrivileges => "set no_new_privs",
    SeccompAction => "ask for seccomp's user notification",
    SeccompFilter => "install a seccomp filter",
    SeccompListener => "install a seccomp filter with a listener",
}

impl Step {
    /// Says what failed when it failed.
    pub(super) const fn failed(self, errno: Errno) -> Failed {
        Failed { step: self, errno }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

/// Runs `trial` in a child and tells what came of it.
pub(super) fn attempt(trial: impl FnOnce() -> Result<(), Failed>) -> Tried {
    let (reader, writer) = match pipe2(OFlag::O_CLOEXEC) {
        Ok(ends) => ends,
        Err(errno) => return Tried::Fails(Step::Prepare.failed(errno)),
    };
    match sys::fork() {
        Err(errno) => Tried::Fails(Step::Fork.failed(errno)),
        Ok(ForkResult::Child) => report_and_exit(&writer, trial()),
        Ok(ForkResult::Parent { child }) => {
            drop(writer);
            let tried = receive(&reader);
            reap(child);
            tried
        }
    }
}

/// Goes on in a child of the trial's own process, which is where a new PID namespace starts.
pub(super) fn in_child(step: Step, trial: impl FnOnce() -> Result<(), Errno>) -> Result<(), Failed> {
    match sys::fork() {
        Err(errno) => Err(Step::Fork.failed(errno)),
        Ok(ForkResult::Child) => exit_now(trial().map_or_else(|errno| errno as i32, |()| 0)),
        Ok(ForkResult::Parent { child }) => match waitpid(child, None) {
            Ok(WaitStatus::Exited(_, 0)) => Ok(()),
            Ok(WaitStatus::Exited(_, code)) => Err(step.failed(Errno::from_raw(code))),
            Ok(_) => Err(step.failed(Errno::EINTR)),
            Err(errno) => Err(step.failed(errno)),
        },
    }
}

/// A child that made something and stays until this is dropped, so that the parent can take hold of it.
pub(super) struct Held {
    pid: Pid,
    release: Option<OwnedFd>,
}

impl Held {
    /// Runs `make` in a child that then waits.
    pub(super) fn start(make: impl FnOnce() -> Result<(), Failed>) -> Result<Self, Tried> {
        let ends = || pipe2(OFlag::O_CLOEXEC).map_err(|errno| Tried::Fails(Step::Prepare.failed(errno)));
        let ((reader, writer), (parked, release)) = (ends()?, ends()?);
        match sys::fork() {
            Err(errno) => Err(Tried::Fails(Step::Fork.failed(errno))),
            Ok(ForkResult::Child) => {
                drop(release);
                send(&writer, make());
                // Ends with the parent's end of the pipe, whether it was dropped or died with its process.
                read(&parked, &mut [0]).ok();
                exit_now(0)
            }
            Ok(ForkResult::Parent { child }) => {
                let held = Self { pid: child, release: Some(release) };
                drop(writer);
                match receive(&reader) {
                    Tried::Works => Ok(held),
                    failed @ (Tried::Fails(_) | Tried::Killed) => Err(failed),
                }
            }
        }
    }

    /// The child's number, which stays its own until this is dropped.
    pub(super) fn pid(&self) -> Pid {
        self.pid
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        drop(self.release.take());
        reap(self.pid);
    }
}

fn report_and_exit(writer: &OwnedFd, result: Result<(), Failed>) -> ! {
    send(writer, result);
    exit_now(0)
}

/// One byte for the step (`u8::MAX` for none) and four for the errno.
fn send(writer: &OwnedFd, result: Result<(), Failed>) {
    let (step, errno) = match result {
        Ok(()) => (u8::MAX, 0),
        Err(Failed { step, errno }) => (step as u8, errno as i32),
    };
    let [a, b, c, d] = errno.to_ne_bytes();
    // A parent that is gone wants no report.
    write(writer.as_fd(), &[step, a, b, c, d]).ok();
}

fn receive(reader: &OwnedFd) -> Tried {
    let mut message = [0; 5];
    let length = loop {
        match read(reader, &mut message) {
            Err(Errno::EINTR) => {}
            other => break other,
        }
    };
    // Five bytes come through a pipe whole or not at all.
    let (step, errno) = match (length, message) {
        (Ok(5), [step, a, b, c, d]) => (step, i32::from_ne_bytes([a, b, c, d])),
        (Ok(_), _) => return Tried::Killed,
        (Err(errno), _) => return Tried::Fails(Step::Prepare.failed(errno)),
    };
    match Step::ALL.get(usize::from(step)) {
        Some(step) => Tried::Fails(step.failed(Errno::from_raw(errno))),
        None => Tried::Works,
    }
}

/// Takes the end of a child; the trial's result came by the pipe, so the status says nothing more.
fn reap(child: Pid) {
    while waitpid(child, None) == Err(Errno::EINTR) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trial_reports_its_failing_step() {
        assert_eq!(attempt(|| Ok(())), Tried::Works);
        for &step in Step::ALL {
            let failed = step.failed(Errno::EPERM);
            assert_eq!(attempt(|| Err(failed)), Tried::Fails(failed));
        }
        let failed = Step::MountProc.failed(Errno::EPERM);
        assert_eq!(Tried::Fails(failed).to_string(), "cannot mount a fresh /proc: Operation not permitted");
    }

    #[test]
    fn a_trial_that_dies_is_told_apart() {
        assert_eq!(attempt(|| exit_now(0)), Tried::Killed);
    }

    #[test]
    fn a_child_of_a_trial_hands_up_its_errno() {
        let failed = attempt(|| in_child(Step::MountProc, || Err(Errno::EACCES)));
        assert_eq!(failed, Tried::Fails(Step::MountProc.failed(Errno::EACCES)));
        assert_eq!(attempt(|| in_child(Step::MountProc, || Ok(()))), Tried::Works);
    }

    #[test]
    fn what_is_held_ends_when_let_go() {
        let held = Held::start(|| Ok(())).map_err(|tried| tried.to_string()).unwrap();
        let proc = format!("/proc/{}", held.pid());
        assert!(std::path::Path::new(&proc).exists());
        drop(held);
        assert!(!std::path::Path::new(&proc).exists());
        assert!(Held::start(|| Err(Step::IdMaps.failed(Errno::EPERM))).is_err());
    }
}

//! What can be laid on a process so that the kernel refuses its calls: seccomp and Landlock.

use nix::errno::Errno;
use nix::sys::prctl::set_no_new_privs;

use super::sys;
use super::trial::{Failed, Step, Tried, attempt};

/// What can confine a process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confinement {
    /// A seccomp filter.
    pub filter: Tried,
    /// A seccomp filter that hands calls to a supervisor.
    pub notification: Tried,
    /// The version of the Landlock interface, or why there is none.
    pub landlock: Result<u32, Errno>,
}

impl Confinement {
    pub(super) fn probe() -> Self {
        Self {
            filter: attempt(|| install(Step::SeccompFilter, 0)),
            notification: attempt(listen),
            landlock: sys::landlock_version(),
        }
    }
}

fn install(step: Step, flags: u64) -> Result<(), Failed> {
    set_no_new_privs().map_err(|errno| Step::NoNewPrivileges.failed(errno))?;
    sys::seccomp_allow_all(flags).map(drop).map_err(|errno| step.failed(errno))
}

fn listen() -> Result<(), Failed> {
    sys::seccomp_knows(libc::SECCOMP_RET_USER_NOTIF)
        .and_then(|()| sys::seccomp_notification_sizes())
        .map_err(|errno| Step::SeccompAction.failed(errno))?;
    install(Step::SeccompListener, libc::SECCOMP_FILTER_FLAG_NEW_LISTENER)
}

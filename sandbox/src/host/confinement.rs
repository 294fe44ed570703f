//! What can be laid on a process so that the kernel refuses its calls: seccomp and Landlock.

use nix::sys::prctl::set_no_new_privs;

use super::sys;
use super::trial::{Failed, Step, Tried, attempt};
use crate::sys::landlock::Abi;

/// What can confine a process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confinement {
    /// A seccomp filter.
    pub filter: Tried,
    /// A seccomp filter that hands calls to a supervisor.
    pub notification: Tried,
    /// The version of the Landlock interface.
    pub landlock: Option<u32>,
}

impl Confinement {
    pub(super) fn probe() -> Self {
        Self {
            filter: attempt(|| install(Step::SeccompFilter, 0)),
            notification: attempt(listen),
            landlock: Abi::of_kernel().map(Abi::number),
        }
    }
}

fn install(step: Step, flags: libc::c_ulong) -> Result<(), Failed> {
    set_no_new_privs().map_err(|errno| Step::NoNewPrivileges.failed(errno))?;
    sys::seccomp_allow_all(flags).map_err(|errno| step.failed(errno))
}

fn listen() -> Result<(), Failed> {
    sys::seccomp_knows(libc::SECCOMP_RET_USER_NOTIF)
        .and_then(|()| sys::seccomp_notification_sizes())
        .map_err(|errno| Step::SeccompAction.failed(errno))?;
    install(Step::SeccompListener, libc::SECCOMP_FILTER_FLAG_NEW_LISTENER)
}

//! What can go wrong on our side. What a program does is an outcome, never one of these.

use nix::errno::Errno;

/// A fault of Dayfly or of the host, or something asked for that cannot be had here.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SandboxError {
    /// A system call of the supervisor failed.
    #[error("cannot {action}: {errno}")]
    System {
        /// What was being done: "make an eventfd".
        action: &'static str,
        /// What the kernel said.
        errno: Errno,
    },
    /// Control groups cannot do here what was asked of them.
    #[error(transparent)]
    Cgroup(#[from] crate::CgroupError),
    /// No slot can be had.
    #[error(transparent)]
    Slot(#[from] crate::SlotError),
}

impl SandboxError {
    pub(crate) fn system(action: &'static str, errno: Errno) -> Self {
        Self::System { action, errno }
    }
}

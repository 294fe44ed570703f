//! What can go wrong with control groups. Each error names the place and what to do about it.

use std::path::{Path, PathBuf};

use dayfly_jobs::Limit;
use nix::errno::Errno;

/// Control groups cannot do here what was asked of them.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CgroupError {
    /// A system call on a control file failed.
    #[error("cannot {action} {path}: {errno}; {fix}", path = path.display())]
    File {
        /// What was being done: "write 64 to".
        action: String,
        /// The file or folder.
        path: PathBuf,
        /// What the kernel said.
        errno: Errno,
        /// What to do about it.
        fix: String,
    },
    /// A control file holds what we do not understand.
    #[error("{path} holds {text:?} where {expected} was expected; report this with the kernel's version", path = path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The beginning of what it holds.
        text: String,
        /// What should have been there.
        expected: &'static str,
    },
    /// This host has no control groups we can use.
    #[error("no usable control groups: {reason}; {fix}")]
    Unusable {
        /// Why.
        reason: String,
        /// What to do about it.
        fix: String,
    },
    /// A limit that was asked for cannot be enforced on this host.
    #[error("the limit {limit} cannot be enforced here: {reason}; {fix}")]
    Lacking {
        /// The limit.
        limit: Limit,
        /// Why.
        reason: String,
        /// What to do about it.
        fix: String,
    },
    /// The processors that were asked for are not all to be had.
    #[error(
        "the limit cpus cannot be pin:{set}: {reason}; choose among those in {available}",
        available = available.display()
    )]
    Pin {
        /// The processors that were asked for.
        set: String,
        /// What is wrong with them.
        reason: String,
        /// The file that lists those that are to be had.
        available: PathBuf,
    },
    /// Processes outlived SIGKILL for longer than we wait.
    #[error(
        "processes in {path} are still there {waited_ms} ms after SIGKILL, so they hang in the kernel; \
         when they are gone, `dayfly doctor --sweep` removes the group",
        path = path.display()
    )]
    StillAlive {
        /// The group.
        path: PathBuf,
        /// How long was waited.
        waited_ms: u128,
    },
}

pub(super) const DELEGATE_FIX: &str =
    "run as root, or in a scope of your own: systemd-run --user --scope -p Delegate=yes dayfly ...";

impl CgroupError {
    pub(super) fn file(action: impl Into<String>, path: impl AsRef<Path>, errno: Errno) -> Self {
        let path = path.as_ref().to_path_buf();
        Self::File { action: action.into(), fix: fix(errno), path, errno }
    }

    pub(super) fn malformed(path: PathBuf, text: &str, expected: &'static str) -> Self {
        Self::Malformed { path, text: text.chars().take(80).collect(), expected }
    }

    pub(super) fn unusable(reason: impl Into<String>, fix: impl Into<String>) -> Self {
        Self::Unusable { reason: reason.into(), fix: fix.into() }
    }
}

fn fix(errno: Errno) -> String {
    if matches!(errno, Errno::EACCES | Errno::EPERM) {
        DELEGATE_FIX.into()
    } else if errno == Errno::EROFS {
        "mount the cgroup file system writable (in a container: a private cgroup namespace and a writable \
         /sys/fs/cgroup)"
            .into()
    } else if matches!(errno, Errno::EMFILE | Errno::ENFILE) {
        "raise the limit on open files (ulimit -n)".into()
    } else if matches!(errno, Errno::ENOENT | Errno::ENODEV) {
        "something else removed it or this kernel lacks it; let no other program manage Dayfly's groups"
            .into()
    } else if errno == Errno::EBUSY {
        "the group has processes of its own: name a parent group that has none".into()
    } else if errno == Errno::EAGAIN {
        "raise cgroup.max.descendants or cgroup.max.depth of the parent group".into()
    } else {
        "see what `dayfly doctor` says about control groups".into()
    }
}

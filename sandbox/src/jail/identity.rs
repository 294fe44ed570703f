//! Who the job is, inside and outside.

use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use crate::sys::clone::{Child, CloneRequest, Cloned, clone3};
use crate::sys::{pidfd, process};

/// The job's user and group id inside every jail.
pub(crate) const JOB_ID: u32 = 1000;

/// Which ids of the host stand behind the ids of one jail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Identity {
    /// A range of the host's ids for this jail alone; needs root.
    Range {
        /// The host's id behind id 0.
        first: u32,
        /// How many.
        count: u32,
    },
    /// The ids of the user we run for, and nothing else.
    Own {
        /// The host's user id behind the job's.
        uid: u32,
        /// The host's group id behind the job's.
        gid: u32,
    },
}

impl Identity {
    pub(crate) fn is_range(self) -> bool {
        matches!(self, Self::Range { .. })
    }

    /// The host's id behind id 0, where there is a range.
    pub(crate) fn first(self) -> Option<u32> {
        match self {
            Self::Range { first, .. } => Some(first),
            Self::Own { .. } => None,
        }
    }

    /// The host's user id of the job.
    pub(crate) fn job(self) -> u32 {
        match self {
            Self::Range { first, .. } => first + JOB_ID,
            Self::Own { uid, .. } => uid,
        }
    }

    /// Writes the maps of a child's new user namespace. The child has not been waited for, so its number is
    /// still its own.
    pub(crate) fn write_maps(self, pid: libc::pid_t) -> io::Result<()> {
        match self {
            Self::Range { first, count } => {
                fs::write(format!("/proc/{pid}/uid_map"), format!("0 {first} {count}"))?;
                fs::write(format!("/proc/{pid}/gid_map"), format!("0 {first} {count}"))
            }
            Self::Own { uid, gid } => {
                // The kernel lets an unprivileged user map a group only when nobody inside can drop groups.
                fs::write(format!("/proc/{pid}/setgroups"), "deny")?;
                fs::write(format!("/proc/{pid}/uid_map"), format!("{JOB_ID} {uid} 1"))?;
                fs::write(format!("/proc/{pid}/gid_map"), format!("{JOB_ID} {gid} 1"))
            }
        }
    }
}

/// A user namespace that shows files of `uid` and `gid` as the job's own, for id-mapped mounts.
pub(crate) fn owner_map(uid: u32, gid: u32, job: u32) -> io::Result<OwnedFd> {
    let request =
        CloneRequest { flags: u64::from(libc::CLONE_NEWUSER.unsigned_abs()), ..CloneRequest::default() };
    let us = nix::unistd::getpid().as_raw();
    // SAFETY: the child does nothing but sleep.
    match unsafe { clone3(&request) }? {
        Cloned::Child => process::sleep_below(us),
        Cloned::Parent(child) => {
            let namespace = map_owner(&child, uid, gid, job);
            pidfd::kill(child.pidfd.as_fd())?;
            pidfd::wait(child.pidfd.as_fd())?;
            namespace
        }
    }
}

fn map_owner(child: &Child, uid: u32, gid: u32, job: u32) -> io::Result<OwnedFd> {
    let pid = child.pid;
    fs::write(format!("/proc/{pid}/uid_map"), format!("{uid} {job} 1"))?;
    fs::write(format!("/proc/{pid}/gid_map"), format!("{gid} {job} 1"))?;
    Ok(fs::File::open(format!("/proc/{pid}/ns/user"))?.into())
}

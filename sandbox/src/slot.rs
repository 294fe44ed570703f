//! Slots: numbers that one living sandbox at a time may hold, each with a range of user ids.
//!
//! A slot is an advisory lock on a small file. The lock vanishes with its holder, so there is no state to go
//! stale; the files stay, because removing a file that others lock by name would let two hold one number.
//! Whoever holds a slot may kill and remove the groups that carry its number, so it is claimed among the groups
//! as well: others may share those without sharing the folder.

mod state;

use std::fmt;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg, OFlag, openat};
use nix::sys::stat::Mode;

use crate::cgroup::{CgroupError, Claim, Driver, GroupName};

/// User ids in one slot's range.
pub(crate) const UIDS_PER_SLOT: u32 = 65_536;
const FIRST_UID: u32 = 0x7000_0000;
const SLOTS: u16 = 4096;

/// The number of a slot, below 4096.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct SlotNumber(u16);

impl SlotNumber {
    /// The slot with this number, if there is one.
    pub(crate) const fn new(number: u16) -> Option<Self> {
        if number < SLOTS { Some(Self(number)) } else { None }
    }

    /// The number itself.
    pub(crate) const fn get(self) -> u16 {
        self.0
    }

    /// The first of the [`UIDS_PER_SLOT`] user ids that belong to this slot and to no other.
    pub(crate) fn first_uid(self) -> u32 {
        FIRST_UID + u32::from(self.0) * UIDS_PER_SLOT
    }
}

impl fmt::Display for SlotNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The folder with the lock files.
#[derive(Debug)]
pub(crate) struct Slots {
    folder: OwnedFd,
    path: PathBuf,
}

/// A slot held by this process until dropped.
#[derive(Debug)]
pub(crate) struct Slot {
    number: SlotNumber,
    // Given back first, so that who finds the lock free finds the number unclaimed.
    _claim: Option<Claim>,
    _lock: Flock<OwnedFd>,
}

/// A slot cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SlotError {
    /// A system call on the state folder or a lock failed.
    #[error("cannot {action} {path}: {errno}; {fix}", path = path.display())]
    File {
        /// What was being done: "make the folder".
        action: &'static str,
        /// Where.
        path: PathBuf,
        /// What the kernel said.
        errno: Errno,
        /// What to do about it.
        fix: String,
    },
    /// The state folder is not ours alone, so its locks mean nothing.
    #[error("{path} cannot hold locks: {reason}; {fix}", path = path.display())]
    Untrusted {
        /// The folder.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
        /// What to do about it.
        fix: String,
    },
    /// The number cannot be claimed among the control groups.
    #[error(transparent)]
    Groups(#[from] CgroupError),
    /// Every slot is held.
    #[error("all {SLOTS} slots in {path} are held by living sandboxes; run fewer at once", path = path.display())]
    AllHeld {
        /// The folder with the locks.
        path: PathBuf,
    },
}

/// Where the search for a free slot starts: the slot freed or after the slot taken last in this process.
static HINT: AtomicU16 = AtomicU16::new(0);
/// Names of groups are never used twice in one process.
static GROUPS: AtomicU64 = AtomicU64::new(0);

impl Slots {
    /// The slots of this user: below `/run/dayfly` as root, else below `$XDG_RUNTIME_DIR/dayfly`, else
    /// below `/tmp/dayfly-<uid>`.
    ///
    /// # Errors
    /// The folder cannot be made or is not ours alone.
    pub(crate) fn open_default() -> Result<Self, SlotError> {
        Self::open(&state::default_folder())
    }

    /// The slots below this state folder, which is made if it is missing.
    ///
    /// # Errors
    /// The folder cannot be made or is not ours alone.
    pub(crate) fn open(state: &Path) -> Result<Self, SlotError> {
        let path = state.join("slots");
        Ok(Self { folder: state::open_private(state, &path)?, path })
    }

    /// Takes any free slot. `driver` is where groups will be made with it, if any will.
    ///
    /// # Errors
    /// All are held, or a lock cannot be made.
    pub(crate) fn acquire(&self, driver: Option<&dyn Driver>) -> Result<Slot, SlotError> {
        let start = HINT.load(Ordering::Relaxed) % SLOTS;
        for number in (start..SLOTS).chain(0..start).filter_map(SlotNumber::new) {
            if let Some(slot) = self.try_take(number, driver)? {
                HINT.store(number.0 + 1, Ordering::Relaxed);
                return Ok(slot);
            }
        }
        Err(SlotError::AllHeld { path: self.path.clone() })
    }

    /// Takes this slot, or gives `None` when it is held.
    ///
    /// # Errors
    /// A lock cannot be made.
    pub(crate) fn try_take(
        &self,
        number: SlotNumber,
        driver: Option<&dyn Driver>,
    ) -> Result<Option<Slot>, SlotError> {
        let Some(lock) = self.try_lock(number)? else { return Ok(None) };
        let claim = match driver {
            None => None,
            Some(driver) => match driver.claim(number)? {
                // Held by somebody with another state folder.
                None => return Ok(None),
                claim => claim,
            },
        };
        Ok(Some(Slot { number, _claim: claim, _lock: lock }))
    }

    fn try_lock(&self, number: SlotNumber) -> Result<Option<Flock<OwnedFd>>, SlotError> {
        let flags = OFlag::O_RDWR | OFlag::O_CREAT | OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK;
        let file = openat(&self.folder, number.to_string().as_str(), flags, Mode::S_IRUSR | Mode::S_IWUSR)
            .map_err(|errno| self.error("open the lock", number, errno))?;
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => Ok(Some(lock)),
            Err((_, Errno::EWOULDBLOCK)) => Ok(None),
            Err((_, errno)) => Err(self.error("lock", number, errno)),
        }
    }

    fn error(&self, action: &'static str, number: SlotNumber, errno: Errno) -> SlotError {
        let fix = state::fix(errno, &self.path);
        SlotError::File { action, path: self.path.join(number.to_string()), errno, fix }
    }
}

impl Slot {
    /// Its number.
    #[cfg(test)]
    pub(crate) const fn number(&self) -> SlotNumber {
        self.number
    }

    /// The first of the [`UIDS_PER_SLOT`] user ids that are this slot's while it is held.
    pub(crate) fn first_uid(&self) -> u32 {
        self.number.first_uid()
    }

    /// A name for a control group that no other living sandbox has. A dead one may have left a group of
    /// that name; [`crate::cgroup::Driver::create`] removes such a group, which holding the slot allows.
    pub(crate) fn next_group(&self) -> GroupName {
        GroupName::new(self.number, GROUPS.fetch_add(1, Ordering::Relaxed))
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        HINT.store(self.number.0, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;

//! Slot numbers held in the parent group itself.
//!
//! The locks of [`crate::slot`] are in a state folder. Two who share control groups but not that folder (a
//! container with a `/run` of its own) would take the same number and kill each other's groups, so a number is
//! also a lock on a byte of a file of the parent group. It vanishes with its holder, too.

use std::os::fd::{AsFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::{AtFlags, FcntlArg, OFlag, fcntl};
use nix::sys::stat::{Mode, fchmod, fstatat};

use super::CgroupError;
use super::files::Dir;
use crate::slot::SlotNumber;

/// A file that every group has, for us and nobody else once [`hide`] was there: a stranger who may read it may
/// lock it.
const FILE: &str = "cgroup.procs";
/// The byte after those of all slots: shared by the living, whole for whoever removes the parent.
const PRESENCE: libc::off_t = 1 << 20;

/// A number, or the right to remove the parent, held until dropped.
#[derive(Debug)]
pub(crate) struct Claim {
    _lock: OwnedFd,
}

/// Takes a slot's number in this parent, or gives `None` when somebody holds it. The file is never seen to be
/// held in a parent that was removed: that is the error of a missing file.
pub(super) fn take(parent: &Dir, slot: SlotNumber) -> Result<Option<Claim>, CgroupError> {
    let file = parent.open_file(FILE, OFlag::O_RDWR)?;
    let failed = |errno| CgroupError::file("lock", parent.path().join(FILE), errno);
    // Waits for whoever is removing the parent at this moment.
    lock(&file, libc::F_RDLCK, PRESENCE, Patience::Wait).map_err(failed)?;
    hide(parent, &file).map_err(failed)?;
    hold(file, libc::off_t::from(slot.get()), failed)
}

/// Takes the right to remove this parent, or gives `None` while somebody holds a slot in it.
pub(super) fn take_all(parent: &Dir) -> Result<Option<Claim>, CgroupError> {
    let file = parent.open_file(FILE, OFlag::O_RDWR)?;
    hold(file, PRESENCE, |errno| CgroupError::file("lock", parent.path().join(FILE), errno))
}

fn hold(
    file: OwnedFd,
    byte: libc::off_t,
    failed: impl Fn(Errno) -> CgroupError,
) -> Result<Option<Claim>, CgroupError> {
    match lock(&file, libc::F_WRLCK, byte, Patience::Ask) {
        Ok(()) => Ok(Some(Claim { _lock: file })),
        Err(Errno::EAGAIN | Errno::EACCES) => Ok(None),
        Err(errno) => Err(failed(errno)),
    }
}

/// Makes the file ours alone; an error when it is not in the tree any more.
fn hide(parent: &Dir, file: &OwnedFd) -> Result<(), Errno> {
    let ours = Mode::S_IRUSR | Mode::S_IWUSR;
    let mode = fstatat(parent.as_fd(), FILE, AtFlags::empty())?.st_mode;
    if Mode::from_bits_truncate(mode) == ours { Ok(()) } else { fchmod(file, ours) }
}

/// Whether to wait for others.
#[derive(Clone, Copy)]
enum Patience {
    Wait,
    Ask,
}

/// Locks one byte, for this open file and not for this process: threads exclude each other, too.
fn lock(file: &OwnedFd, kind: libc::c_int, byte: libc::off_t, patience: Patience) -> Result<(), Errno> {
    let wrong = |_| Errno::EINVAL;
    let request = libc::flock {
        l_type: kind.try_into().map_err(wrong)?,
        l_whence: libc::SEEK_SET.try_into().map_err(wrong)?,
        l_start: byte,
        l_len: 1,
        l_pid: 0,
    };
    loop {
        let done = match patience {
            Patience::Wait => fcntl(file, FcntlArg::F_OFD_SETLKW(&request)),
            Patience::Ask => fcntl(file, FcntlArg::F_OFD_SETLK(&request)),
        };
        match done {
            Err(Errno::EINTR) => {}
            done => return done.map(drop),
        }
    }
}

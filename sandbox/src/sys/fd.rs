//! Descriptors: moving them to fixed numbers and closing all others.

use std::ffi::CStr;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::syscall;

/// Closes every descriptor from `first` up.
pub(crate) fn close_from(first: u32) -> nix::Result<()> {
    close_range(first, u32::MAX, 0)
}

/// Closes the descriptors from `first` to `last`, both included.
pub(crate) fn close_between(first: u32, last: u32) -> nix::Result<()> {
    close_range(first, last, 0)
}

/// Closes every descriptor but these, which are in ascending order.
pub(crate) fn close_all_but(keep: &[RawFd]) -> nix::Result<()> {
    let mut first = 0;
    for fd in keep.iter().map(|fd| fd.unsigned_abs()) {
        if fd > first {
            close_between(first, fd - 1)?;
        }
        first = fd + 1;
    }
    close_from(first)
}

/// Marks every descriptor from `first` up to be closed on exec.
pub(crate) fn close_on_exec_from(first: u32) -> nix::Result<()> {
    close_range(first, u32::MAX, libc::CLOSE_RANGE_CLOEXEC)
}

fn close_range(first: u32, last: u32, flags: libc::c_uint) -> nix::Result<()> {
    // SAFETY: takes no pointers. Callers are child processes about to exec or sleep; nothing in them uses
    // the closed descriptors afterwards.
    unsafe { syscall!(libc::SYS_close_range, first, last, flags) }.map(drop)
}

/// Makes `fd` available at exactly `number`, replacing what was there. It may be there already.
pub(crate) fn place(fd: RawFd, number: RawFd, close_on_exec: bool) -> nix::Result<()> {
    if fd == number {
        let flags = if close_on_exec { libc::FD_CLOEXEC } else { 0 };
        // SAFETY: F_SETFD takes an integer.
        return Errno::result(unsafe { libc::fcntl(fd, libc::F_SETFD, flags) }).map(drop);
    }
    let flags = if close_on_exec { libc::O_CLOEXEC } else { 0 };
    // SAFETY: dup3 takes no pointers.
    Errno::result(unsafe { libc::dup3(fd, number, flags) }).map(drop)
}

/// Copies `fd` to the lowest free number that is at least `lowest`.
pub(crate) fn lift(fd: RawFd, lowest: RawFd) -> nix::Result<RawFd> {
    // SAFETY: F_DUPFD_CLOEXEC takes an integer.
    Errno::result(unsafe { libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, lowest) })
}

/// Opens a path below `dir` and nowhere else: no symbolic link, no magic link, no way up.
pub(crate) fn open_beneath(dir: BorrowedFd<'_>, path: &CStr, flags: libc::c_int) -> nix::Result<OwnedFd> {
    let how = OpenHow {
        flags: u64::from((flags | libc::O_CLOEXEC).unsigned_abs()),
        mode: 0,
        resolve: libc::RESOLVE_BENEATH | libc::RESOLVE_NO_SYMLINKS | libc::RESOLVE_NO_MAGICLINKS,
    };
    // SAFETY: `path` is a C string and `how` a complete open_how; both outlive the call.
    let fd = unsafe {
        syscall!(libc::SYS_openat2, dir.as_raw_fd(), path.as_ptr(), &raw const how, size_of::<OpenHow>())
    }?;
    adopt(fd)
}

/// `struct open_how`, in the size every kernel with `openat2` knows.
#[repr(C)]
struct OpenHow {
    flags: u64,
    mode: u64,
    resolve: u64,
}

/// Takes ownership of a descriptor that a system call has just returned.
pub(super) fn adopt(returned: libc::c_long) -> nix::Result<OwnedFd> {
    let fd = RawFd::try_from(returned).map_err(|_| Errno::EBADF)?;
    // SAFETY: the kernel gave us this descriptor just now, so nothing else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Whether something is to be read: data, or the end.
pub(crate) fn is_readable(fd: BorrowedFd<'_>) -> bool {
    let mut fds = [PollFd::new(fd, PollFlags::POLLIN)];
    poll(&mut fds, PollTimeout::ZERO).is_ok_and(|ready| ready > 0)
}

/// Whether nobody holds the other side any more.
pub(crate) fn is_hung_up(fd: BorrowedFd<'_>) -> bool {
    let mut fds = [PollFd::new(fd, PollFlags::POLLIN)];
    let asked = poll(&mut fds, PollTimeout::ZERO);
    let [fd] = fds;
    asked.is_ok() && fd.revents().is_some_and(|events| events.contains(PollFlags::POLLHUP))
}

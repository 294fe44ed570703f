//! Processes held by descriptor: waiting for them and killing them without their number.

use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;

use super::fd::adopt;
use super::syscall;

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// It called `exit` with this status.
    Exited(u8),
    /// This signal ended it.
    Killed(u8),
}

/// A process that was waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ended {
    /// How it ended.
    pub end: End,
    /// Whose it was when it ended, by its real user id.
    pub user: libc::uid_t,
}

/// A descriptor of a process. The caller must know that `pid` cannot have been given to another process:
/// it is a child nobody has waited for.
pub(crate) fn open(pid: libc::pid_t) -> nix::Result<OwnedFd> {
    // SAFETY: takes no pointers.
    adopt(unsafe { syscall!(libc::SYS_pidfd_open, pid, 0) }?)
}

/// Kills the process; it being gone already is fine.
pub(crate) fn kill(pidfd: BorrowedFd<'_>) -> nix::Result<()> {
    let no_info = std::ptr::null::<libc::siginfo_t>();
    // SAFETY: a null siginfo makes the kernel fill it as kill(2) would.
    let sent = unsafe { syscall!(libc::SYS_pidfd_send_signal, pidfd.as_raw_fd(), libc::SIGKILL, no_info, 0) };
    match sent {
        Err(Errno::ESRCH) => Ok(()),
        other => other.map(drop),
    }
}

/// Kills and reaps a child. One that is gone already is fine; all that matters is that it is not left behind.
pub(crate) fn end(pidfd: BorrowedFd<'_>) {
    if kill(pidfd).is_ok() {
        wait(pidfd).ok();
    }
}

/// Waits for a child to end and removes it from the process table.
pub(crate) fn wait(pidfd: BorrowedFd<'_>) -> nix::Result<End> {
    loop {
        match wait_with(pidfd, 0) {
            Ok(Some(ended)) => return Ok(ended.end),
            Ok(None) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno),
        }
    }
}

/// The same without blocking: `None` while the child lives.
pub(crate) fn try_wait(pidfd: BorrowedFd<'_>) -> nix::Result<Option<Ended>> {
    wait_with(pidfd, libc::WNOHANG)
}

fn wait_with(pidfd: BorrowedFd<'_>, options: libc::c_int) -> nix::Result<Option<Ended>> {
    // SAFETY: siginfo_t is plain data for which all zeroes is a valid value.
    let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
    let id = pidfd.as_raw_fd().unsigned_abs();
    // Children of ours send no signal at their end, which makes them "clone" children: __WALL finds them.
    let options = libc::WEXITED | libc::__WALL | options;
    // SAFETY: `info` is a writable siginfo_t that outlives the call.
    Errno::result(unsafe { libc::waitid(libc::P_PIDFD, id, &raw mut info, options) })?;
    // SAFETY: after a successful waitid the fields of the SIGCHLD variant are set, or all zero.
    let pid = unsafe { info.si_pid() };
    // SAFETY: as above.
    let status = unsafe { info.si_status() };
    // SAFETY: as above.
    let user = unsafe { info.si_uid() };
    if pid == 0 {
        return Ok(None);
    }
    let status = u8::try_from(status & 0xff).map_err(|_| Errno::EOVERFLOW)?;
    let end = if info.si_code == libc::CLD_EXITED { End::Exited(status) } else { End::Killed(status & 0x7f) };
    Ok(Some(Ended { end, user }))
}

/// Moves the caller into one namespace, given by its file.
pub(crate) fn enter_namespace(file: BorrowedFd<'_>) -> nix::Result<()> {
    // SAFETY: takes no pointers. The caller has one thread, as joining a user namespace demands.
    Errno::result(unsafe { libc::setns(file.as_raw_fd(), 0) }).map(drop)
}

//! `clone3`, with the flags a jail needs.

use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use nix::errno::Errno;

use super::syscall;

/// What to make new, and where to put it.
#[derive(Debug, Default)]
pub(crate) struct CloneRequest<'a> {
    /// `CLONE_NEW*` and `CLONE_PARENT`.
    pub flags: u64,
    /// Start the child in this cgroup (v2).
    pub cgroup: Option<BorrowedFd<'a>>,
}

/// Which side of the clone we are on.
#[derive(Debug)]
pub(crate) enum Cloned {
    /// The new process.
    Child,
    /// The old one, with the child's number (in our PID namespace) and descriptor.
    Parent(Child),
}

/// A child process, held by descriptor so that its number cannot come to mean another process.
#[derive(Debug)]
pub(crate) struct Child {
    /// Its number; valid for as long as it has not been waited for.
    pub pid: libc::pid_t,
    /// Its pidfd.
    pub pidfd: OwnedFd,
}

/// Makes a child process. Signal handlers of ours are not kept in it, and its end sends us no signal, so
/// it never disturbs a program that waits for children of its own.
///
/// # Safety
/// The child is a copy of one thread of a process that may have more: it may only do what is async-signal-
/// safe (no allocation, no locks) until it execs or exits, and it must not return from the function that
/// called this.
pub(crate) unsafe fn clone3(request: &CloneRequest<'_>) -> nix::Result<Cloned> {
    let mut pidfd: libc::c_int = -1;
    let cgroup = request.cgroup.map_or(0, |fd| u64::from(fd.as_raw_fd().unsigned_abs()));
    let into_cgroup = if request.cgroup.is_some() { CLONE_INTO_CGROUP } else { 0 };
    let args = libc::clone_args {
        flags: request.flags
            | into_cgroup
            | CLONE_CLEAR_SIGHAND
            | u64::from(libc::CLONE_PIDFD.unsigned_abs()),
        pidfd: (&raw mut pidfd).addr() as u64,
        child_tid: 0,
        parent_tid: 0,
        exit_signal: 0,
        stack: 0,
        stack_size: 0,
        tls: 0,
        set_tid: 0,
        set_tid_size: 0,
        cgroup,
    };
    // SAFETY: `args` is a complete clone_args that outlives the call, `pidfd` is writable, and no stack is
    // given, so the child continues on its own copy of ours.
    let pid = unsafe { syscall!(libc::SYS_clone3, &raw const args, size_of::<libc::clone_args>()) }?;
    if pid == 0 {
        return Ok(Cloned::Child);
    }
    let pid = libc::pid_t::try_from(pid).map_err(|_| Errno::EOVERFLOW)?;
    // SAFETY: the kernel stored a new descriptor of ours there, as CLONE_PIDFD asks.
    let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd) };
    Ok(Cloned::Parent(Child { pid, pidfd }))
}

/// Resets handled signals to their default in the child (Linux 5.5).
const CLONE_CLEAR_SIGHAND: u64 = 0x1_0000_0000;
/// Starts the child in the cgroup whose folder is given (Linux 5.7).
const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;

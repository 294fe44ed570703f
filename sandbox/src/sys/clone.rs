//! `clone3`, with the flags a jail needs.

use std::num::NonZeroUsize;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicI32, Ordering};

use nix::errno::Errno;
use nix::sys::mman::{MapFlags, ProtFlags, mmap_anonymous, munmap};

use super::syscall;

/// What to make new, and where to put it.
#[derive(Debug, Default)]
pub(crate) struct CloneRequest<'a> {
    /// `CLONE_NEW*` and `CLONE_PARENT`.
    pub flags: u64,
    /// Start the child in this cgroup (v2).
    pub cgroup: Option<BorrowedFd<'a>>,
    /// Where the kernel notes the child's number, before the child runs.
    pub born: Option<&'a SharedNumber>,
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
    let note = if request.born.is_some() { u64::from(libc::CLONE_PARENT_SETTID.unsigned_abs()) } else { 0 };
    let into_cgroup = if request.cgroup.is_some() { CLONE_INTO_CGROUP } else { 0 };
    let args = libc::clone_args {
        flags: request.flags
            | into_cgroup
            | note
            | CLONE_CLEAR_SIGHAND
            | u64::from(libc::CLONE_PIDFD.unsigned_abs()),
        pidfd: (&raw mut pidfd).addr() as u64,
        child_tid: 0,
        parent_tid: request.born.map_or(0, |born| born.0.as_ptr().addr() as u64),
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

/// A process number in memory that survives a clone as the same memory. What the kernel notes there is
/// known to all who share it, however the process that cloned ends.
#[derive(Debug)]
pub(crate) struct SharedNumber(NonNull<AtomicI32>);

// SAFETY: the memory is only reached through an atomic, and unmapped by the one owner's drop.
unsafe impl Send for SharedNumber {}

impl SharedNumber {
    pub(crate) fn new() -> nix::Result<Self> {
        let protection = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        // SAFETY: a fresh anonymous mapping overlaps nothing.
        let page = unsafe { mmap_anonymous(None, LENGTH, protection, MapFlags::MAP_SHARED) }?;
        Ok(Self(page.cast()))
    }

    /// The number, if a process was made.
    pub(crate) fn get(&self) -> Option<libc::pid_t> {
        // SAFETY: the mapping lives as long as this value, is zeroed at first, and aligned to a page.
        let number = unsafe { self.0.as_ref() }.load(Ordering::Acquire);
        (number > 0).then_some(number)
    }
}

impl Drop for SharedNumber {
    fn drop(&mut self) {
        // SAFETY: mapped by `new` with this length, and nothing refers to it any more.
        let unmapped = unsafe { munmap(self.0.cast(), LENGTH.get()) };
        debug_assert!(unmapped.is_ok());
    }
}

const LENGTH: NonZeroUsize = NonZeroUsize::new(size_of::<AtomicI32>()).unwrap();

/// Resets handled signals to their default in the child (Linux 5.5).
const CLONE_CLEAR_SIGHAND: u64 = 0x1_0000_0000;
/// Starts the child in the cgroup whose folder is given (Linux 5.7).
const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;

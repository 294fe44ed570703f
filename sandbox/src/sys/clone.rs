//! `clone3`, with the flags a jail needs.

use std::num::NonZeroUsize;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

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
    pub born: Option<&'a AtomicI32>,
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
        parent_tid: request.born.map_or(0, |born| born.as_ptr().addr() as u64),
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

/// Process numbers in memory that survives a clone as the same memory. What the kernel notes there is known to
/// all who share it, however the process that cloned ends.
#[derive(Debug)]
pub(crate) struct SharedNumbers {
    first: NonNull<AtomicI32>,
    count: usize,
    /// Those that nobody uses.
    free: Mutex<Vec<usize>>,
}

// SAFETY: the memory is only reached through atomics, and unmapped by the one owner's drop.
unsafe impl Send for SharedNumbers {}
// SAFETY: as above.
unsafe impl Sync for SharedNumbers {}

impl SharedNumbers {
    pub(crate) fn new(count: NonZeroUsize) -> nix::Result<Arc<Self>> {
        let protection = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        // SAFETY: a fresh anonymous mapping overlaps nothing.
        let page = unsafe { mmap_anonymous(None, length(count)?, protection, MapFlags::MAP_SHARED) }?;
        let count = count.get();
        Ok(Arc::new(Self { first: page.cast(), count, free: Mutex::new((0..count).collect()) }))
    }

    /// One of them. Needs no lock, so a child process may ask.
    pub(crate) fn at(&self, index: usize) -> Option<&AtomicI32> {
        if index >= self.count {
            return None;
        }
        // SAFETY: the index is inside the mapping.
        let place = unsafe { self.first.add(index) };
        // SAFETY: the mapping lives as long as this value, is zeroed at first, and is aligned to a page.
        Some(unsafe { place.as_ref() })
    }

    /// One that nobody else uses until it is dropped; `None` when all are taken.
    pub(crate) fn take(self: &Arc<Self>) -> Option<SharedNumber> {
        let index = self.free.lock().unwrap_or_else(PoisonError::into_inner).pop()?;
        Some(SharedNumber { of: Arc::clone(self), index })
    }
}

impl Drop for SharedNumbers {
    fn drop(&mut self) {
        let Some(length) = NonZeroUsize::new(self.count).and_then(|count| length(count).ok()) else { return };
        // SAFETY: mapped by `new` with this length, and nothing refers to it any more.
        let unmapped = unsafe { munmap(self.first.cast(), length.get()) };
        debug_assert!(unmapped.is_ok());
    }
}

fn length(count: NonZeroUsize) -> nix::Result<NonZeroUsize> {
    NonZeroUsize::new(size_of::<AtomicI32>()).and_then(|one| one.checked_mul(count)).ok_or(Errno::ENOMEM)
}

/// One shared number.
#[derive(Debug)]
pub(crate) struct SharedNumber {
    of: Arc<SharedNumbers>,
    index: usize,
}

impl SharedNumber {
    /// One in memory of its own.
    pub(crate) fn new() -> nix::Result<Self> {
        SharedNumbers::new(NonZeroUsize::MIN)?.take().ok_or(Errno::EAGAIN)
    }

    /// Which one it is.
    pub(crate) fn index(&self) -> usize {
        self.index
    }

    /// Where the kernel is to note it.
    pub(crate) fn place(&self) -> Option<&AtomicI32> {
        self.of.at(self.index)
    }

    /// The number, if a process was made.
    pub(crate) fn get(&self) -> Option<libc::pid_t> {
        let number = self.place()?.load(Ordering::Acquire);
        (number > 0).then_some(number)
    }
}

impl Drop for SharedNumber {
    fn drop(&mut self) {
        if let Some(place) = self.place() {
            place.store(0, Ordering::Release);
        }
        self.of.free.lock().unwrap_or_else(PoisonError::into_inner).push(self.index);
    }
}

/// Resets handled signals to their default in the child (Linux 5.5).
const CLONE_CLEAR_SIGHAND: u64 = 0x1_0000_0000;
/// Starts the child in the cgroup whose folder is given (Linux 5.7).
const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;

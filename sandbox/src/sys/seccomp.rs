//! Installing a filter, and hearing from it.

use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;

use super::fd::adopt;
use super::syscall;

/// The call that a filter handed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stopped {
    /// The architecture the call was made for (`AUDIT_ARCH_*`).
    pub arch: u32,
    /// The call's number there.
    pub number: i32,
}

/// Installs a filter for this process and all it will start, and gives the descriptor on which calls the
/// filter hands over can be received.
///
/// # Safety
/// `program` points at `len` instructions in the kernel's `sock_filter` layout.
pub(crate) unsafe fn install(program: *const libc::sock_filter, len: u16) -> nix::Result<OwnedFd> {
    let filter = libc::sock_fprog { len, filter: program.cast_mut() };
    let (operation, flags) = (libc::SECCOMP_SET_MODE_FILTER, libc::SECCOMP_FILTER_FLAG_NEW_LISTENER);
    // SAFETY: `filter` describes the caller's instructions, which the kernel copies.
    adopt(unsafe { syscall!(libc::SYS_seccomp, operation, flags, &raw const filter) }?)
}

/// Receives one call from a filter's descriptor; `None` when its process is gone already.
pub(crate) fn receive(listener: BorrowedFd<'_>) -> nix::Result<Option<Stopped>> {
    // SAFETY: seccomp_notif is plain data, and the kernel wants it zeroed.
    let mut notice: libc::seccomp_notif = unsafe { std::mem::zeroed() };
    // SAFETY: `notice` is a writable seccomp_notif that outlives the call.
    let got = unsafe { libc::ioctl(listener.as_raw_fd(), NOTIF_RECV, &raw mut notice) };
    match Errno::result(got) {
        Ok(_) => Ok(Some(Stopped { arch: notice.data.arch, number: notice.data.nr })),
        Err(Errno::ENOENT | Errno::EINTR) => Ok(None),
        Err(errno) => Err(errno),
    }
}

/// `SECCOMP_IOCTL_NOTIF_RECV`: `_IOWR('!', 0, struct seccomp_notif)` of linux/seccomp.h.
const NOTIF_RECV: libc::c_ulong = nix::request_code_readwrite!(b'!', 0, size_of::<libc::seccomp_notif>());

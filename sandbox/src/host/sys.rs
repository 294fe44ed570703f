//! The kernel calls that only probes make; the others are those of a jail, in `crate::sys`.
//!
//! Everything here may run in a forked child of a process with many threads, so nothing allocates, locks or
//! panics. It must not decide anything: a call's result is passed on as it is.

use std::ffi::CStr;
use std::mem;
use std::os::fd::BorrowedFd;

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;
use nix::unistd::{ForkResult, write};

use crate::sys::clone::{self, CloneRequest, Cloned};
use crate::sys::syscall;

/// Makes a child that goes on from here; it may only do what this module, `trial` and `crate::sys` do.
pub(super) fn fork() -> Result<ForkResult, Errno> {
    // SAFETY: the child runs only async-signal-safe code: system calls on data made before the fork, and
    // then `exit_now`; no lock another thread may hold is touched.
    unsafe { nix::unistd::fork() }
}

/// The same with `clone3`, as a jail does it, into this cgroup if one is given.
pub(super) fn clone3(cgroup: Option<BorrowedFd<'_>>) -> Result<Cloned, Errno> {
    // SAFETY: as for `fork`.
    unsafe { clone::clone3(&CloneRequest { cgroup, ..CloneRequest::default() }) }
}

/// Writes all of `data` to an existing file in one call, as `/proc` files want it.
pub(super) fn write_file(path: &CStr, data: &[u8]) -> Result<(), Errno> {
    let file = open(path, OFlag::O_WRONLY | OFlag::O_CLOEXEC, Mode::empty())?;
    match write(&file, data)? {
        n if n == data.len() => Ok(()),
        _ => Err(Errno::EIO),
    }
}

/// Whether the kernel knows a seccomp action.
pub(super) fn seccomp_knows(action: u32) -> Result<(), Errno> {
    // SAFETY: the kernel reads one u32 through the pointer, which lives on this frame through the call.
    unsafe { syscall!(libc::SYS_seccomp, libc::SECCOMP_GET_ACTION_AVAIL, 0, &raw const action) }.map(drop)
}

/// Asks for the sizes of the notification structures, as every user of notifications must.
pub(super) fn seccomp_notification_sizes() -> Result<(), Errno> {
    // SAFETY: all fields are integers, for which zero is valid.
    let mut sizes: libc::seccomp_notif_sizes = unsafe { mem::zeroed() };
    // SAFETY: the kernel writes one such structure through the pointer, which lives on this frame.
    unsafe { syscall!(libc::SYS_seccomp, libc::SECCOMP_GET_NOTIF_SIZES, 0, &raw mut sizes) }.map(drop)
}

/// Puts a filter on this process that allows everything.
pub(super) fn seccomp_allow_all(flags: libc::c_ulong) -> Result<(), Errno> {
    let mut allow = libc::sock_filter { code: BPF_RETURN, jt: 0, jf: 0, k: libc::SECCOMP_RET_ALLOW };
    let program = libc::sock_fprog { len: 1, filter: &raw mut allow };
    // SAFETY: the program points at one instruction, says so, and both live on this frame through the call.
    unsafe { syscall!(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, &raw const program) }.map(drop)
}

/// `BPF_RET | BPF_K`: end with the constant in the instruction.
const BPF_RETURN: u16 = 0x06;

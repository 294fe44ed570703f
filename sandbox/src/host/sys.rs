//! The kernel calls of the probes that have no safe wrapper, one function for each call.
//!
//! Everything here may run in a forked child of a process with many threads, so nothing allocates, locks or
//! panics. It must not decide anything: a call's result is passed on as it is.

use std::ffi::{CStr, c_int, c_long, c_uint};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::{mem, ptr};

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;
use nix::unistd::{ForkResult, Pid, write};

/// `LANDLOCK_CREATE_RULESET_VERSION`: ask for the version, make nothing.
const LANDLOCK_VERSION: c_uint = 1;
/// `CLONE_INTO_CGROUP`; libc's own constant is cut off at 32 bits.
const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;
/// `FSCONFIG_CMD_CREATE`.
const FSCONFIG_CREATE: c_uint = 6;
/// `MOVE_MOUNT_F_EMPTY_PATH`.
const MOVE_MOUNT_FROM_EMPTY_PATH: c_uint = 4;

/// Turns the -1 of a call into its errno.
fn checked(result: c_long) -> Result<c_long, Errno> {
    Errno::result(result)
}

/// Takes over the descriptor a call just made.
fn owned(result: c_long) -> Result<OwnedFd, Errno> {
    let number = RawFd::try_from(checked(result)?).map_err(|_| Errno::EOVERFLOW)?;
    // SAFETY: the kernel returned this number from a call that makes a descriptor, so it is open and nobody
    // else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

/// Makes a child that goes on from here; it may only do what this module and `trial` do.
pub(super) fn fork() -> Result<ForkResult, Errno> {
    // SAFETY: the child runs only async-signal-safe code: system calls on data made before the fork, and
    // then `exit_now`; no lock another thread may hold is touched.
    unsafe { nix::unistd::fork() }
}

/// Ends this process without running anything that belongs to the parent's copy.
pub(super) fn exit_now(code: c_int) -> ! {
    // SAFETY: `_exit` takes any status, is async-signal-safe and does not return.
    unsafe { libc::_exit(code) }
}

/// Writes all of `data` to an existing file in one call, as `/proc` files want it.
pub(super) fn write_file(path: &CStr, data: &[u8]) -> Result<(), Errno> {
    let file = open(path, OFlag::O_WRONLY | OFlag::O_CLOEXEC, Mode::empty())?;
    match write(&file, data)? {
        n if n == data.len() => Ok(()),
        _ => Err(Errno::EIO),
    }
}

/// `pidfd_open(2)`.
pub(super) fn pidfd_open(pid: Pid) -> Result<OwnedFd, Errno> {
    // SAFETY: the call takes two integers and no pointer.
    owned(unsafe { libc::syscall(libc::SYS_pidfd_open, pid.as_raw(), 0) })
}

/// `clone3(2)` as a fork with `flags`; the child gets `None`, the parent the pidfd of the child.
pub(super) fn clone3(flags: c_int, cgroup: Option<BorrowedFd<'_>>) -> Result<Option<OwnedFd>, Errno> {
    // SAFETY: all fields are integers, for which zero is valid.
    let mut args: libc::clone_args = unsafe { mem::zeroed() };
    let mut pidfd: RawFd = -1;
    args.flags = u64::from((flags | libc::CLONE_PIDFD).cast_unsigned());
    args.pidfd = ptr::from_mut(&mut pidfd).addr() as u64;
    args.exit_signal = u64::from(libc::SIGCHLD.cast_unsigned());
    if let Some(cgroup) = cgroup {
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = u64::from(cgroup.as_raw_fd().cast_unsigned());
    }
    // SAFETY: `args` and `pidfd` live on this frame through the call, the size is that of `args`, and without
    // CLONE_VM the child goes on with a copy of this stack, as after fork.
    let result = unsafe { libc::syscall(libc::SYS_clone3, &raw mut args, size_of_val(&args)) };
    match checked(result)? {
        0 => Ok(None),
        _ => owned(c_long::from(pidfd)).map(Some),
    }
}

/// `fsopen(2)`.
pub(super) fn fsopen(kind: &CStr) -> Result<OwnedFd, Errno> {
    // SAFETY: `kind` is a C string that outlives the call.
    owned(unsafe { libc::syscall(libc::SYS_fsopen, kind.as_ptr(), 1) })
}

/// `fsconfig(2)` with the command that makes the file system.
pub(super) fn fsconfig_create(context: BorrowedFd<'_>) -> Result<(), Errno> {
    let null = ptr::null::<libc::c_char>();
    // SAFETY: the command takes no key, no value and no number, so all three are null.
    let result =
        unsafe { libc::syscall(libc::SYS_fsconfig, context.as_raw_fd(), FSCONFIG_CREATE, null, null, 0) };
    checked(result).map(drop)
}

/// `fsmount(2)`: the file system as a mount that is attached nowhere.
pub(super) fn fsmount(context: BorrowedFd<'_>) -> Result<OwnedFd, Errno> {
    // SAFETY: the call takes three integers and no pointer.
    owned(unsafe { libc::syscall(libc::SYS_fsmount, context.as_raw_fd(), 1, 0) })
}

/// `open_tree(2)` of a copy of what is mounted at `path`.
pub(super) fn open_tree_clone(path: &CStr) -> Result<OwnedFd, Errno> {
    let flags = libc::OPEN_TREE_CLONE | libc::OPEN_TREE_CLOEXEC;
    // SAFETY: `path` is a C string that outlives the call.
    owned(unsafe { libc::syscall(libc::SYS_open_tree, libc::AT_FDCWD, path.as_ptr(), flags) })
}

/// `move_mount(2)` of a detached mount to `path`.
pub(super) fn move_mount(mount: BorrowedFd<'_>, path: &CStr) -> Result<(), Errno> {
    // SAFETY: both strings are C strings that outlive the call.
    let result = unsafe {
        libc::syscall(
            libc::SYS_move_mount,
            mount.as_raw_fd(),
            c"".as_ptr(),
            libc::AT_FDCWD,
            path.as_ptr(),
            MOVE_MOUNT_FROM_EMPTY_PATH,
        )
    };
    checked(result).map(drop)
}

/// `mount_setattr(2)` on the mount behind a descriptor.
pub(super) fn mount_setattr(
    mount: BorrowedFd<'_>,
    set: u64,
    userns: Option<BorrowedFd<'_>>,
) -> Result<(), Errno> {
    // SAFETY: all fields are integers, for which zero is valid.
    let mut attr: libc::mount_attr = unsafe { mem::zeroed() };
    attr.attr_set = set;
    attr.userns_fd = userns.map_or(0, |fd| u64::from(fd.as_raw_fd().cast_unsigned()));
    // SAFETY: `attr` lives on this frame through the call and the size is its own; the path is a C string.
    let result = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            mount.as_raw_fd(),
            c"".as_ptr(),
            libc::AT_EMPTY_PATH,
            &raw const attr,
            size_of_val(&attr),
        )
    };
    checked(result).map(drop)
}

/// Whether the kernel knows a seccomp action.
pub(super) fn seccomp_knows(action: u32) -> Result<(), Errno> {
    // SAFETY: the kernel reads one u32 through the pointer, which lives on this frame through the call.
    let result =
        unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_GET_ACTION_AVAIL, 0, &raw const action) };
    checked(result).map(drop)
}

/// Asks for the sizes of the notification structures, as every user of notifications must.
pub(super) fn seccomp_notification_sizes() -> Result<(), Errno> {
    // SAFETY: all fields are integers, for which zero is valid.
    let mut sizes: libc::seccomp_notif_sizes = unsafe { mem::zeroed() };
    // SAFETY: the kernel writes one such structure through the pointer, which lives on this frame.
    let result =
        unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_GET_NOTIF_SIZES, 0, &raw mut sizes) };
    checked(result).map(drop)
}

/// Puts a filter on this process that allows everything, with these flags; gives what the call returned.
pub(super) fn seccomp_allow_all(flags: u64) -> Result<c_long, Errno> {
    let mut allow = libc::sock_filter { code: 0x06, jt: 0, jf: 0, k: libc::SECCOMP_RET_ALLOW };
    let program = libc::sock_fprog { len: 1, filter: &raw mut allow };
    // SAFETY: the program points at one instruction, says so, and both live on this frame through the call.
    let result =
        unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, &raw const program) };
    checked(result)
}

/// The version of the Landlock interface.
pub(super) fn landlock_version() -> Result<u32, Errno> {
    let null = ptr::null::<libc::c_void>();
    // SAFETY: with this flag the kernel wants a null pointer and size zero, and makes nothing.
    let result = unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, null, 0, LANDLOCK_VERSION) };
    u32::try_from(checked(result)?).map_err(|_| Errno::EOVERFLOW)
}

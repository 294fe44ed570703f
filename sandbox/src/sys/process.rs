//! What a process sets about itself: identity, session, signals, rlimits.

use std::ffi::CStr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, OFlag, openat};
use nix::sys::socket::{AddressFamily, SockFlag, SockType};
use nix::sys::stat::Mode;

use super::caps::prctl;
use super::syscall;

/// Becomes this user and group with no other groups, in all of real, effective, saved and file system id.
/// `groups` is false where the kernel does not let us change the group list (a user namespace without
/// privilege outside).
pub(crate) fn become_user(uid: libc::uid_t, gid: libc::gid_t, groups: bool) -> nix::Result<()> {
    if groups {
        // SAFETY: a count of zero makes the kernel ignore the pointer. The raw call acts on this thread
        // alone; libc's would signal threads that the child of a clone does not have.
        unsafe { syscall!(libc::SYS_setgroups, 0, std::ptr::null::<libc::gid_t>()) }?;
    }
    // SAFETY: takes no pointers.
    unsafe { syscall!(libc::SYS_setresgid, gid, gid, gid) }?;
    // SAFETY: takes no pointers.
    unsafe { syscall!(libc::SYS_setresuid, uid, uid, uid) }.map(drop)
}

/// Runs `act` on this thread with another effective user id but all rights. The kernel charges what a user
/// namespace uses to whoever made it, so a jail's is made by the jail's own user. The process ends
/// when the old id cannot be had back: nothing may go on as the wrong user.
pub(crate) fn as_user<T>(uid: libc::uid_t, act: impl FnOnce() -> nix::Result<T>) -> nix::Result<T> {
    // Keep the effective capabilities when the effective id stops being 0.
    prctl(libc::PR_SET_SECUREBITS, NO_SETUID_FIXUP)?;
    let result = set_effective_user(uid).and_then(|()| act());
    if set_effective_user(0).and_then(|()| prctl(libc::PR_SET_SECUREBITS, 0)).is_err() {
        exit_now(ABORTED);
    }
    result
}

/// Runs `act`, which makes a process, so that it is made in this PID namespace. Ours must be an ancestor of it. The
/// process ends when this thread cannot be brought back: nothing of ours may start in there.
pub(crate) fn with_children_in<T>(
    namespace: BorrowedFd<'_>,
    act: impl FnOnce() -> nix::Result<T>,
) -> nix::Result<T> {
    let own =
        openat(AT_FDCWD, c"/proc/thread-self/ns/pid", OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty())?;
    children_into(namespace)?;
    let result = act();
    if children_into(own.as_fd()).is_err() {
        exit_now(ABORTED);
    }
    result
}

/// Of this thread alone, and it stays where it is itself.
fn children_into(namespace: BorrowedFd<'_>) -> nix::Result<()> {
    // SAFETY: takes no pointers.
    Errno::result(unsafe { libc::setns(namespace.as_raw_fd(), libc::CLONE_NEWPID) }).map(drop)
}

/// The exit status of a failed Dayfly.
const ABORTED: libc::c_int = 125;

/// `SECBIT_NO_SETUID_FIXUP`.
const NO_SETUID_FIXUP: libc::c_ulong = 1 << 2;

/// Of this thread alone: libc's function would change all threads.
fn set_effective_user(uid: libc::uid_t) -> nix::Result<()> {
    let keep = libc::uid_t::MAX;
    // SAFETY: takes no pointers.
    unsafe { syscall!(libc::SYS_setresuid, keep, uid, keep) }.map(drop)
}

/// Leaves the session and the controlling terminal, and takes a new, empty session keyring.
pub(crate) fn new_session() -> nix::Result<()> {
    // SAFETY: takes no pointers.
    Errno::result(unsafe { libc::setsid() })?;
    let join_session_keyring = 1;
    // SAFETY: a null name asks for an anonymous keyring.
    match unsafe { syscall!(libc::SYS_keyctl, join_session_keyring, std::ptr::null::<libc::c_char>()) } {
        // A kernel without keyrings has none to leak.
        Err(Errno::ENOSYS) => Ok(()),
        other => other.map(drop),
    }
}

/// Gives every signal its default action and unblocks all of them. Handlers are gone since the clone;
/// what is left are signals our process ignores, as Rust programs do SIGPIPE.
pub(crate) fn reset_signals() -> nix::Result<()> {
    // SAFETY: sigaction is plain data; all zeroes means SIG_DFL with an empty mask.
    let default: libc::sigaction = unsafe { std::mem::zeroed() };
    for signal in 1..=64 {
        // SAFETY: `default` outlives the call and no old action is asked for. The numbers libc keeps for
        // itself, SIGKILL and SIGSTOP are refused with EINVAL, which is right.
        unsafe { libc::sigaction(signal, &raw const default, std::ptr::null_mut()) };
    }
    // SAFETY: sigset_t is plain data; all zeroes is the empty set.
    let none: libc::sigset_t = unsafe { std::mem::zeroed() };
    // SAFETY: `none` outlives the call and no old mask is asked for.
    Errno::result(unsafe { libc::sigprocmask(libc::SIG_SETMASK, &raw const none, std::ptr::null_mut()) })
        .map(drop)
}

/// Whether this process ignores a signal.
pub(crate) fn ignores(signal: libc::c_int) -> nix::Result<bool> {
    // SAFETY: sigaction is plain data for which all zeroes is a valid value.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: no new action is given, and `action` outlives the call.
    Errno::result(unsafe { libc::sigaction(signal, std::ptr::null(), &raw mut action) })?;
    Ok(action.sa_sigaction == libc::SIG_IGN)
}

/// Lets the kernel reap children that end.
pub(crate) fn ignore_children() -> nix::Result<()> {
    // SAFETY: SIG_IGN is a valid disposition and no handler code is installed.
    let old = unsafe { libc::signal(libc::SIGCHLD, libc::SIG_IGN) };
    if old == libc::SIG_ERR { Err(Errno::last()) } else { Ok(()) }
}

/// Sets a resource limit, soft and hard.
pub(crate) fn set_rlimit(resource: libc::__rlimit_resource_t, value: u64) -> nix::Result<()> {
    let limit = libc::rlimit { rlim_cur: value, rlim_max: value };
    // SAFETY: `limit` outlives the call.
    Errno::result(unsafe { libc::setrlimit(resource, &raw const limit) }).map(drop)
}

/// No program this process starts can gain rights by being executed.
pub(crate) fn no_new_privileges() -> nix::Result<()> {
    prctl(libc::PR_SET_NO_NEW_PRIVS, 1)
}

/// Hides this process from ptrace, `/proc` readers and core dumps.
pub(crate) fn hide() -> nix::Result<()> {
    prctl(libc::PR_SET_DUMPABLE, 0)
}

/// Detaches from the parent's cgroup view: the present group becomes the root of what can be seen.
pub(crate) fn new_cgroup_namespace() -> nix::Result<()> {
    // SAFETY: takes no pointers.
    Errno::result(unsafe { libc::unshare(libc::CLONE_NEWCGROUP) }).map(drop)
}

/// Enters a new network namespace, which belongs to the present user namespace.
pub(crate) fn new_network_namespace() -> nix::Result<()> {
    // SAFETY: takes no pointers.
    Errno::result(unsafe { libc::unshare(libc::CLONE_NEWNET) }).map(drop)
}

/// Sets the execution domain to plain Linux, whatever we were started with.
pub(crate) fn reset_personality() -> nix::Result<()> {
    // SAFETY: takes no pointers.
    Errno::result(unsafe { libc::personality(0) }).map(drop)
}

/// Sets the file mode creation mask.
pub(crate) fn set_umask(mask: libc::mode_t) {
    // SAFETY: takes no pointers and cannot fail.
    unsafe { libc::umask(mask) };
}

/// Changes the working folder.
pub(crate) fn change_folder(path: &CStr) -> nix::Result<()> {
    // SAFETY: `path` is a C string that outlives the call.
    Errno::result(unsafe { libc::chdir(path.as_ptr()) }).map(drop)
}

/// Brings up the loopback interface of this network namespace.
pub(crate) fn loopback_up() -> nix::Result<()> {
    let flags = SockFlag::SOCK_CLOEXEC;
    let socket = nix::sys::socket::socket(AddressFamily::Inet, SockType::Datagram, flags, None)?;
    // SAFETY: ifreq is plain data for which all zeroes is a valid value.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(c"lo".to_bytes()) {
        *to = from.cast_signed();
    }
    request.ifr_ifru.ifru_flags = UP_AND_RUNNING;
    // SAFETY: `request` is a complete ifreq that outlives the call.
    Errno::result(unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, &raw const request) })
        .map(drop)
}

/// `IFF_UP | IFF_RUNNING`.
const UP_AND_RUNNING: libc::c_short = 0x41;

/// Replaces the program; returns only on failure.
///
/// # Safety
/// `argv` and `envp` are null-terminated arrays of pointers to C strings.
pub(crate) unsafe fn execute(
    program: *const libc::c_char,
    argv: *const *const libc::c_char,
    envp: *const *const libc::c_char,
) -> Errno {
    // SAFETY: the caller vouches for the arrays; `program` is a C string.
    unsafe { libc::execve(program, argv, envp) };
    Errno::last()
}

/// Sleeps until killed; ends by itself when its parent, the process of this number, does.
pub(crate) fn sleep_below(parent: libc::pid_t) -> ! {
    let armed = prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL.unsigned_abs().into()).is_ok();
    // SAFETY: takes no pointers and cannot fail.
    let orphan = unsafe { libc::getppid() } != parent;
    if !armed || orphan {
        exit_now(1);
    }
    loop {
        // SAFETY: takes no pointers.
        unsafe { libc::pause() };
    }
}

/// Ends the process at once, running nothing of the C library.
pub(crate) fn exit_now(status: libc::c_int) -> ! {
    // SAFETY: takes no pointers and does not return.
    unsafe { libc::_exit(status) }
}

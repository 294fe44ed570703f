//! One thin wrapper for each system call that `nix` does not have, or has only in a form that allocates.
//!
//! Everything here may run between clone and exec: no allocation, no locks, no panics. Wrappers take and give
//! descriptors and plain data; they hold no policy.

pub(crate) mod caps;
pub(crate) mod clone;
pub(crate) mod fd;
pub(crate) mod landlock;
pub(crate) mod message;
pub(crate) mod mount;
pub(crate) mod pidfd;
pub(crate) mod process;
pub(crate) mod sched;
pub(crate) mod seccomp;
pub(crate) mod xattr;

/// Makes a raw system call and turns its result into `nix::Result<c_long>`.
macro_rules! syscall {
    ($number:expr $(, $argument:expr)* $(,)?) => {
        ::nix::errno::Errno::result(::libc::syscall($number $(, $argument)*))
    };
}
pub(crate) use syscall;

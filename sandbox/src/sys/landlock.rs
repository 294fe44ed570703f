//! Landlock: rules about file access that a process puts on itself.

use std::ffi::CStr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

use nix::fcntl::OFlag;
use nix::sys::stat::Mode;

use super::fd::adopt;
use super::syscall;

/// What of Landlock this kernel has: its ABI number, at least 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Abi(u32);

impl Abi {
    /// Asks the kernel; `None` where Landlock is not built in or not switched on.
    pub(crate) fn of_kernel() -> Option<Self> {
        let version_flag = 1;
        let nothing = std::ptr::null::<RulesetAttr>();
        // SAFETY: with the version flag the kernel reads no attributes.
        let abi = unsafe { syscall!(libc::SYS_landlock_create_ruleset, nothing, 0, version_flag) }.ok()?;
        u32::try_from(abi).ok().filter(|abi| *abi > 0).map(Self)
    }

    /// The ABI number.
    pub(crate) fn number(self) -> u32 {
        self.0
    }

    /// Every file access right this ABI can restrict.
    fn all_rights(self) -> u64 {
        match self.0 {
            1 => (1 << 13) - 1,
            2 => (1 << 14) - 1,
            3 | 4 => (1 << 15) - 1,
            _ => (1 << 16) - 1,
        }
    }
}

/// `struct landlock_ruleset_attr` as ABI 1 knows it. Network and scopes are left out on purpose: the jail has
/// a network namespace of its own, and a scope would keep a command from signalling what earlier commands
/// of the same sandbox left in the background.
#[repr(C)]
struct RulesetAttr {
    handled_access_fs: u64,
}

/// `struct landlock_path_beneath_attr`, which the kernel declares packed.
#[repr(C, packed)]
struct PathBeneathAttr {
    allowed_access: u64,
    parent_fd: i32,
}

const EXECUTE: u64 = 1 << 0;
const WRITE_FILE: u64 = 1 << 1;
const READ_FILE: u64 = 1 << 2;
const READ_DIR: u64 = 1 << 3;
const TRUNCATE: u64 = 1 << 14;
const IOCTL_DEV: u64 = 1 << 15;
/// Making device nodes is never allowed: character (6) and block (11).
const MAKE_DEVICES: u64 = 1 << 6 | 1 << 11;

/// A ruleset under construction.
#[derive(Debug)]
pub(crate) struct Ruleset {
    fd: OwnedFd,
    abi: Abi,
}

impl Ruleset {
    /// A ruleset that denies every file access the ABI knows, until rules allow it.
    /// Its descriptor gets a number from `lowest` up.
    pub(crate) fn deny_all(abi: Abi, lowest: RawFd) -> nix::Result<Self> {
        let attr = RulesetAttr { handled_access_fs: abi.all_rights() };
        // SAFETY: `attr` outlives the call and is at least `attr_len` long.
        let fd = unsafe {
            syscall!(libc::SYS_landlock_create_ruleset, &raw const attr, size_of::<RulesetAttr>(), 0)
        }?;
        let fd = adopt(fd)?;
        let lifted = super::fd::lift(fd.as_raw_fd(), lowest)?;
        Ok(Self { fd: adopt(lifted.into())?, abi })
    }

    /// Allows reading and executing below `path`.
    pub(crate) fn allow_reading(&self, path: &CStr) -> nix::Result<()> {
        self.allow(path, EXECUTE | READ_FILE | READ_DIR)
    }

    /// Allows everything but making devices below the folder `path`.
    pub(crate) fn allow_writing(&self, path: &CStr) -> nix::Result<()> {
        self.allow(path, self.abi.all_rights() & !MAKE_DEVICES)
    }

    /// Allows reading and writing the file or device `path`.
    pub(crate) fn allow_using(&self, path: &CStr) -> nix::Result<()> {
        self.allow(path, (READ_FILE | WRITE_FILE | TRUNCATE | IOCTL_DEV) & self.abi.all_rights())
    }

    fn allow(&self, path: &CStr, rights: u64) -> nix::Result<()> {
        let target = nix::fcntl::open(path, OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty())?;
        let rule = PathBeneathAttr { allowed_access: rights, parent_fd: target.as_raw_fd() };
        let path_beneath = 1;
        // SAFETY: `rule` is a complete attribute structure that outlives the call.
        unsafe {
            syscall!(
                libc::SYS_landlock_add_rule,
                self.descriptor().as_raw_fd(),
                path_beneath,
                &raw const rule,
                0
            )
        }
        .map(drop)
    }

    fn descriptor(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// Puts the rules on the calling process, for good. Needs `no_new_privileges` before.
    pub(crate) fn restrict_self(self) -> nix::Result<()> {
        // SAFETY: takes no pointers.
        unsafe { syscall!(libc::SYS_landlock_restrict_self, self.fd.as_raw_fd(), 0) }.map(drop)
    }
}

//! The descriptor-based mount interface, and `pivot_root`.

use std::ffi::CStr;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::ptr;

use super::fd::adopt;
use super::syscall;

/// What a mount allows, for [`set_attributes`] and [`mount_new`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Attributes(u64);

impl Attributes {
    /// No set-user-id programs, no devices.
    pub(crate) const WRITABLE: Self = Self(libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NODEV);
    /// The same, read-only.
    pub(crate) const READ_ONLY: Self = Self(Self::WRITABLE.0 | libc::MOUNT_ATTR_RDONLY);
    /// For /proc: read-only, and nothing in it can be executed.
    pub(crate) const PROC: Self = Self(Self::READ_ONLY.0 | libc::MOUNT_ATTR_NOEXEC);
    /// For device nodes we chose ourselves.
    pub(crate) const DEVICE: Self = Self(libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NOEXEC);
}

/// A detached copy of what is mounted at `path`, with all that is mounted below.
pub(crate) fn clone_tree(path: &CStr) -> nix::Result<OwnedFd> {
    clone_tree_at(libc::AT_FDCWD, path, libc::AT_RECURSIVE)
}

/// A detached copy of `path` below `dir`, without what is mounted below it.
pub(crate) fn clone_folder(dir: BorrowedFd<'_>, path: &CStr) -> nix::Result<OwnedFd> {
    clone_tree_at(dir.as_raw_fd(), path, libc::AT_SYMLINK_NOFOLLOW)
}

fn clone_tree_at(dir: libc::c_int, path: &CStr, flags: libc::c_int) -> nix::Result<OwnedFd> {
    let flags = libc::OPEN_TREE_CLONE | libc::OPEN_TREE_CLOEXEC | flags.unsigned_abs();
    // SAFETY: `path` is a C string that outlives the call.
    adopt(unsafe { syscall!(libc::SYS_open_tree, dir, path.as_ptr(), flags) }?)
}

/// Sets attributes on a mount and on all mounts below it, and cuts it off from mount events of the host.
pub(crate) fn set_attributes(mount: BorrowedFd<'_>, attributes: Attributes) -> nix::Result<()> {
    let attr =
        libc::mount_attr { attr_set: attributes.0, attr_clr: 0, propagation: libc::MS_PRIVATE, userns_fd: 0 };
    mount_setattr(mount, libc::AT_RECURSIVE, &attr)
}

/// Makes one mount read-only, leaving what is mounted below as it is.
pub(crate) fn seal(mount: BorrowedFd<'_>) -> nix::Result<()> {
    let attr =
        libc::mount_attr { attr_set: libc::MOUNT_ATTR_RDONLY, attr_clr: 0, propagation: 0, userns_fd: 0 };
    mount_setattr(mount, 0, &attr)
}

/// Shows the owners of a detached tree through the id maps of a user namespace.
pub(crate) fn map_owners(mount: BorrowedFd<'_>, namespace: BorrowedFd<'_>) -> nix::Result<()> {
    let attr = libc::mount_attr {
        attr_set: libc::MOUNT_ATTR_IDMAP,
        attr_clr: 0,
        propagation: 0,
        userns_fd: u64::from(namespace.as_raw_fd().unsigned_abs()),
    };
    mount_setattr(mount, libc::AT_RECURSIVE, &attr)
}

fn mount_setattr(mount: BorrowedFd<'_>, flags: libc::c_int, attr: &libc::mount_attr) -> nix::Result<()> {
    // SAFETY: the path is an empty C string and `attr` a complete mount_attr; both outlive the call.
    unsafe {
        syscall!(
            libc::SYS_mount_setattr,
            mount.as_raw_fd(),
            c"".as_ptr(),
            flags | libc::AT_EMPTY_PATH,
            ptr::from_ref(attr),
            size_of::<libc::mount_attr>(),
        )
    }
    .map(drop)
}

/// Attaches a detached tree at `path` below `dir`, which the caller made itself.
pub(crate) fn attach(tree: BorrowedFd<'_>, dir: BorrowedFd<'_>, path: &CStr) -> nix::Result<()> {
    move_mount(tree, dir.as_raw_fd(), path, libc::MOVE_MOUNT_F_EMPTY_PATH)
}

fn move_mount(tree: BorrowedFd<'_>, dir: libc::c_int, path: &CStr, flags: libc::c_uint) -> nix::Result<()> {
    // SAFETY: both paths are C strings that outlive the call.
    unsafe { syscall!(libc::SYS_move_mount, tree.as_raw_fd(), c"".as_ptr(), dir, path.as_ptr(), flags) }
        .map(drop)
}

/// Makes a new file system of `kind` with these options, as a detached mount.
pub(crate) fn mount_new(
    kind: &CStr,
    options: &[(&CStr, &CStr)],
    attributes: Attributes,
) -> nix::Result<OwnedFd> {
    // SAFETY: `kind` is a C string that outlives the call.
    let context = adopt(unsafe { syscall!(libc::SYS_fsopen, kind.as_ptr(), libc::FSOPEN_CLOEXEC) }?)?;
    for (key, value) in options {
        configure(&context, libc::FSCONFIG_SET_STRING, key.as_ptr(), value.as_ptr())?;
    }
    configure(&context, libc::FSCONFIG_CMD_CREATE, ptr::null(), ptr::null())?;
    // SAFETY: takes no pointers.
    adopt(unsafe { syscall!(libc::SYS_fsmount, context.as_raw_fd(), libc::FSMOUNT_CLOEXEC, attributes.0) }?)
}

/// Changes options of the file system mounted at `path`, leaving the mount as it is.
pub(crate) fn reconfigure(path: &CStr, options: &[(&CStr, &CStr)]) -> nix::Result<()> {
    // SAFETY: `path` is a C string that outlives the call.
    let context =
        adopt(unsafe { syscall!(libc::SYS_fspick, libc::AT_FDCWD, path.as_ptr(), libc::FSPICK_CLOEXEC) }?)?;
    for (key, value) in options {
        configure(&context, libc::FSCONFIG_SET_STRING, key.as_ptr(), value.as_ptr())?;
    }
    configure(&context, libc::FSCONFIG_CMD_RECONFIGURE, ptr::null(), ptr::null())
}

fn configure(
    context: &OwnedFd,
    command: libc::c_uint,
    key: *const libc::c_char,
    value: *const libc::c_char,
) -> nix::Result<()> {
    // SAFETY: `key` and `value` are null or come from C strings that the callers hold during the call.
    unsafe { syscall!(libc::SYS_fsconfig, context.as_raw_fd(), command, key, value, 0) }.map(drop)
}

/// Makes the working folder the root. The old one is then on this folder of it.
pub(crate) fn pivot_to_working_folder(old: &CStr) -> nix::Result<()> {
    // SAFETY: both paths are C strings.
    unsafe { syscall!(libc::SYS_pivot_root, c".".as_ptr(), old.as_ptr()) }.map(drop)
}

/// Takes away what is mounted on this folder, with all that is mounted on it.
pub(crate) fn detach(place: &CStr) -> nix::Result<()> {
    nix::mount::umount2(place, nix::mount::MntFlags::MNT_DETACH | nix::mount::MntFlags::UMOUNT_NOFOLLOW)
}

//! What can be done with mounts: the descriptor-based calls, overlays, id-mapping, and what covers `/proc`.

use std::ffi::CStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::mount::MsFlags;
use nix::sys::stat::Mode;
use nix::unistd::mkdir;

use super::namespaces::{IdMaps, enter_mounts, enter_user};
use super::trial::{Failed, Held, Step, Tried, attempt};
use crate::sys::mount::{self, Attributes};

/// What can be done with mounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mounts {
    /// `open_tree`, `fsopen`, `fsmount`, `mount_setattr` and `move_mount`, used together.
    pub by_descriptor: Tried,
    /// An overlay inside a user namespace.
    pub overlay: Tried,
    /// `/usr` with other owners, for the file system of the host; `None` without the right to try.
    pub id_mapped_usr: Option<Tried>,
    /// A tmpfs with other owners; `None` without the right to try.
    pub id_mapped_tmpfs: Option<Tried>,
    /// What is mounted over parts of `/proc`.
    pub covering_proc: Vec<String>,
}

impl Mounts {
    /// `admin` says whether this process may mount without a user namespace of its own.
    pub(super) fn probe(ids: &IdMaps, admin: bool, mountinfo: &str) -> Self {
        let id_mapped = |source: Source| admin.then(|| try_id_mapping(ids, source));
        Self {
            by_descriptor: attempt(|| use_descriptors(ids)),
            overlay: attempt(|| mount_overlay(ids)),
            id_mapped_usr: id_mapped(Source::Usr),
            id_mapped_tmpfs: id_mapped(Source::Tmpfs),
            covering_proc: covering_proc(mountinfo),
        }
    }
}

fn use_descriptors(ids: &IdMaps) -> Result<(), Failed> {
    enter_mounts(ids)?;
    mount::clone_tree(c"/proc").map_err(|errno| Step::OpenTree.failed(errno))?;
    let tmpfs = detached_tmpfs()?;
    mount::set_attributes(tmpfs.as_fd(), Attributes::READ_ONLY)
        .map_err(|errno| Step::MountAttributes.failed(errno))?;
    open_root()
        .and_then(|root| mount::attach(tmpfs.as_fd(), root.as_fd(), c"proc"))
        .map_err(|errno| Step::MoveMount.failed(errno))
}

fn detached_tmpfs() -> Result<OwnedFd, Failed> {
    mount::mount_new(c"tmpfs", &[], Attributes::WRITABLE).map_err(|errno| Step::FsOpen.failed(errno))
}

fn open_root() -> Result<OwnedFd, Errno> {
    open(c"/", OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty())
}

fn mount_overlay(ids: &IdMaps) -> Result<(), Failed> {
    enter_mounts(ids)?;
    // `/proc` is a folder on every host that got this far, and only this child sees what covers it.
    nix::mount::mount(Some(c"tmpfs"), c"/proc", Some(c"tmpfs"), MsFlags::empty(), None::<&CStr>)
        .map_err(|errno| Step::MountTmpfs.failed(errno))?;
    for folder in [c"/proc/lower", c"/proc/upper", c"/proc/work", c"/proc/merged"] {
        mkdir(folder, Mode::S_IRWXU).map_err(|errno| Step::MountTmpfs.failed(errno))?;
    }
    let layers = c"lowerdir=/proc/lower,upperdir=/proc/upper,workdir=/proc/work,userxattr";
    nix::mount::mount(Some(c"overlay"), c"/proc/merged", Some(c"overlay"), MsFlags::empty(), Some(layers))
        .map_err(|errno| Step::MountOverlay.failed(errno))
}

#[derive(Clone, Copy)]
enum Source {
    Usr,
    Tmpfs,
}

/// Gives a mount the owners of another user namespace, which somebody has to live in meanwhile.
fn try_id_mapping(ids: &IdMaps, source: Source) -> Tried {
    let held = match Held::start(|| enter_user(ids)) {
        Ok(held) => held,
        Err(failed) => return failed,
    };
    let path = format!("/proc/{}/ns/user", held.pid());
    match open(path.as_str(), OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty()) {
        Ok(namespace) => attempt(|| id_map(namespace.as_fd(), source)),
        Err(errno) => Tried::Fails(Step::IdMaps.failed(errno)),
    }
}

fn id_map(namespace: BorrowedFd<'_>, source: Source) -> Result<(), Failed> {
    let mount = match source {
        Source::Usr => open_root()
            .and_then(|root| mount::clone_folder(root.as_fd(), c"usr"))
            .map_err(|errno| Step::OpenTree.failed(errno))?,
        Source::Tmpfs => detached_tmpfs()?,
    };
    mount::map_owners(mount.as_fd(), namespace).map_err(|errno| Step::IdMapping.failed(errno))
}

/// Mount points below `/proc`, from the text of `/proc/self/mountinfo`. An automount of binfmt_misc covers a
/// folder that is always empty, which the kernel does not mind.
fn covering_proc(mountinfo: &str) -> Vec<String> {
    let points = mountinfo.lines().filter_map(|line| line.split(' ').nth(4));
    let mut covering: Vec<String> = points
        .filter(|point| point.starts_with("/proc/") && *point != "/proc/sys/fs/binfmt_misc")
        .map(str::to_owned)
        .collect();
    covering.sort_unstable();
    covering.dedup();
    covering
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_covers_proc_is_found() {
        let bare = "22 27 0:21 / /proc rw,relatime - proc proc rw\n\
                    23 22 0:40 / /proc/sys/fs/binfmt_misc rw,relatime - autofs systemd-1 rw\n\
                    24 27 0:41 / /process rw - tmpfs tmpfs rw\n";
        assert_eq!(covering_proc(bare), Vec::<String>::new());
        let docker = "501 480 0:55 / /proc rw,nosuid - proc proc rw\n\
                      520 501 0:60 / /proc/scsi ro,relatime - tmpfs tmpfs ro\n\
                      521 501 0:5 /null /proc/kcore rw,nosuid - tmpfs tmpfs rw\n\
                      522 501 0:5 /null /proc/kcore rw,nosuid - tmpfs tmpfs rw\n";
        assert_eq!(covering_proc(docker), ["/proc/kcore", "/proc/scsi"]);
    }
}

//! Where the groups are made: a parent group that is ours to manage.
//!
//! The kernel wants processes in the leaves only, so a parent with processes in it cannot limit its
//! children. If the only one is ourselves, we move to a leaf; anybody else we leave where they are and
//! refuse.

use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::unistd::{geteuid, getpid};

use super::super::CgroupError;
use super::super::error::DELEGATE_FIX;
use super::super::files::Dir;
use super::super::parse::{self, Mount};
use crate::sys::xattr;

/// The leaf that the supervisor moves to.
const LEAF: &str = "dayfly.supervisor";
/// The parent's name where it is ours to make.
const OURS: &str = "dayfly";

/// The parent group, and whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Place {
    parent: PathBuf,
    origin: Origin,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// Made by us below a group without processes of its own; removed when empty.
    Made,
    /// Given to us, by configuration or delegation. We may be in it.
    Given,
}

/// Chooses the place: what was wished for, else our own group if it is ours, else one at the top as root.
pub(super) fn choose(mount: &Mount, wish: Option<&Path>) -> Result<Place, CgroupError> {
    if let Some(wish) = wish {
        return wished(mount, wish);
    }
    let own = own_group(mount)?;
    if !geteuid().is_root() {
        let own = own.ok_or_else(|| CgroupError::unusable("our own group is not visible", DELEGATE_FIX))?;
        return Ok(given(own));
    }
    match own {
        Some(own) if is_delegated(&own)? => Ok(given(own)),
        _ if may_hold_groups(&mount.point)? => Ok(made(&mount.point)),
        Some(own) => Ok(given(own)),
        None => Err(CgroupError::unusable(
            format!("{} has processes and our own group is not visible in it", mount.point.display()),
            "name a parent group that has no processes",
        )),
    }
}

fn made(above: &Path) -> Place {
    Place { parent: above.join(OURS), origin: Origin::Made }
}

/// A process that moved to the leaf, or was started by one that did, still manages the group above.
fn given(own: PathBuf) -> Place {
    let parent = match own.parent() {
        Some(above) if own.file_name().is_some_and(|name| name == LEAF) => above.to_path_buf(),
        _ => own,
    };
    Place { parent, origin: Origin::Given }
}

fn wished(mount: &Mount, wish: &Path) -> Result<Place, CgroupError> {
    let path = if wish.starts_with(&mount.point) { wish.to_path_buf() } else { mount.point.join(wish) };
    if !path.starts_with(&mount.point) || path == mount.point {
        let reason = format!("{} is not a group below {}", wish.display(), mount.point.display());
        return Err(CgroupError::unusable(reason, "name the parent group by its path below that"));
    }
    let origin = if path.exists() { Origin::Given } else { Origin::Made };
    Ok(Place { parent: path, origin })
}

fn own_group(mount: &Mount) -> Result<Option<PathBuf>, CgroupError> {
    let path = "/proc/self/cgroup";
    let text = std::fs::read_to_string(path).map_err(|error| {
        CgroupError::file("read", path, Errno::from_raw(error.raw_os_error().unwrap_or_default()))
    })?;
    Ok(parse::own_unified(&text).and_then(|own| parse::locate(mount, own)))
}

/// Root can write everywhere, so for root it is systemd's mark that tells what was given to us.
fn is_delegated(own: &Path) -> Result<bool, CgroupError> {
    let group = given(own.to_path_buf()).parent;
    for mark in [c"trusted.delegate", c"user.delegate"] {
        if xattr::is(&group, mark, b"1").map_err(|errno| CgroupError::file("inspect", &group, errno))? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether groups below this one can have limits: it is the real root, which alone has no type and may hold
/// processes beside groups, or it has no processes.
fn may_hold_groups(top: &Path) -> Result<bool, CgroupError> {
    let top = Dir::open(top)?;
    Ok(top.read_if_any("cgroup.type")?.is_none() || top.read_list("cgroup.procs")?.is_empty())
}

impl Place {
    pub(super) fn parent(&self) -> &Path {
        &self.parent
    }

    /// Makes the parent where it is ours to make, and empties it where it was given. The controllers of the
    /// group above are turned on in the first case.
    pub(super) fn prepare(&self) -> Result<Dir, CgroupError> {
        match (self.origin, self.parent.parent(), self.parent.file_name().and_then(|name| name.to_str())) {
            (Origin::Made, Some(above), Some(name)) => {
                let above = Dir::open(above)?;
                let available = above.read("cgroup.controllers")?;
                let useful = ["memory", "pids", "cpu", "cpuset"];
                for controller in useful.into_iter().filter(|known| parse::has_word(&available, known)) {
                    enable_in(&above, controller)?;
                }
                above.ensure(name)
            }
            _ => {
                let parent = Dir::open(&self.parent)?;
                leave(&parent)?;
                Ok(parent)
            }
        }
    }

    /// Gives a controller to the groups we make.
    pub(super) fn enable(&self, controller: &str) -> Result<(), CgroupError> {
        enable_in(&Dir::open(&self.parent)?, controller)
    }

    /// What to do when a controller does not reach the parent.
    pub(super) fn fix_for(&self, controller: &str) -> String {
        match self.origin {
            Origin::Made => {
                format!("boot with cgroup_no_v1={controller} and without cgroup_disable={controller}")
            }
            Origin::Given => format!(
                "delegate it: systemctl edit user@.service, add [Service] Delegate=cpu cpuset memory pids, log in \
                 again; or echo +{controller} > cgroup.subtree_control in the group above {}",
                self.parent.display()
            ),
        }
    }

    /// Removes the parent if we made it and it is empty.
    pub(super) fn remove(&self) -> Result<bool, CgroupError> {
        let (Origin::Made, Some(above), Some(name)) =
            (self.origin, self.parent.parent(), self.parent.file_name().and_then(|name| name.to_str()))
        else {
            return Ok(false);
        };
        match Dir::open(above)?.try_remove(name) {
            Ok(()) | Err(Errno::ENOENT) => Ok(true),
            Err(Errno::EBUSY | Errno::ENOTEMPTY) => Ok(false),
            Err(errno) => Err(CgroupError::file("remove", &self.parent, errno)),
        }
    }
}

fn enable_in(dir: &Dir, controller: &str) -> Result<(), CgroupError> {
    match parse::has_word(&dir.read("cgroup.subtree_control")?, controller) {
        true => Ok(()),
        false => dir.write("cgroup.subtree_control", &format!("+{controller}")),
    }
}

/// Moves us out of the group if we are in it alone.
fn leave(parent: &Dir) -> Result<(), CgroupError> {
    let text = parent.read_list("cgroup.procs")?;
    let members =
        parse::pids(&text).ok_or_else(|| parent.malformed("cgroup.procs", &text, "process numbers"))?;
    // A member that our PID namespace does not show is a stranger too.
    let strangers = text.lines().count() - members.iter().filter(|&&pid| pid == getpid()).count();
    if strangers > 0 {
        let reason = format!("{} has {strangers} other processes in it", parent.path().display());
        return Err(CgroupError::unusable(reason, DELEGATE_FIX));
    }
    if members.is_empty() {
        return Ok(());
    }
    parent.ensure(LEAF)?.write("cgroup.procs", "0")
}

#[cfg(test)]
mod tests;

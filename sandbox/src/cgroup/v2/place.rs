//! Where the groups are made: a parent group that is ours to manage.
//!
//! The kernel wants processes in the leaves only, so a parent with processes in it cannot limit its
//! children. If the only one is ourselves, we move to a leaf; anybody else we leave where they are and
//! refuse.

use std::path::{Component, Path, PathBuf};

use nix::errno::Errno;
use nix::unistd::{geteuid, getpid};

use super::super::CgroupError;
use super::super::error::DELEGATE_FIX;
use super::super::files::Dir;
use super::super::parse::{self, Mount};
use super::{NEEDED, OPTIONAL};
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
    let below = wish.strip_prefix(&mount.point).unwrap_or(wish);
    let plain = below.components().all(|part| matches!(part, Component::Normal(_)));
    if !plain || below.as_os_str().is_empty() {
        let reason = format!("{} is not a group below {}", wish.display(), mount.point.display());
        return Err(CgroupError::unusable(reason, "name the parent group by its path below that"));
    }
    let path = mount.point.join(below);
    if path.parent().is_some_and(|above| !above.exists()) {
        let reason = format!("the group above {} does not exist", path.display());
        return Err(CgroupError::unusable(reason, "make it first, or name another"));
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
    /// Makes the parent, or empties it of ourselves where it was given, and turns on what every group needs.
    pub(super) fn prepare(&self) -> Result<Dir, CgroupError> {
        let parent = match self.made_in() {
            Some((above, name)) => self.make(&Dir::open(above)?, name)?,
            None => Dir::open(&self.parent)?,
        };
        if self.origin == Origin::Given {
            leave(&parent)?;
        }
        let available = parent.read("cgroup.controllers")?;
        if let Some(missing) = NEEDED.into_iter().find(|needed| !parse::has_word(&available, needed)) {
            let reason = format!("{} has no {missing} controller", parent.path().display());
            return Err(CgroupError::unusable(reason, self.fix_for(missing)));
        }
        enable(&parent, &NEEDED)?;
        Ok(parent)
    }

    /// The controllers have to be turned on in the group above too. One that we can do without may refuse
    /// (`cpu` does while real-time processes run); it is then not among the parent's controllers.
    fn make(&self, above: &Dir, name: &str) -> Result<Dir, CgroupError> {
        let available = above.read("cgroup.controllers")?;
        let there = |known: &&str| parse::has_word(&available, known);
        enable(above, &NEEDED.into_iter().filter(there).collect::<Vec<_>>())?;
        for controller in OPTIONAL.into_iter().filter(there) {
            if let Err(error) = enable(above, &[controller]) {
                tracing::debug!(%error, "turning on an optional controller");
            }
        }
        above.ensure(name)
    }

    /// Where the parent is made and its name, if it is we who make it.
    fn made_in(&self) -> Option<(&Path, &str)> {
        match self.origin {
            Origin::Made => Some((self.parent.parent()?, self.parent.file_name()?.to_str()?)),
            Origin::Given => None,
        }
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
        let Some((above, name)) = self.made_in() else { return Ok(false) };
        match Dir::open(above)?.try_remove(name) {
            Ok(()) | Err(Errno::ENOENT) => Ok(true),
            Err(Errno::EBUSY | Errno::ENOTEMPTY) => Ok(false),
            Err(errno) => Err(CgroupError::file("remove", &self.parent, errno)),
        }
    }
}

/// Gives controllers to the groups below this one.
pub(super) fn enable(dir: &Dir, controllers: &[&str]) -> Result<(), CgroupError> {
    let enabled = dir.read("cgroup.subtree_control")?;
    let missing = controllers.iter().filter(|controller| !parse::has_word(&enabled, controller));
    let change = missing.map(|controller| format!("+{controller}")).collect::<Vec<_>>().join(" ");
    if change.is_empty() { Ok(()) } else { dir.write("cgroup.subtree_control", &change) }
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

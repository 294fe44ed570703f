//! Control groups of version 2: one hierarchy, in which our parent group is ours to manage.

mod group;
mod place;
mod total;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use nix::errno::Errno;
use nix::fcntl::OFlag;

use super::files::Dir;
use super::lack::{Facility, Lack, host_has_swap};
use super::make::{self, MakeError};
use super::parse::Mount;
use super::{CgroupError, Claim, Driver, Group, GroupName, Layout, TotalGroup, Wants, claim, parse};
use group::V2Group;
use place::Place;
use total::V2Total;

use crate::slot::SlotNumber;

/// The driver.
#[derive(Debug)]
pub(super) struct V2 {
    mount: Mount,
    wish: Option<PathBuf>,
    /// Chosen anew when it is gone: what was somebody else's to remove before is then ours to make.
    parent: RwLock<Parent>,
    facts: Arc<Facts>,
}

/// The group that ours are in.
#[derive(Debug, Clone)]
struct Parent {
    place: Place,
    dir: Arc<Dir>,
}

/// What a group must know of the host.
#[derive(Debug)]
struct Facts {
    lacks: Vec<Lack>,
    /// Whether groups have `memory.swap.max`.
    swap_limit: bool,
}

/// Controllers without which there is no group.
const NEEDED: [&str; 2] = ["memory", "pids"];
/// Controllers that some limits need. They are turned on for our groups when one wants them.
const OPTIONAL: [&str; 2] = ["cpu", "cpuset"];

impl V2 {
    /// A driver for the hierarchy mounted there, with groups below `wish`, or below what suits this process.
    pub(super) fn open(mount: &Mount, wish: Option<&Path>) -> Result<Self, CgroupError> {
        let (parent, facts) = make::again(|| {
            let parent = Parent::find(mount, wish)?;
            let facts = facts(&parent)?;
            Ok((parent, Arc::new(facts)))
        })?;
        let wish = wish.map(Path::to_path_buf);
        Ok(Self { mount: mount.clone(), wish, parent: RwLock::new(parent), facts })
    }

    fn parent(&self) -> Parent {
        self.parent.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Makes the parent again after a sweep of another process found it empty and removed it.
    fn renew(&self) -> Result<(), CgroupError> {
        let parent = make::again(|| Parent::find(&self.mount, self.wish.as_deref()))?;
        *self.parent.write().unwrap_or_else(PoisonError::into_inner) = parent;
        Ok(())
    }

    /// Makes a folder and what `open` makes of it. While it exists, nobody removes the parent.
    fn make<T>(
        &self,
        name: &GroupName,
        open: impl Fn(&Arc<Dir>) -> Result<T, CgroupError>,
    ) -> Result<T, CgroupError> {
        let attempt = || make_below(&self.parent().dir, name, &open);
        make::group(name, attempt, || self.remove_leftover(name), || self.renew())
    }
}

impl Parent {
    fn find(mount: &Mount, wish: Option<&Path>) -> Result<Self, CgroupError> {
        let place = place::choose(mount, wish)?;
        let dir = Arc::new(place.prepare()?);
        Ok(Self { place, dir })
    }
}

/// Makes a folder and what `open` makes of it; nothing is left of it otherwise.
fn make_below<T>(
    parent: &Arc<Dir>,
    name: &GroupName,
    open: impl Fn(&Arc<Dir>) -> Result<T, CgroupError>,
) -> Result<T, MakeError> {
    let error = |errno| CgroupError::file("make", parent.path().join(name.as_str()), errno);
    parent.make(name.as_str()).map_err(|errno| MakeError::of(errno, error(errno)))?;
    let made = open(parent);
    if made.is_err() {
        parent.remove(name.as_str())?;
    }
    Ok(made?)
}

fn open(parent: &Dir, name: &GroupName) -> Result<Dir, CgroupError> {
    let gone = || CgroupError::file("open", parent.path().join(name.as_str()), Errno::ENOENT);
    parent.child(name.as_str())?.ok_or_else(gone)
}

/// Turns on what these wants need in the groups below. What is lacking is told when a limit needs it.
fn enable(above: &Dir, wants: Wants, facts: &Facts) -> Result<(), CgroupError> {
    for (wanted, facility, controller) in
        [(wants.cpu_quota, Facility::CpuQuota, "cpu"), (wants.cpu_set, Facility::CpuSet, "cpuset")]
    {
        if wanted && facts.lacks.iter().all(|lack| lack.facility != facility) {
            place::enable(above, &[controller])?;
        }
    }
    Ok(())
}

impl Driver for V2 {
    fn layout(&self) -> Layout {
        Layout::V2
    }

    fn lacks(&self) -> &[Lack] {
        &self.facts.lacks
    }

    fn claim(&self, slot: SlotNumber) -> Result<Option<Claim>, CgroupError> {
        make::renewed(|| claim::take(&self.parent().dir, slot), || self.renew())
    }

    fn create(&self, name: &GroupName, wants: Wants) -> Result<Box<dyn Group>, CgroupError> {
        let group = self.make(name, |parent| {
            enable(parent, wants, &self.facts)?;
            V2Group::open(parent, name, &self.facts)
        });
        Ok(Box::new(group?))
    }

    fn create_total(&self, name: &GroupName) -> Result<Box<dyn TotalGroup>, CgroupError> {
        Ok(Box::new(self.make(name, |parent| V2Total::open(parent, name, &self.facts))?))
    }

    fn groups(&self) -> Result<BTreeSet<GroupName>, CgroupError> {
        GroupName::all_in(&self.parent().dir)
    }

    fn remove_leftover(&self, name: &GroupName) -> Result<(), CgroupError> {
        let parent = self.parent().dir;
        let Some(dir) = parent.child(name.as_str())? else { return Ok(()) };
        group::kill(&dir)?;
        GroupName::all_in(&dir)?.iter().try_for_each(|below| dir.remove(below.as_str()))?;
        parent.remove(name.as_str())
    }

    fn remove_parent(&self) -> Result<bool, CgroupError> {
        // A parent that is gone needs no removing.
        let parent = self.parent();
        match make::unless_gone(claim::take_all(&parent.dir))? {
            Some(None) => Ok(false),
            Some(Some(_alone)) => parent.place.remove(),
            None => Ok(true),
        }
    }
}

fn facts(Parent { place, dir: parent }: &Parent) -> Result<Facts, CgroupError> {
    let available = parent.read("cgroup.controllers")?;
    let mut lacks = Vec::new();
    for (facility, controller) in [(Facility::CpuQuota, "cpu"), (Facility::CpuSet, "cpuset")] {
        if !parse::has_word(&available, controller) {
            let reason = format!("{} has no {controller} controller", parent.path().display());
            lacks.push(Lack::new(facility, reason, place.fix_for(controller)));
        }
    }
    let swap_limit = swap_limit(parent)?;
    if !swap_limit && host_has_swap()? {
        let reason = "this host swaps, and groups have no memory.swap.max";
        lacks.push(Lack::new(Facility::Swap, reason, "boot with swapaccount=1, or swapoff -a"));
    }
    Ok(Facts { lacks, swap_limit })
}

/// Whether groups have a limit on swap. The parent has the files its groups will have: it is never the real
/// root, and the controllers that reach it have their files in it. Those files need not be ours to write.
fn swap_limit(parent: &Dir) -> Result<bool, CgroupError> {
    for (file, since) in [("cgroup.kill", "5.14"), ("memory.oom.group", "4.19")] {
        match parent.open_file(file, OFlag::O_PATH) {
            Ok(_) => {}
            Err(CgroupError::File { errno: Errno::ENOENT, .. }) => {
                // One that was swept away has no files at all, and is made again.
                parent.read("cgroup.controllers")?;
                let reason = format!("{} has no {file}", parent.path().display());
                return Err(CgroupError::unusable(reason, format!("use Linux {since} or newer")));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(parent.read_if_any("memory.swap.max")?.is_some())
}

#[cfg(test)]
mod tests;

//! Control groups of version 1: one hierarchy for each controller, or one for several.
//!
//! Only for root. A group is a folder of one name in every hierarchy it needs.

mod group;
mod kill;
mod seats;
mod total;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use cgroups_rs::fs::cgroup::Cgroup;
use cgroups_rs::fs::hierarchies::V1 as Mounts;
use dayfly_jobs::Limit;
use nix::errno::Errno;
use nix::sys::stat::stat;
use nix::sys::statfs::{CGROUP_SUPER_MAGIC, statfs};

use super::files::{self, Dir};
use super::lack::{Facility, Lack, host_has_swap};
use super::{CgroupError, Claim, Driver, Group, GroupName, Layout, TotalGroup, Wants, claim, make, parse};
use group::V1Group;
use seats::Seat;
use total::V1Total;

use crate::slot::SlotNumber;

/// A controller we use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    /// First, so that a process that enters is counted before anything else.
    Pids,
    Memory,
    CpuAcct,
    Cpu,
    CpuSet,
}

impl Role {
    const ALL: [Self; 5] = [Self::Pids, Self::Memory, Self::CpuAcct, Self::Cpu, Self::CpuSet];
    const NEEDED: [Self; 3] = [Self::Pids, Self::Memory, Self::CpuAcct];

    /// The kernel's name for it.
    const fn controller(self) -> &'static str {
        match self {
            Self::Pids => "pids",
            Self::Memory => "memory",
            Self::CpuAcct => "cpuacct",
            Self::Cpu => "cpu",
            Self::CpuSet => "cpuset",
        }
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }

    /// The roles a group with these wants must have.
    fn wanted(wants: Wants) -> u8 {
        let needed = Self::NEEDED.into_iter().fold(0, |bits, role| bits | role.bit());
        let quota = if wants.cpu_quota { Self::Cpu.bit() } else { 0 };
        let set = if wants.cpu_set { Self::CpuSet.bit() } else { 0 };
        needed | quota | set
    }
}

/// A mounted hierarchy and the controllers on it, as bits.
#[derive(Debug)]
struct Hierarchy {
    point: PathBuf,
    roles: u8,
}

/// What [`find`] found.
#[derive(Debug)]
pub(super) struct Hierarchies(Vec<Hierarchy>);

/// The driver.
#[derive(Debug)]
pub(super) struct V1 {
    /// The path of the parent below every mount.
    name: String,
    hierarchies: Vec<Hierarchy>,
    /// The parents, in the order of [`Role::ALL`]. Replaced when a sweep has removed them.
    parents: RwLock<Arc<[Seat]>>,
    facts: Arc<Facts>,
}

/// What a group must know of the host.
#[derive(Debug)]
struct Facts {
    lacks: Vec<Lack>,
    /// Whether swap is accounted, so that a limit on memory and swap together can be set.
    memsw: bool,
}

/// The hierarchies with the controllers we use where distributions mount them, each under its name below this folder;
/// `None` where one of them is not there. To ask for all mounts takes several times as long.
pub(super) fn in_usual_places(folder: &Path) -> Option<Hierarchies> {
    let mut found: Vec<(u64, Hierarchy)> = Vec::new();
    for role in Role::ALL {
        let point = folder.join(role.controller());
        if statfs(&point).ok()?.filesystem_type() != CGROUP_SUPER_MAGIC {
            return None;
        }
        // Several controllers on one hierarchy are links to one place.
        let device = stat(&point).ok()?.st_dev;
        match found.iter_mut().find(|(other, _)| *other == device) {
            Some((_, hierarchy)) => hierarchy.roles |= role.bit(),
            None => found.push((device, Hierarchy { point, roles: role.bit() })),
        }
    }
    Some(Hierarchies(found.into_iter().map(|(_, hierarchy)| hierarchy).collect()))
}

/// The hierarchies of version 1, or `None` when none of them has a controller that every group needs.
pub(super) fn find(mountinfo: &str) -> Option<Hierarchies> {
    let found = hierarchies(mountinfo);
    let all = found.iter().fold(0, |bits, hierarchy| bits | hierarchy.roles);
    Role::NEEDED.into_iter().any(|role| all & role.bit() != 0).then_some(Hierarchies(found))
}

impl V1 {
    /// A driver that makes its groups below the group `name` of every hierarchy. A controller may be missing
    /// where its limit is waived.
    pub(super) fn open(
        hierarchies: Hierarchies,
        name: &str,
        waived: &BTreeSet<Limit>,
    ) -> Result<Self, CgroupError> {
        let Hierarchies(hierarchies) = hierarchies;
        if let Some(lack) = missing(&hierarchies).iter().find(|lack| !waived.contains(&lack.limit)) {
            return Err(lack.error());
        }
        let parents = make::again(|| make_parents(name, &hierarchies))?;
        let facts = Arc::new(facts(&hierarchies)?);
        Ok(Self { name: name.into(), hierarchies, parents: RwLock::new(parents), facts })
    }

    fn parents(&self) -> Arc<[Seat]> {
        self.parents.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Makes the parents again after a sweep of another process found them empty and removed them.
    fn renew(&self) -> Result<(), CgroupError> {
        let parents = make::again(|| make_parents(&self.name, &self.hierarchies))?;
        *self.parents.write().unwrap_or_else(PoisonError::into_inner) = parents;
        Ok(())
    }
}

impl Driver for V1 {
    fn layout(&self) -> Layout {
        Layout::V1
    }

    fn lacks(&self) -> &[Lack] {
        &self.facts.lacks
    }

    fn claim(&self, slot: SlotNumber) -> Result<Option<Claim>, CgroupError> {
        make::renewed(|| claim::take(&first(&self.parents())?.dir, slot), || self.renew())
    }

    fn create(&self, name: &GroupName, wants: Wants) -> Result<Box<dyn Group>, CgroupError> {
        let attempt = || V1Group::make(&self.parents(), name, wants, &self.facts);
        let group = make::group(name, attempt, || self.remove_leftover(name), || self.renew())?;
        Ok(Box::new(group))
    }

    fn create_total(&self, name: &GroupName) -> Result<Box<dyn TotalGroup>, CgroupError> {
        let attempt = || V1Total::make(&self.parents(), name, &self.facts);
        let total = make::group(name, attempt, || self.remove_leftover(name), || self.renew())?;
        Ok(Box::new(total))
    }

    fn groups(&self) -> Result<BTreeSet<GroupName>, CgroupError> {
        let mut groups = BTreeSet::new();
        for parent in self.parents().iter() {
            groups.extend(GroupName::all_in(&parent.dir)?);
        }
        Ok(groups)
    }

    fn remove_leftover(&self, name: &GroupName) -> Result<(), CgroupError> {
        let parents = self.parents();
        let mut dirs = Vec::new();
        for parent in parents.iter() {
            dirs.extend(parent.dir.child(name.as_str())?);
        }
        kill::refuse_strangers(&dirs)?;
        total::clear(&dirs)?;
        kill::kill_all(&dirs)?;
        seats::remove(&parents, name)
    }

    fn remove_parent(&self) -> Result<bool, CgroupError> {
        // A parent that is gone needs no removing, and one of the same name may be in use by now.
        let _alone = match make::unless_gone(claim::take_all(&first(&self.parents())?.dir))? {
            Some(Some(alone)) => alone,
            Some(None) => return Ok(false),
            None => return Ok(true),
        };
        let mut removed = true;
        // The one with the lock goes last: until then nobody can claim a slot among the others.
        for hierarchy in self.hierarchies.iter().rev() {
            let above = Dir::open(&hierarchy.point)?;
            match above.try_remove(&self.name) {
                Ok(()) | Err(Errno::ENOENT) => {}
                // A group is in it, and so the other parents are needed as well; or will be made anew.
                Err(Errno::EBUSY | Errno::ENOTEMPTY) => removed = false,
                Err(errno) => return Err(CgroupError::file("remove", above.path().join(&self.name), errno)),
            }
        }
        Ok(removed)
    }
}

/// The parent in which slots are claimed.
fn first(parents: &[Seat]) -> Result<&Seat, CgroupError> {
    parents.first().ok_or_else(|| CgroupError::unusable("no hierarchy is left", mount_fix("pids")))
}

/// The hierarchies with the controllers we use, where they are mounted first; several controllers may share one.
fn hierarchies(mountinfo: &str) -> Vec<Hierarchy> {
    let mut found: Vec<Hierarchy> = Vec::new();
    let mounts = parse::controller_mounts(mountinfo);
    for role in Role::ALL {
        let mount = mounts.iter().find(|(_, options)| options.contains(&role.controller()));
        let Some((point, _)) = mount else { continue };
        match found.iter_mut().find(|hierarchy| hierarchy.point == *point) {
            Some(hierarchy) => hierarchy.roles |= role.bit(),
            None => found.push(Hierarchy { point: point.clone(), roles: role.bit() }),
        }
    }
    found
}

/// Opens the parents. Where one is missing or half made, the library makes them all: a new cpuset must be
/// filled, level by level, before anything can enter it.
fn make_parents(name: &str, hierarchies: &[Hierarchy]) -> Result<Arc<[Seat]>, CgroupError> {
    let there = hierarchies.iter().map(|hierarchy| make::unless_gone(Dir::open(&hierarchy.point.join(name))));
    let mut dirs: Vec<_> = there.collect::<Result<_, _>>()?;
    let mut ready = true;
    for (hierarchy, dir) in hierarchies.iter().zip(&dirs) {
        ready &= dir.as_ref().map_or(Ok(false), |dir| is_ready(hierarchy, dir))?;
    }
    if !ready {
        make_by_library(name, hierarchies);
        // Tells the errno, which the library does not keep, if it could not.
        let made = hierarchies.iter().map(|hierarchy| Dir::open(&hierarchy.point)?.ensure(name).map(Some));
        dirs = made.collect::<Result<_, _>>()?;
    }
    let parents = hierarchies.iter().zip(dirs.into_iter().flatten());
    Ok(parents.map(|(hierarchy, dir)| Seat { roles: hierarchy.roles, dir }).collect())
}

/// Whether a parent that exists is filled, which somebody else may be about to do.
fn is_ready(hierarchy: &Hierarchy, dir: &Dir) -> Result<bool, CgroupError> {
    let filled = |file| Ok::<_, CgroupError>(!dir.read(file)?.trim_end().is_empty());
    Ok(hierarchy.roles & Role::CpuSet.bit() == 0 || (filled("cpuset.cpus")? && filled("cpuset.mems")?))
}

fn make_by_library(name: &str, hierarchies: &[Hierarchy]) {
    let all = hierarchies.iter().fold(0, |bits, hierarchy| bits | hierarchy.roles);
    let controllers = Role::ALL.into_iter().filter(|role| all & role.bit() != 0);
    let controllers = controllers.map(|role| role.controller().to_string()).collect();
    let cgroup = Cgroup::load_with_specified_controllers(Box::new(Mounts::new()), name, controllers);
    if let Err(error) = cgroup.create() {
        tracing::debug!(%error, "making the parent control groups");
    }
}

/// The controllers every group needs that no hierarchy has.
fn missing(hierarchies: &[Hierarchy]) -> Vec<Lack> {
    let all = hierarchies.iter().fold(0, |bits, hierarchy| bits | hierarchy.roles);
    let needs = [
        (Role::Memory, Facility::Memory),
        (Role::Pids, Facility::Processes),
        (Role::CpuAcct, Facility::CpuTime),
    ];
    let absent = needs.into_iter().filter(|(role, _)| all & role.bit() == 0);
    absent
        .map(|(role, facility)| {
            let name = role.controller();
            Lack::new(facility, format!("no hierarchy has the controller {name}"), mount_fix(name))
        })
        .collect()
}

/// Looks at the top of each hierarchy, which no sweep can remove meanwhile.
fn facts(hierarchies: &[Hierarchy]) -> Result<Facts, CgroupError> {
    let top = |role: Role| hierarchies.iter().find(|hierarchy| hierarchy.roles & role.bit() != 0);
    let has = |role: Role, file: &str| match top(role) {
        Some(hierarchy) => files::exists(&hierarchy.point.join(file)),
        None => Ok(false),
    };
    let memsw = has(Role::Memory, "memory.memsw.limit_in_bytes")?;
    let mut lacks = missing(hierarchies);
    if !memsw && top(Role::Memory).is_some() && host_has_swap()? {
        let reason = "this host swaps, and swap is not accounted";
        lacks.push(Lack::new(Facility::Swap, reason, "boot with swapaccount=1, or swapoff -a"));
    }
    if !has(Role::Cpu, "cpu.cfs_quota_us")? {
        let reason = "there is no cpu controller with bandwidth control";
        lacks.push(Lack::new(Facility::CpuQuota, reason, mount_fix("cpu")));
    }
    if !has(Role::CpuSet, "cpuset.cpus")? {
        lacks.push(Lack::new(Facility::CpuSet, "the cpuset controller is not mounted", mount_fix("cpuset")));
    }
    Ok(Facts { lacks, memsw })
}

fn mount_fix(controller: &str) -> String {
    format!("mount -t cgroup -o {controller} none /sys/fs/cgroup/{controller}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_places_are_those_of_the_mounts() {
        assert!(in_usual_places(Path::new("/nowhere")).is_none());
        assert!(in_usual_places(Path::new("/sys/fs")).is_none());
        let Some(found) = in_usual_places(Path::new("/sys/fs/cgroup")) else { return };
        let mounted = find(&std::fs::read_to_string("/proc/self/mountinfo").unwrap()).unwrap();
        let seen = |Hierarchies(all): Hierarchies| -> Vec<_> {
            all.into_iter().map(|one| (one.point.canonicalize().unwrap(), one.roles)).collect()
        };
        assert_eq!(seen(found), seen(mounted));
    }
}

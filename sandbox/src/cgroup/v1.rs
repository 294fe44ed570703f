//! Control groups of version 1: one hierarchy for each controller, or one for several.
//!
//! Only for root. A group is a folder of one name in every hierarchy it needs.

mod group;
mod hierarchies;
mod kill;
mod seats;
mod total;

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError, RwLock};

use cgroups_rs::fs::cgroup::Cgroup;
use cgroups_rs::fs::hierarchies::V1 as Mounts;
use dayfly_jobs::Limit;
use nix::errno::Errno;

use super::files::{self, Dir};
use super::lack::{Facility, Lack, host_has_swap};
use super::{CgroupError, Claim, Driver, Group, GroupName, Layout, TotalGroup, Wants, claim, make};
use group::V1Group;
use hierarchies::{Hierarchies, Hierarchy};
use seats::Seat;
use total::V1Total;

pub(super) use hierarchies::{find, in_usual_places};

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

//! Control groups of version 1: one hierarchy for each controller, or one for several.
//!
//! Only for root. A group is a folder of one name in every hierarchy it needs.

mod group;
mod kill;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use cgroups_rs::fs::Controllers;
use cgroups_rs::fs::cgroup::Cgroup;
use cgroups_rs::fs::hierarchies::V1 as Mounts;
use nix::errno::Errno;

use super::files::Dir;
use super::lack::{Facility, Lack, host_has_swap};
use super::make::{MakeError, RETRIES};
use super::{CgroupError, Driver, Group, GroupName, Layout, Wants};
use group::{V1Group, remove_seats};

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

    fn controller(self) -> Controllers {
        match self {
            Self::Pids => Controllers::Pids,
            Self::Memory => Controllers::Mem,
            Self::CpuAcct => Controllers::CpuAcct,
            Self::Cpu => Controllers::Cpu,
            Self::CpuSet => Controllers::CpuSet,
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

/// Our parent group in one hierarchy.
#[derive(Debug)]
struct Parent {
    roles: u8,
    dir: Dir,
}

/// The driver.
#[derive(Debug)]
pub(super) struct V1 {
    /// The path of the parent below every mount.
    name: String,
    hierarchies: Vec<Hierarchy>,
    /// The parents, in the order of [`Role::ALL`]. Replaced when a sweep has removed them.
    parents: RwLock<Arc<[Parent]>>,
    facts: Arc<Facts>,
}

/// What a group must know of the host.
#[derive(Debug)]
struct Facts {
    lacks: Vec<Lack>,
    /// Whether swap is accounted, so that a limit on memory and swap together can be set.
    memsw: bool,
}

/// Whether this host has the controllers we cannot do without, on hierarchies of version 1.
pub(super) fn is_here() -> bool {
    let mounts = Mounts::new();
    Role::NEEDED.into_iter().all(|role| mounts.get_mount_point(role.controller()).is_some())
}

impl V1 {
    /// A driver that makes its groups below the group `name` of every hierarchy.
    pub(super) fn open(name: &str) -> Result<Self, CgroupError> {
        let hierarchies = hierarchies();
        let parents = make_parents(name, &hierarchies)?;
        let facts = Arc::new(facts(&parents)?);
        Ok(Self { name: name.into(), hierarchies, parents: RwLock::new(parents), facts })
    }

    fn parents(&self) -> Arc<[Parent]> {
        self.parents.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Makes the parents again after a sweep of another process found them empty and removed them.
    fn renew(&self) -> Result<Arc<[Parent]>, CgroupError> {
        let parents = make_parents(&self.name, &self.hierarchies)?;
        *self.parents.write().unwrap_or_else(PoisonError::into_inner) = parents.clone();
        Ok(parents)
    }
}

impl Driver for V1 {
    fn layout(&self) -> Layout {
        Layout::V1
    }

    fn lacks(&self) -> &[Lack] {
        &self.facts.lacks
    }

    fn create(&self, name: &GroupName, wants: Wants) -> Result<Box<dyn Group>, CgroupError> {
        let mut parents = self.parents();
        let mut retries = 0;
        loop {
            match V1Group::make(&parents, name, wants, &self.facts) {
                Ok(group) => return Ok(Box::new(group)),
                Err(MakeError::Exists) if retries < RETRIES => self.remove_leftover(name)?,
                Err(MakeError::ParentGone(_)) if retries < RETRIES => parents = self.renew()?,
                Err(failed) => return Err(failed.into_error(name)),
            }
            retries += 1;
        }
    }

    fn groups(&self) -> Result<BTreeSet<GroupName>, CgroupError> {
        let mut groups = BTreeSet::new();
        for parent in self.parents().iter() {
            let names = parent.dir.children()?;
            groups.extend(names.iter().filter_map(|name| GroupName::parse(name)));
        }
        Ok(groups)
    }

    fn remove_leftover(&self, name: &GroupName) -> Result<(), CgroupError> {
        let parents = self.parents();
        let mut dirs = Vec::new();
        for parent in parents.iter() {
            dirs.extend(parent.dir.child(name.as_str())?);
        }
        kill::kill_all(&dirs)?;
        remove_seats(parents.iter().map(|parent| &parent.dir), name)
    }

    fn remove_parent(&self) -> Result<bool, CgroupError> {
        let mut removed = true;
        for hierarchy in &self.hierarchies {
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

/// The hierarchies with the controllers we use; several controllers may share one.
fn hierarchies() -> Vec<Hierarchy> {
    let mounts = Mounts::new();
    let mut found: Vec<Hierarchy> = Vec::new();
    for role in Role::ALL {
        let Some((point, _)) = mounts.get_mount_point(role.controller()) else { continue };
        match found.iter_mut().find(|hierarchy| hierarchy.point == point) {
            Some(hierarchy) => hierarchy.roles |= role.bit(),
            None => found.push(Hierarchy { point, roles: role.bit() }),
        }
    }
    found
}

fn make_parents(name: &str, hierarchies: &[Hierarchy]) -> Result<Arc<[Parent]>, CgroupError> {
    let all = hierarchies.iter().fold(0, |bits, hierarchy| bits | hierarchy.roles);
    let controllers = Role::ALL.into_iter().filter(|role| all & role.bit() != 0);
    let controllers = controllers.map(|role| role.controller().to_string()).collect();
    let cgroup = Cgroup::load_with_specified_controllers(Box::new(Mounts::new()), name, controllers);
    // The library does not keep the errno; opening the folders below tells it.
    if let Err(error) = cgroup.create() {
        tracing::debug!(%error, "making the parent control groups");
    }
    let open = |hierarchy: &Hierarchy| {
        // Makes it once more where the library could not, for the sake of the errno.
        let dir = Dir::open(&hierarchy.point)?.ensure(name)?;
        Ok(Parent { roles: hierarchy.roles, dir })
    };
    hierarchies.iter().map(open).collect()
}

fn facts(parents: &[Parent]) -> Result<Facts, CgroupError> {
    let mut lacks = Vec::new();
    let of = |role: Role| parents.iter().find(|parent| parent.roles & role.bit() != 0);
    let memory = of(Role::Memory).ok_or_else(no_memory)?;
    let memsw = memory.dir.read_if_any("memory.memsw.limit_in_bytes")?.is_some();
    if !memsw && host_has_swap()? {
        lacks.push(Lack::new(
            Facility::Swap,
            "swap is not accounted",
            "boot with swapaccount=1, or swapoff -a",
        ));
    }
    let quota = match of(Role::Cpu) {
        Some(parent) => parent.dir.read_if_any("cpu.cfs_quota_us")?.is_some(),
        None => false,
    };
    if !quota {
        lacks.push(Lack::new(Facility::CpuQuota, "no cpu controller with bandwidth control", "mount it"));
    }
    if of(Role::CpuSet).is_none() {
        lacks.push(Lack::new(Facility::CpuSet, "the cpuset controller is not mounted", "mount it"));
    }
    Ok(Facts { lacks, memsw })
}

fn no_memory() -> CgroupError {
    CgroupError::unusable(
        "the memory controller is not mounted",
        "mount it, or boot with cgroup_enable=memory",
    )
}

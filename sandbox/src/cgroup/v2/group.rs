//! A group of version 2: one folder.

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use dayfly_jobs::{Bytes, CpuTime, Cpus, Enforcement, Limit, Limits, Receipt, WallTime};
use nix::fcntl::OFlag;

use super::super::files::{Dir, read_from_start};
use super::super::lack::{Facility, waiver};
use super::super::{CgroupError, Entry, Gauge, Group, GroupName, GroupStats, Layout, limits, parse};
use super::Facts;

/// The group.
#[derive(Debug)]
pub(super) struct V2Group {
    name: GroupName,
    parent: Arc<Dir>,
    dir: Dir,
    cpu_stat: OwnedFd,
    facts: Arc<Facts>,
}

impl V2Group {
    pub(super) fn open(parent: &Arc<Dir>, name: &GroupName, facts: &Arc<Facts>) -> Result<Self, CgroupError> {
        let dir = super::open(parent, name)?;
        let cpu_stat = dir.open_file("cpu.stat", OFlag::O_RDONLY)?;
        Ok(Self { name: name.clone(), parent: parent.clone(), dir, cpu_stat, facts: facts.clone() })
    }
}

impl Group for V2Group {
    fn apply(&mut self, limits: &Limits, waived: &BTreeSet<Limit>) -> Result<Receipt, CgroupError> {
        let mut receipt = Receipt::new();
        receipt.insert(Limit::Memory, limit_memory(&self.dir, &self.facts, limits.memory, waived)?);
        receipt.insert(Limit::Processes, limit_processes(&self.dir, limits.processes)?);
        let cpu_time = "cgroup2 cpu.stat usage_usec read when the budget could be spent, then cgroup.kill";
        receipt.insert(Limit::CpuTime, Enforcement::Kernel(cpu_time.into()));
        if let Some(cpus) = &limits.cpus {
            receipt.insert(Limit::Cpus, limit_cpus(&self.dir, &self.facts, cpus, waived)?);
        }
        Ok(receipt)
    }

    fn entry(&self) -> Entry<'_> {
        Entry::V2(self.dir.as_fd())
    }

    fn cpu_time(&self) -> Result<CpuTime, CgroupError> {
        cpu_time(&self.dir, &self.cpu_stat)
    }

    fn expect_stats(&mut self) -> Result<(), CgroupError> {
        self.dir.hold(&["cgroup.events", "memory.peak", "memory.events", "pids.peak", "pids.events"])
    }

    fn stats(&self) -> Result<GroupStats, CgroupError> {
        let text = read_cpu_stat(&self.dir, &self.cpu_stat)?;
        let time = |key| time_in(&self.dir, &text, key);
        let cpu = CpuTime::micros(time("usage_usec")?);
        let (user, system) = (time("user_usec")?, time("system_usec")?);
        let (user, system) = limits::split(cpu, user, system);
        let (peak_processes, refused_processes) = limits::process_counts(&self.dir)?;
        let peak = self.dir.parse_if_any("memory.peak", "bytes", parse::number)?;
        let events = |text: &str| parse::field(text, "oom_kill").zip(parse::field(text, "oom"));
        let (oom_kills, ran_out) = self.dir.parse("memory.events", "oom_kill and oom", events)?;
        Ok(GroupStats {
            cpu,
            user,
            system,
            peak_memory: peak.map(Bytes::new),
            peak_processes,
            refused_processes,
            oom_kills,
            memory_limit_hit: ran_out > 0,
            // Only there when the group has a quota, and then it counts from the start.
            throttled: WallTime::micros(parse::field(&text, "throttled_usec").unwrap_or(0)),
        })
    }

    fn gauge(&self) -> Result<Option<Gauge>, CgroupError> {
        let dir = Arc::new(self.dir.try_clone()?);
        let (cpu, memory) = (Arc::clone(&dir), Arc::clone(&dir));
        Ok(Some(Gauge { layout: Layout::V2, cpu, memory, processes: dir }))
    }

    fn oom_event(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    fn kill(&self) -> Result<(), CgroupError> {
        kill(&self.dir)
    }

    fn is_empty(&self) -> Result<bool, CgroupError> {
        let populated = |text: &str| parse::field(text, "populated");
        Ok(self.dir.parse("cgroup.events", "populated", populated)? == 0)
    }

    /// Its folder and one file stay open.
    fn retire(&mut self) {
        self.dir.let_go();
    }

    fn remove(self: Box<Self>) -> Result<(), CgroupError> {
        self.parent.remove(self.name.as_str())
    }
}

/// What a group used, by its open `cpu.stat`.
pub(super) fn cpu_time(dir: &Dir, cpu_stat: &OwnedFd) -> Result<CpuTime, CgroupError> {
    Ok(CpuTime::micros(time_in(dir, &read_cpu_stat(dir, cpu_stat)?, "usage_usec")?))
}

fn read_cpu_stat(dir: &Dir, cpu_stat: &OwnedFd) -> Result<String, CgroupError> {
    read_from_start(cpu_stat).map_err(|errno| CgroupError::file("read", dir.path().join("cpu.stat"), errno))
}

fn time_in(dir: &Dir, text: &str, key: &'static str) -> Result<u64, CgroupError> {
    parse::field(text, key).ok_or_else(|| dir.malformed("cpu.stat", text, key))
}

pub(super) fn limit_memory(
    dir: &Dir,
    facts: &Facts,
    size: Bytes,
    waived: &BTreeSet<Limit>,
) -> Result<Enforcement, CgroupError> {
    let waiver = waiver(&facts.lacks, Facility::Swap, waived)?;
    dir.write("memory.max", &size.get().to_string())?;
    dir.write("memory.oom.group", "1")?;
    if facts.swap_limit {
        dir.write("memory.swap.max", "0")?;
    }
    Ok(waiver.unwrap_or(Enforcement::Kernel(match facts.swap_limit {
        true => "cgroup2 memory.max, memory.swap.max=0, memory.oom.group=1".into(),
        false => "cgroup2 memory.max, memory.oom.group=1 (the host has no swap)".into(),
    })))
}

pub(super) fn limit_processes(dir: &Dir, most: NonZeroU32) -> Result<Enforcement, CgroupError> {
    dir.write("pids.max", &most.to_string())?;
    Ok(Enforcement::Kernel("cgroup2 pids.max".into()))
}

pub(super) fn limit_cpus(
    dir: &Dir,
    facts: &Facts,
    cpus: &Cpus,
    waived: &BTreeSet<Limit>,
) -> Result<Enforcement, CgroupError> {
    let mechanism = match cpus {
        Cpus::Millis(millis) => {
            if let Some(waiver) = waiver(&facts.lacks, Facility::CpuQuota, waived)? {
                return Ok(waiver);
            }
            let (quota, period) = limits::quota(*millis);
            dir.write("cpu.max", &format!("{quota} {period}"))?;
            "cgroup2 cpu.max"
        }
        Cpus::Pinned(set) => {
            if let Some(waiver) = waiver(&facts.lacks, Facility::CpuSet, waived)? {
                return Ok(waiver);
            }
            limits::pin(dir, set, "cpuset.cpus.effective")?;
            "cgroup2 cpuset.cpus"
        }
    };
    Ok(Enforcement::Kernel(mechanism.into()))
}

/// Kills all members at once; a fork under way is caught too. They are gone a little later.
pub(super) fn kill(dir: &Dir) -> Result<(), CgroupError> {
    dir.write("cgroup.kill", "1")
}

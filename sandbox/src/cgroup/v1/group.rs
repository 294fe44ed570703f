//! A group of version 1: a folder in each hierarchy.

use std::collections::BTreeSet;
use std::fmt;
use std::num::NonZeroU32;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use dayfly_jobs::{Bytes, CpuTime, Cpus, Enforcement, Limit, Limits, Receipt, WallTime};
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::eventfd::{EfdFlags, EventFd};

use super::super::files::{Dir, read_from_start};
use super::super::lack::{Facility, waiver};
use super::super::make::MakeError;
use super::super::{CgroupError, Entry, Gauge, Group, GroupName, GroupStats, Layout, Wants, limits, parse};
use super::{Facts, Parent, Role, kill};

/// The group's folder in one hierarchy.
#[derive(Debug)]
struct Seat {
    roles: u8,
    dir: Dir,
}

/// The group.
pub(super) struct V1Group {
    name: GroupName,
    parents: Arc<[Parent]>,
    seats: Vec<Seat>,
    /// The `tasks` file of every seat, in the same order.
    tasks: Vec<OwnedFd>,
    /// `None` where a controller is missing and its limit waived, as with the next.
    usage: Option<OwnedFd>,
    oom: Option<EventFd>,
    facts: Arc<Facts>,
}

impl fmt::Debug for V1Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("V1Group")
            .field("name", &self.name)
            .field("seats", &self.seats)
            .finish_non_exhaustive()
    }
}

impl V1Group {
    pub(super) fn make(
        parents: &Arc<[Parent]>,
        name: &GroupName,
        wants: Wants,
        facts: &Arc<Facts>,
    ) -> Result<Self, MakeError> {
        let mut made = Vec::with_capacity(parents.len());
        let group = make_seats(parents, name, wants, &mut made)
            .and_then(|seats| Ok(Self::open(parents, name, seats, facts)?));
        if group.is_err() {
            // Only what was made here: one that existed is not ours to remove without killing first.
            remove_seats(made.into_iter(), name)?;
        }
        group
    }

    /// Opens what is used later.
    fn open(
        parents: &Arc<[Parent]>,
        name: &GroupName,
        seats: Vec<Seat>,
        facts: &Arc<Facts>,
    ) -> Result<Self, CgroupError> {
        let tasks = seats.iter().map(|seat| seat.dir.open_file("tasks", OFlag::O_WRONLY));
        let tasks = tasks.collect::<Result<_, _>>()?;
        let time = seat(&seats, Role::CpuAcct).ok();
        let usage = time.map(|dir| dir.open_file("cpuacct.usage", OFlag::O_RDONLY)).transpose()?;
        let oom = seat(&seats, Role::Memory).ok().map(arm_oom).transpose()?;
        let (name, parents, facts) = (name.clone(), parents.clone(), facts.clone());
        Ok(Self { name, parents, seats, tasks, usage, oom, facts })
    }

    fn seat(&self, role: Role) -> Result<&Dir, CgroupError> {
        seat(&self.seats, role)
    }

    fn limit_memory(&self, size: Bytes, waived: &BTreeSet<Limit>) -> Result<Enforcement, CgroupError> {
        if let Some(waiver) = waiver(&self.facts.lacks, Facility::Memory, waived)? {
            return Ok(waiver);
        }
        let waiver = waiver(&self.facts.lacks, Facility::Swap, waived)?;
        let (dir, size) = (self.seat(Role::Memory)?, size.get().to_string());
        dir.write("memory.limit_in_bytes", &size)?;
        if self.facts.memsw {
            // After the limit on memory alone, which it must never be below.
            dir.write("memory.memsw.limit_in_bytes", &size)?;
        }
        Ok(waiver.unwrap_or(Enforcement::Kernel(match self.facts.memsw {
            true => "cgroup1 memory.limit_in_bytes, memory.memsw.limit_in_bytes, memory.oom_control event and kill".into(),
            false => "cgroup1 memory.limit_in_bytes, memory.oom_control event and kill (the host has no swap)".into(),
        })))
    }

    fn limit_processes(
        &self,
        most: NonZeroU32,
        waived: &BTreeSet<Limit>,
    ) -> Result<Enforcement, CgroupError> {
        if let Some(waiver) = waiver(&self.facts.lacks, Facility::Processes, waived)? {
            return Ok(waiver);
        }
        self.seat(Role::Pids)?.write("pids.max", &most.to_string())?;
        Ok(Enforcement::Kernel("cgroup1 pids.max".into()))
    }

    fn limit_cpus(&self, cpus: &Cpus, waived: &BTreeSet<Limit>) -> Result<Enforcement, CgroupError> {
        let mechanism = match cpus {
            Cpus::Millis(millis) => {
                if let Some(waiver) = waiver(&self.facts.lacks, Facility::CpuQuota, waived)? {
                    return Ok(waiver);
                }
                let (quota, period) = limits::quota(*millis);
                let dir = self.seat(Role::Cpu)?;
                dir.write("cpu.cfs_period_us", &period.to_string())?;
                dir.write("cpu.cfs_quota_us", &quota.to_string())?;
                "cgroup1 cpu.cfs_quota_us"
            }
            Cpus::Pinned(set) => {
                if let Some(waiver) = waiver(&self.facts.lacks, Facility::CpuSet, waived)? {
                    return Ok(waiver);
                }
                limits::pin(self.seat(Role::CpuSet)?, set, "cpuset.effective_cpus")?;
                "cgroup1 cpuset.cpus"
            }
        };
        Ok(Enforcement::Kernel(mechanism.into()))
    }

    /// The event comes before the kernel chooses a victim. Who answers it with a kill may be faster than the
    /// kernel, which then counts none, though memory did run out and a process was killed for it.
    fn oom_kills(&self, dir: &Dir) -> Result<u64, CgroupError> {
        let counted = dir.parse("memory.oom_control", "oom_kill", |text| parse::field(text, "oom_kill"))?;
        let Some(oom) = &self.oom else { return Ok(counted) };
        let mut fds = [PollFd::new(oom.as_fd(), PollFlags::POLLIN)];
        let fired = poll(&mut fds, PollTimeout::ZERO)
            .map_err(|errno| CgroupError::file("poll the event of", dir.path(), errno))?;
        Ok(counted.max(u64::from(fired > 0)))
    }

    /// User and system time, which add up to `cpu`.
    fn split(&self, cpu: CpuTime) -> Result<(CpuTime, CpuTime), CgroupError> {
        let Ok(time) = self.seat(Role::CpuAcct) else { return Ok(Default::default()) };
        let user = time.parse("cpuacct.usage_user", "nanoseconds", parse::number)?;
        let system = time.parse("cpuacct.usage_sys", "nanoseconds", parse::number)?;
        Ok(limits::split(cpu, user, system))
    }

    fn throttled(&self) -> Result<WallTime, CgroupError> {
        let Ok(dir) = self.seat(Role::Cpu) else { return Ok(WallTime::default()) };
        let nanos = dir.parse("cpu.stat", "throttled_time", |text| parse::field(text, "throttled_time"))?;
        Ok(WallTime::micros(nanos / 1000))
    }
}

impl Group for V1Group {
    fn apply(&mut self, limits: &Limits, waived: &BTreeSet<Limit>) -> Result<Receipt, CgroupError> {
        let mut receipt = Receipt::new();
        receipt.insert(Limit::Memory, self.limit_memory(limits.memory, waived)?);
        receipt.insert(Limit::Processes, self.limit_processes(limits.processes, waived)?);
        let cpu_time = waiver(&self.facts.lacks, Facility::CpuTime, waived)?.unwrap_or_else(|| {
            Enforcement::Kernel("cgroup1 cpuacct.usage read when the budget could be spent, then kill".into())
        });
        receipt.insert(Limit::CpuTime, cpu_time);
        if let Some(cpus) = &limits.cpus {
            receipt.insert(Limit::Cpus, self.limit_cpus(cpus, waived)?);
        }
        Ok(receipt)
    }

    fn entry(&self) -> Entry<'_> {
        Entry::V1(&self.tasks)
    }

    fn cpu_time(&self) -> Result<CpuTime, CgroupError> {
        let Some(usage) = &self.usage else { return Ok(CpuTime::default()) };
        let dir = self.seat(Role::CpuAcct)?;
        let text = read_from_start(usage)
            .map_err(|errno| CgroupError::file("read", dir.path().join("cpuacct.usage"), errno))?;
        let nanos =
            parse::number(&text).ok_or_else(|| dir.malformed("cpuacct.usage", &text, "nanoseconds"))?;
        Ok(CpuTime::micros(nanos / 1000))
    }

    fn stats(&self) -> Result<GroupStats, CgroupError> {
        let cpu = self.cpu_time()?;
        let (user, system) = self.split(cpu)?;
        let (peak_processes, refused_processes) = match self.seat(Role::Pids) {
            Ok(pids) => limits::process_counts(pids)?,
            Err(_) => (None, 0),
        };
        let stats = GroupStats {
            cpu,
            user,
            system,
            peak_processes,
            refused_processes,
            throttled: self.throttled()?,
            ..GroupStats::default()
        };
        let Ok(memory) = self.seat(Role::Memory) else { return Ok(stats) };
        let peak = memory.parse("memory.max_usage_in_bytes", "bytes", parse::number)?;
        let hits = memory.parse("memory.failcnt", "a count", parse::number)?;
        Ok(GroupStats {
            peak_memory: Some(Bytes::new(peak)),
            oom_kills: self.oom_kills(memory)?,
            memory_limit_hit: hits > 0,
            ..stats
        })
    }

    fn gauge(&self) -> Result<Option<Gauge>, CgroupError> {
        let dir = |role| self.seat(role).ok().map(|dir| dir.try_clone().map(Arc::new)).transpose();
        let (cpu, memory, processes) = (dir(Role::CpuAcct)?, dir(Role::Memory)?, dir(Role::Pids)?);
        let counted = cpu.zip(memory).zip(processes);
        Ok(counted.map(|((cpu, memory), processes)| Gauge { layout: Layout::V1, cpu, memory, processes }))
    }

    fn oom_event(&self) -> Option<BorrowedFd<'_>> {
        self.oom.as_ref().map(AsFd::as_fd)
    }

    fn kill(&self) -> Result<(), CgroupError> {
        kill::kill_all(self.seats.iter().map(|seat| &seat.dir))
    }

    fn is_empty(&self) -> Result<bool, CgroupError> {
        // Whoever is in one of the folders entered the first one before.
        self.seats.first().map_or(Ok(true), |seat| Ok(kill::members(&seat.dir)?.is_empty()))
    }

    fn remove(self: Box<Self>) -> Result<(), CgroupError> {
        let held = |parent: &&Parent| self.seats.iter().any(|seat| seat.roles == parent.roles);
        remove_seats(self.parents.iter().filter(held).map(|parent| &parent.dir), &self.name)
    }
}

fn seat(seats: &[Seat], role: Role) -> Result<&Dir, CgroupError> {
    let seat = seats.iter().find(|seat| seat.roles & role.bit() != 0);
    seat.map(|seat| &seat.dir).ok_or_else(|| {
        let name = role.controller().to_string();
        CgroupError::unusable(
            format!("the group was made without the controller {name}, which its limits need"),
            "make it with the wants of the limits",
        )
    })
}

/// Makes and opens the folders. What was made is in `made` even when something after it fails.
fn make_seats<'a>(
    parents: &'a [Parent],
    name: &GroupName,
    wants: Wants,
    made: &mut Vec<&'a Dir>,
) -> Result<Vec<Seat>, MakeError> {
    let wanted = Role::wanted(wants);
    let mut seats = Vec::with_capacity(parents.len());
    for Parent { roles, dir: parent } in parents.iter().filter(|parent| parent.roles & wanted != 0) {
        if let Err(errno) = parent.make(name.as_str()) {
            let error = CgroupError::file("make", parent.path().join(name.as_str()), errno);
            return Err(MakeError::of(errno, error));
        }
        made.push(parent);
        let gone = || CgroupError::file("open", parent.path().join(name.as_str()), Errno::ENOENT);
        let dir = parent.child(name.as_str())?.ok_or_else(gone)?;
        if roles & Role::CpuSet.bit() != 0 {
            fill_cpuset(parent, &dir)?;
        }
        seats.push(Seat { roles: *roles, dir });
    }
    Ok(seats)
}

/// A new cpuset is empty, and nothing can enter an empty one. A parent that is empty itself was made just
/// now by somebody who has not filled it yet, or died before that.
fn fill_cpuset(parent: &Dir, dir: &Dir) -> Result<(), MakeError> {
    for file in ["cpuset.cpus", "cpuset.mems"] {
        let value = parent.read(file)?;
        if value.trim_end().is_empty() {
            let reason = format!("{} is empty", parent.path().join(file).display());
            let error = CgroupError::unusable(reason, "copy the value of the group above into it");
            return Err(MakeError::ParentGone(error));
        }
        dir.write(file, value.trim_end())?;
    }
    Ok(())
}

/// An event that fires when memory runs out. The kernel keeps the registration until the group goes.
fn arm_oom(memory: &Dir) -> Result<EventFd, CgroupError> {
    let oom = EventFd::from_value_and_flags(0, EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)
        .map_err(|errno| CgroupError::file("make an eventfd for", memory.path(), errno))?;
    let control = memory.open_file("memory.oom_control", OFlag::O_RDONLY)?;
    memory.write("cgroup.event_control", &format!("{} {}", oom.as_raw_fd(), control.as_raw_fd()))?;
    Ok(oom)
}

/// Removes the folders of one group, all of them even when one resists.
pub(super) fn remove_seats<'a>(
    parents: impl Iterator<Item = &'a Dir>,
    name: &GroupName,
) -> Result<(), CgroupError> {
    let results: Vec<_> = parents.map(|parent| parent.remove(name.as_str())).collect();
    results.into_iter().collect()
}

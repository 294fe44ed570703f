//! A group of version 1: a folder in each hierarchy.

use std::collections::BTreeSet;
use std::fmt;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use dayfly_jobs::{Bytes, CpuTime, Enforcement, Limit, Limits, Receipt, WallTime};
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::eventfd::EventFd;

use super::super::files::{Dir, read_from_start};
use super::super::lack::{Facility, waiver};
use super::super::make::MakeError;
use super::super::{CgroupError, Entry, Gauge, Group, GroupName, GroupStats, Layout, Wants, limits, parse};
use super::seats::{self, Seat};
use super::{Facts, Role, kill};

/// The group.
pub(super) struct V1Group {
    name: GroupName,
    parents: Arc<[Seat]>,
    /// Those of all seats that were made.
    roles: u8,
    /// Only the first once it was retired.
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
        parents: &Arc<[Seat]>,
        name: &GroupName,
        wants: Wants,
        facts: &Arc<Facts>,
    ) -> Result<Self, MakeError> {
        let mut made = Vec::with_capacity(parents.len());
        let group = seats::make(parents, name, Role::wanted(wants), &mut made)
            .and_then(|seats| Ok(Self::open(parents, name, seats, facts)?));
        if group.is_err() {
            // Only what was made here: one that existed is not ours to remove without killing first.
            seats::remove(made.into_iter(), name)?;
        }
        group
    }

    /// Opens what is used later.
    fn open(
        parents: &Arc<[Seat]>,
        name: &GroupName,
        seats: Vec<Seat>,
        facts: &Arc<Facts>,
    ) -> Result<Self, CgroupError> {
        let tasks = seats.iter().map(|seat| seat.dir.open_file("tasks", OFlag::O_WRONLY));
        let tasks = tasks.collect::<Result<_, _>>()?;
        let time = seats::find(&seats, Role::CpuAcct).ok();
        let usage = time.map(|dir| dir.open_file("cpuacct.usage", OFlag::O_RDONLY)).transpose()?;
        let oom = seats::find(&seats, Role::Memory).ok().map(seats::arm_oom).transpose()?;
        let (name, parents, facts) = (name.clone(), parents.clone(), facts.clone());
        let roles = seats.iter().fold(0, |roles, seat| roles | seat.roles);
        Ok(Self { name, parents, roles, seats, tasks, usage, oom, facts })
    }

    fn seat(&self, role: Role) -> Result<&Dir, CgroupError> {
        seats::find(&self.seats, role)
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
        let (seats, facts) = (&self.seats, &*self.facts);
        let mut receipt = Receipt::new();
        receipt.insert(Limit::Memory, seats::limit_memory(seats, facts, limits.memory, waived)?);
        receipt.insert(Limit::Processes, seats::limit_processes(seats, facts, limits.processes, waived)?);
        let cpu_time = waiver(&self.facts.lacks, Facility::CpuTime, waived)?.unwrap_or_else(|| {
            Enforcement::Kernel("cgroup1 cpuacct.usage read when the budget could be spent, then kill".into())
        });
        receipt.insert(Limit::CpuTime, cpu_time);
        if let Some(cpus) = &limits.cpus {
            receipt.insert(Limit::Cpus, seats::limit_cpus(seats, facts, cpus, waived)?);
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
        Ok(GroupStats {
            peak_memory: Some(Bytes::new(peak)),
            oom_kills: self.oom_kills(memory)?,
            memory_limit_hit: seats::was_full(memory, &self.facts)?,
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

    fn retire(&mut self) {
        self.seats.truncate(1);
        (self.tasks, self.usage, self.oom) = (Vec::new(), None, None);
    }

    fn remove(self: Box<Self>) -> Result<(), CgroupError> {
        let held = |parent: &&Seat| parent.roles & self.roles != 0;
        seats::remove(self.parents.iter().filter(held).map(|parent| &parent.dir), &self.name)
    }
}

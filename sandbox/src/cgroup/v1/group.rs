//! A group of version 1: a folder in each hierarchy.

use std::collections::BTreeSet;
use std::fmt;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use dayfly_jobs::{Bytes, CpuTime, Enforcement, Limit, Limits, Receipt, WallTime};
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::eventfd::EventFd;

use super::super::files::Dir;
use super::super::lack::{Facility, waiver};
use super::super::make::MakeError;
use super::super::{CgroupError, Entry, Gauge, Group, GroupName, GroupStats, Layout, Wants, limits, parse};
use super::seats::{self, Seat};
use super::{Facts, Role, kill};

/// The group.
pub(super) struct V1Group {
    name: GroupName,
    parents: Arc<[Seat]>,
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
        seats::make(parents, name, Role::wanted(wants), |seats| {
            let tasks = seats.iter().map(|seat| seat.dir.open_file("tasks", OFlag::O_WRONLY));
            let tasks = tasks.collect::<Result<_, _>>()?;
            let (usage, oom) = (seats::open_usage(&seats)?, seats::arm_oom(&seats)?);
            let (name, parents, facts) = (name.clone(), parents.clone(), facts.clone());
            Ok(Self { name, parents, seats, tasks, usage, oom, facts })
        })
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
        seats::cpu_time(&self.seats, self.usage.as_ref())
    }

    fn expect_stats(&mut self) -> Result<(), CgroupError> {
        self.seats.iter_mut().try_for_each(|seat| seats::expect_stats(seat, &self.facts))
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
        let peak = memory.parse(seats::PEAK, "bytes", parse::number)?;
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
        self.seats.iter_mut().for_each(|seat| seat.dir.let_go());
        (self.tasks, self.usage, self.oom) = (Vec::new(), None, None);
    }

    fn remove(self: Box<Self>) -> Result<(), CgroupError> {
        seats::remove(&self.parents, &self.name)
    }
}

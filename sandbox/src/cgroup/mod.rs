//! Control groups: one driver trait, one implementation for each version of the kernel interface.
//!
//! A driver makes groups below one parent; a group holds the processes of one command, limits them, counts
//! what they use, and kills them. A total group holds such groups, and limits their total. Nothing here knows
//! about jails, and nothing kills a process by number.
//!
//! `cgroups-rs` makes the parent groups of version 1 (it knows how a cpuset parent is filled). What happens for
//! every job is file access by descriptor in `files.rs`: the library goes by path, has no `memory.oom.group`,
//! `memory.peak`, `pids.peak` or `cgroup.kill`, and gives no descriptor to clone into.

mod claim;
mod detect;
mod error;
mod files;
mod gauge;
mod lack;
mod limits;
mod make;
mod name;
mod parse;
mod v1;
mod v2;

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::os::fd::{BorrowedFd, OwnedFd};

use dayfly_jobs::{Bytes, CpuTime, Cpus, Limit, Limits, Receipt, WallTime};

pub(crate) use claim::Claim;
pub(crate) use detect::detect;
pub use error::CgroupError;
pub(crate) use gauge::Gauge;
pub(crate) use lack::{Facility, Lack};
pub(crate) use name::GroupName;

use crate::Total;
use crate::slot::SlotNumber;

/// The version of the kernel interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// One hierarchy for each controller.
    V1,
    /// One hierarchy for all.
    V2,
}

/// Controllers that a group needs only for some limits. Those it does not want cost nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Wants {
    /// For [`Cpus::Millis`].
    pub(crate) cpu_quota: bool,
    /// For [`Cpus::Pinned`].
    pub(crate) cpu_set: bool,
}

impl Wants {
    /// What these limits need.
    pub(crate) fn of(limits: &Limits) -> Self {
        Self::of_cpus(limits.cpus.as_ref())
    }

    /// What a limit on processors needs.
    pub(crate) fn of_cpus(cpus: Option<&Cpus>) -> Self {
        Self {
            cpu_quota: matches!(cpus, Some(Cpus::Millis(_))),
            cpu_set: matches!(cpus, Some(Cpus::Pinned(_))),
        }
    }

    /// What either of the two needs.
    pub(crate) fn and(self, other: Self) -> Self {
        Self { cpu_quota: self.cpu_quota || other.cpu_quota, cpu_set: self.cpu_set || other.cpu_set }
    }

    /// Whether a group made for these wants serves the other as well.
    pub(crate) fn covers(self, other: Self) -> bool {
        self.cpu_quota >= other.cpu_quota && self.cpu_set >= other.cpu_set
    }
}

/// Makes groups. One per process is enough; it may be shared between threads.
pub(crate) trait Driver: Send + Sync + Debug {
    /// Which version this is.
    fn layout(&self) -> Layout;

    /// What cannot be enforced here; empty on a well set-up host.
    fn lacks(&self) -> &[Lack];

    /// Takes a slot's number among all who make groups below our parent; `None` when somebody has it.
    ///
    /// # Errors
    /// The parent cannot be locked.
    fn claim(&self, slot: SlotNumber) -> Result<Option<Claim>, CgroupError>;

    /// Makes an empty group. A group of that name that a dead process left is killed and removed first; the
    /// caller holds the slot in `name`, so it cannot belong to the living.
    ///
    /// # Errors
    /// The group cannot be made; nothing of it is left.
    fn create(&self, name: &GroupName, wants: Wants) -> Result<Box<dyn Group>, CgroupError>;

    /// Makes a group for groups, on the terms of [`Driver::create`]. No process can be in it.
    ///
    /// # Errors
    /// The group cannot be made; nothing of it is left.
    fn create_total(&self, name: &GroupName) -> Result<Box<dyn TotalGroup>, CgroupError>;

    /// The names of all groups right below our parent, whoever made them.
    ///
    /// # Errors
    /// The parent cannot be read.
    fn groups(&self) -> Result<BTreeSet<GroupName>, CgroupError>;

    /// Kills what is in this group and those in it, and removes them; fine when it is gone already. The caller holds its slot.
    ///
    /// # Errors
    /// It cannot be removed.
    fn remove_leftover(&self, name: &GroupName) -> Result<(), CgroupError>;

    /// Removes the parent itself if it is empty, ours to remove and nobody holds a slot in it; tells whether it did. Making a group
    /// makes it anew.
    ///
    /// # Errors
    /// It is empty and cannot be removed.
    fn remove_parent(&self) -> Result<bool, CgroupError>;
}

/// The control group of one command. Dropping it without [`Group::remove`] leaves it for the sweep.
pub(crate) trait Group: Send + Debug {
    /// Sets the limits, once, before a process enters. Gives the mechanism for each limit that is enforced
    /// here: memory, processes, CPU time (which the caller must read and act on), and `cpus` if it is set. A
    /// waived limit is enforced all the same where it can be.
    ///
    /// # Errors
    /// A limit cannot be enforced and is not waived.
    fn apply(&mut self, limits: &Limits, waived: &BTreeSet<Limit>) -> Result<Receipt, CgroupError>;

    /// How a process gets in.
    fn entry(&self) -> Entry<'_>;

    /// CPU time of all processes so far, living and dead. One system call.
    ///
    /// # Errors
    /// The counter cannot be read.
    fn cpu_time(&self) -> Result<CpuTime, CgroupError>;

    /// Gets ready for [`Group::stats`], so that it takes less time when somebody waits for it.
    ///
    /// # Errors
    /// A counter cannot be opened.
    fn expect_stats(&mut self) -> Result<(), CgroupError>;

    /// Everything that is counted.
    ///
    /// # Errors
    /// A counter cannot be read.
    fn stats(&self) -> Result<GroupStats, CgroupError>;

    /// Something that tells what the group uses at any moment; `None` where not all of it is counted.
    ///
    /// # Errors
    /// No descriptor is left.
    fn gauge(&self) -> Result<Option<Gauge>, CgroupError>;

    /// Readable from when memory ran out, where the kernel does not kill the whole group by itself. Who sees
    /// it must call [`Group::kill`], and must not read from it: [`GroupStats::oom_kills`] looks at it too.
    fn oom_event(&self) -> Option<BorrowedFd<'_>>;

    /// Kills every process in the group, and sees to it that none of them can fork on. The group cannot be
    /// used again.
    ///
    /// # Errors
    /// Some process could not be killed.
    fn kill(&self) -> Result<(), CgroupError>;

    /// Whether no living process is in it.
    ///
    /// # Errors
    /// The kernel does not tell.
    fn is_empty(&self) -> Result<bool, CgroupError>;

    /// Lets go of all that is needed for more than [`Group::is_empty`] and [`Group::remove`], which is all that may
    /// be asked from now on: its processes may live for as long as the jail does.
    fn retire(&mut self);

    /// Waits for killed processes to be gone and removes the group.
    ///
    /// # Errors
    /// It is left for the sweep.
    fn remove(self: Box<Self>) -> Result<(), CgroupError>;
}

/// The control group over those of a sandbox's commands. What was charged to one that was removed stays charged
/// to this one: files in memory, above all. Dropping it without [`TotalGroup::remove`] leaves it for the sweep.
pub(crate) trait TotalGroup: Send + Debug {
    /// Sets the limits on the total of the groups in it, once. Gives the mechanism for each, as [`Group::apply`] does.
    ///
    /// # Errors
    /// A limit cannot be enforced and is not waived.
    fn apply(&mut self, total: &Total, waived: &BTreeSet<Limit>) -> Result<Receipt, CgroupError>;

    /// Makes an empty group in it.
    ///
    /// # Errors
    /// The group cannot be made; nothing of it is left.
    fn create(&mut self, name: &GroupName, wants: Wants) -> Result<Box<dyn Group>, CgroupError>;

    /// CPU time of all groups in it so far, removed ones too. One system call.
    ///
    /// # Errors
    /// The counter cannot be read.
    fn cpu_time(&self) -> Result<CpuTime, CgroupError>;

    /// Whether its own limit on memory was hit since this was asked last. The kernel has killed for it then, all
    /// that is in it or one process; for the rest, and for those that were forked meanwhile, call
    /// [`TotalGroup::kill`].
    ///
    /// # Errors
    /// The kernel does not tell.
    fn ran_out(&mut self) -> Result<bool, CgroupError>;

    /// Whether more processes are in it than its limit allows: one that was put in, which the kernel may let in.
    ///
    /// # Errors
    /// The kernel does not tell.
    fn is_overfull(&self) -> Result<bool, CgroupError>;

    /// Whether its limit kept a process from being made since this was asked last, where the kernel counts that here
    /// and not in the group the process was to be in.
    ///
    /// # Errors
    /// The kernel does not tell.
    fn has_refused(&mut self) -> Result<bool, CgroupError>;

    /// Kills every process in it and waits until all of them count for nothing any more. The groups that are in it
    /// cannot be used again; new ones can be made.
    ///
    /// # Errors
    /// Some process could not be killed, or hangs in the kernel.
    fn kill(&self) -> Result<(), CgroupError>;

    /// Removes it. The groups in it must have been removed.
    ///
    /// # Errors
    /// It is left for the sweep.
    fn remove(self: Box<Self>) -> Result<(), CgroupError>;
}

/// How a process gets into a group.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Entry<'a> {
    /// `CLONE_INTO_CGROUP` with this descriptor of the group's folder.
    V2(BorrowedFd<'a>),
    /// The new process writes `0` to each of these files while it has one thread.
    V1(&'a [OwnedFd]),
}

/// What a group counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct GroupStats {
    /// CPU time, exact.
    pub(crate) cpu: CpuTime,
    /// The part in user mode. The kernel samples the split; user and system add up to `cpu`.
    pub(crate) user: CpuTime,
    /// The part in the kernel.
    pub(crate) system: CpuTime,
    /// Most memory at any one time; `None` where the kernel does not count it (version 2 before Linux 5.19).
    pub(crate) peak_memory: Option<Bytes>,
    /// Most processes and threads at any one time; `None` before Linux 6.6.
    pub(crate) peak_processes: Option<u32>,
    /// Forks refused by the limit on processes.
    pub(crate) refused_processes: u64,
    /// Processes killed for want of memory.
    pub(crate) oom_kills: u64,
    /// Whether the group ever ran into its own memory limit; kills without that are the host's.
    pub(crate) memory_limit_hit: bool,
    /// Time held back by a CPU quota.
    pub(crate) throttled: WallTime,
}

#[cfg(test)]
pub(crate) mod tests;

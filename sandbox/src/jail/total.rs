//! What all commands of one sandbox use together, and the group that limits it.
//!
//! Memory, processes and processors are the kernel's to limit. CPU time is read, as a command's own is: no more is
//! used together than all commands were allowed that have begun.

use std::collections::BTreeSet;
use std::mem;
use std::time::Duration;

use dayfly_jobs::{Bytes, CpuTime, Enforcement, Limit, Limits, Receipt};

use super::budget;
use super::measure;
use super::shape::Shape;
use crate::cgroup::{CgroupError, Driver, Group, GroupName, TotalGroup, Wants};
use crate::slot::Slot;
use crate::{Counted, SandboxError, Total};

/// The group over those of the commands. Removed when dropped.
#[derive(Debug)]
pub(crate) struct SandboxTotal {
    /// `None` when it was removed.
    group: Option<Box<dyn TotalGroup>>,
    /// `None` until it is limited.
    limits: Option<Total>,
    /// What enforces the limits.
    receipt: Receipt,
    /// CPU time that all commands so far may use together; `None` while nothing of them is alive to use any.
    granted: Option<CpuTime>,
}

/// Why a command has no outcome of its own.
#[derive(Debug)]
pub(crate) enum Halt {
    /// A fault of ours or of the host, or so it seems.
    Fault(SandboxError),
    /// Earlier commands left nothing of this limit.
    NoRoom(Limit),
}

impl<E: Into<SandboxError>> From<E> for Halt {
    fn from(error: E) -> Self {
        Self::Fault(error.into())
    }
}

/// For who watches a command: when all of them together may have used up their CPU time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Watch<'a> {
    group: &'a dyn TotalGroup,
    granted: CpuTime,
    processors: u32,
}

impl Watch<'_> {
    /// As [`SandboxTotal::add_spent`].
    pub(crate) fn add_spent(&mut self, more: CpuTime) {
        self.granted = sum(self.granted, more);
    }
}

/// When to look first at the CPU time of a command whose own limit says `own`. What all have used together is not
/// known before it was looked at, so that is at once.
pub(crate) fn first_look(total: Option<&Watch<'_>>, own: Option<Duration>) -> Option<Duration> {
    own.filter(|_| total.is_none())
}

/// How long until a command whose own limit says `own`, or all of them together, can have used up their CPU time;
/// `None` when they have.
pub(crate) fn next_look(
    total: Option<&Watch<'_>>,
    own: Option<Duration>,
) -> Result<Option<Duration>, CgroupError> {
    let Some(Watch { group, granted, processors }) = total else { return Ok(own) };
    let all = budget::next_look(*granted, group.cpu_time()?, *processors);
    Ok(own.zip(all).map(|(own, all)| own.min(all)))
}

impl SandboxTotal {
    /// The group, for a shape that counts in total where groups can be made.
    pub(crate) fn make(shape: &Shape, slot: &Slot) -> Result<Option<Self>, SandboxError> {
        match (shape.counted, &shape.driver) {
            (Counted::InTotal, Some(driver)) => {
                let group = Some(driver.create_total(&slot.next_group())?);
                Ok(Some(Self { group, limits: None, receipt: Receipt::new(), granted: None }))
            }
            (Counted::InTotal, None) | (Counted::Each, _) => Ok(None),
        }
    }

    /// Sets the limits. `files` is what is in the writable tree already: it counts for whoever put it there, so the
    /// rest of the limit is for the commands.
    pub(crate) fn limit(
        &mut self,
        total: &Total,
        files: Bytes,
        waived: &BTreeSet<Limit>,
    ) -> Result<(), SandboxError> {
        let left = Bytes::new(total.memory.get().saturating_sub(files.get()));
        if left < Limits::LEAST_MEMORY {
            return Err(SandboxError::FullOfFiles { files, memory: total.memory });
        }
        self.receipt = self.group_mut()?.apply(&Total { memory: left, ..total.clone() }, waived)?;
        self.limits = Some(total.clone());
        Ok(())
    }

    /// What every command's group needs because of these limits.
    pub(crate) fn wants(&self) -> Wants {
        self.limits.as_ref().map(Total::wants).unwrap_or_default()
    }

    /// Whether it was limited, without which no command may begin.
    pub(crate) fn is_limited(&self) -> bool {
        self.limits.is_some()
    }

    /// Makes the group of a command.
    pub(crate) fn create(&mut self, name: &GroupName, wants: Wants) -> Result<Box<dyn Group>, SandboxError> {
        Ok(self.group_mut()?.create(name, wants)?)
    }

    /// Lets another command use this much CPU time. `spent` is what its process used on its way.
    pub(crate) fn grant(&mut self, limit: CpuTime, spent: CpuTime) -> Result<(), SandboxError> {
        let before = match self.granted {
            Some(granted) => sum(granted, spent),
            // Nothing of what was used is to be held against anybody: it is of the dead, or of processes that
            // never got a command.
            None => self.group()?.cpu_time()?,
        };
        self.granted = Some(sum(before, limit));
        Ok(())
    }

    /// Lets the present command's process have used this much more on its way than was known when its command was sent.
    pub(crate) fn add_spent(&mut self, more: CpuTime) {
        self.granted = self.granted.map(|granted| sum(granted, more));
    }

    /// For the supervisor of a command, on a host with so many processors.
    pub(crate) fn watch(&self, online: u32) -> Result<Watch<'_>, SandboxError> {
        let processors =
            measure::processors(self.limits.as_ref().and_then(|total| total.cpus.as_ref()), online);
        let granted = self.granted.unwrap_or_default();
        Ok(Watch { group: self.group()?, granted, processors })
    }

    /// Whether the process that was just made is one too many.
    pub(crate) fn is_overfull(&self) -> Result<bool, SandboxError> {
        Ok(self.group()?.is_overfull()?)
    }

    /// Whether it can be the limit on processes that kept a process from being made since this was asked last.
    pub(crate) fn has_refused(&mut self) -> Result<bool, SandboxError> {
        Ok(self.group_mut()?.has_refused()?)
    }

    /// The limit that was exceeded since this was asked last. [`SandboxTotal::kill`] must follow.
    pub(crate) fn exceeded(&mut self, waived: &BTreeSet<Limit>) -> Result<Option<Limit>, SandboxError> {
        let granted = self.granted;
        let group = self.group_mut()?;
        if group.ran_out()? {
            return Ok(Some(Limit::Memory));
        }
        let Some(granted) = granted.filter(|_| !waived.contains(&Limit::CpuTime)) else { return Ok(None) };
        Ok((group.cpu_time()? > granted).then_some(Limit::CpuTime))
    }

    /// Kills all that runs in it. The next command begins with nothing held against it.
    pub(crate) fn kill(&mut self) -> Result<(), SandboxError> {
        let group = self.group_mut()?;
        group.kill()?;
        group.ran_out()?;
        self.granted = None;
        Ok(())
    }

    /// The receipt of a command that never began.
    pub(crate) fn receipt(&self) -> &Receipt {
        &self.receipt
    }

    /// Says on the receipt of a command what is limited for all of them as well.
    pub(crate) fn note(&self, receipt: &mut Receipt) {
        for (limit, own) in receipt.iter_mut() {
            let both = match limit {
                Limit::CpuTime => self.limits.is_some(),
                other => matches!(self.receipt.get(other), Some(Enforcement::Kernel(_))),
            };
            if let (Enforcement::Kernel(by), true) = (own, both) {
                by.to_mut().push_str("; also for all commands together");
            }
        }
    }

    /// Removes the group, when those in it have been removed.
    pub(crate) fn remove(&mut self) -> Result<(), CgroupError> {
        self.group.take().map_or(Ok(()), TotalGroup::remove)
    }

    fn group(&self) -> Result<&dyn TotalGroup, SandboxError> {
        self.group.as_deref().ok_or(SandboxError::Ended)
    }

    fn group_mut(&mut self) -> Result<&mut (dyn TotalGroup + 'static), SandboxError> {
        self.group.as_deref_mut().ok_or(SandboxError::Ended)
    }
}

impl Drop for SandboxTotal {
    fn drop(&mut self) {
        if let Err(error) = mem::take(&mut self.group).map_or(Ok(()), TotalGroup::remove) {
            tracing::warn!(%error, "a cgroup is left for the sweep");
        }
    }
}

/// Makes the group of a command, in that over all of them if there is one.
pub(crate) fn group_of_command(
    driver: Option<&dyn Driver>,
    total: Option<&mut SandboxTotal>,
    slot: &Slot,
    wants: Wants,
) -> Result<Option<Box<dyn Group>>, SandboxError> {
    match (total, driver) {
        (Some(total), _) => total.create(&slot.next_group(), wants).map(Some),
        (None, Some(driver)) => Ok(Some(driver.create(&slot.next_group(), wants)?)),
        (None, None) => Ok(None),
    }
}

fn sum(one: CpuTime, other: CpuTime) -> CpuTime {
    CpuTime::micros(one.as_micros().saturating_add(other.as_micros()))
}

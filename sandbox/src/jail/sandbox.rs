//! One living jail: used for commands one after another, removed. Made in `sandbox/make.rs`.

mod make;
mod room;

use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use dayfly_jobs::{CpuTime, Limits, Outcome, Termination, Usage, WallTime};

use super::classify::{Facts, HostFault, classify};
use super::delivery::Delivery;
use super::identity::Identity;
use super::next::{Next, NotStarted, Stage};
use super::shape::Shape;
use super::spawn::{self, Built, CommandProcess, Init, Remains};
use super::supervise::{Observed, Supervisor, Watch};
use super::survivors::Survivors;
use super::total::{Halt, SandboxTotal};
use super::{measure, receipt};
use crate::cgroup::{Gauge, Group, GroupStats, Wants};
use crate::meter::Meter;
use crate::slot::Slot;
use crate::sys::fd;
use crate::{Cancel, Command, Counted, Sandbox, SandboxError, Total};

/// A jail and everything that must go when it goes, in the order it must go.
#[derive(Debug)]
pub(crate) struct JailSandbox {
    shape: Arc<Shape>,
    identity: Identity,
    built: Built,
    /// The process of the next command, while it is being made or waits.
    next: Option<Next>,
    /// The group of the present command.
    group: Option<Box<dyn Group>>,
    /// The group over those of all commands, in a sandbox that has a total.
    total: Option<SandboxTotal>,
    /// Groups of finished commands. Removing one takes time, which is not the finished command's; and background
    /// processes may live in it.
    finished: Vec<Box<dyn Group>>,
    /// `None` when the jail has ended.
    init: Option<Init>,
    /// Namespaces of a jail that has ended. They are taken apart with the rest of it and not while a job waits.
    remains: Option<Remains>,
    slot: Slot,
    /// When making it began, until the first command has started.
    born: Option<Instant>,
    /// Whether a command has ended in it.
    used: bool,
}

impl JailSandbox {
    /// Whether it could still run a command: neither its init nor a process that waits has ended.
    pub(crate) fn is_alive(&self) -> bool {
        let ended = fd::is_readable;
        let waits = self.next.as_ref().is_none_or(|next| match &next.stage {
            Stage::Here(process) => !ended(process.child.pidfd.as_fd()),
            Stage::Coming(_) => true,
        });
        waits && self.init.as_ref().is_some_and(|init| !ended(init.pidfd()))
    }

    /// Runs a command with which the jail ends, and removes the jail.
    pub(crate) fn run_last(
        mut self,
        command: &Command,
        delivery: Delivery,
        cancel: &Cancel,
    ) -> Result<Outcome, SandboxError> {
        let mut outcome = self.execute(command, Some(delivery), cancel, true)?;
        let start = Instant::now();
        // Nothing lives in them any more. Init may still be ending.
        self.finished.drain(..).try_for_each(Group::remove)?;
        self.remove()?;
        let removal: WallTime = start.elapsed().into();
        outcome.timings.teardown =
            WallTime::micros(outcome.timings.teardown.as_micros() + removal.as_micros());
        Ok(outcome)
    }

    /// A process for a command. Its group, which has what these limits want, becomes the present one.
    fn take_process(&mut self, wants: Wants) -> Result<CommandProcess, SandboxError> {
        let init = self.init.as_mut().ok_or(SandboxError::Ended)?;
        let next = match self.next.take() {
            Some(next) if next.wants.covers(wants) => next,
            other => {
                if let Some(unfit) = other {
                    unfit.discard();
                }
                let total = self.total.as_mut();
                match Next::start(&self.shape, &self.slot, init, self.identity, total, wants) {
                    Ok(next) => next,
                    Err(NotStarted { group, error }) => {
                        self.group = group;
                        return Err(error);
                    }
                }
            }
        };
        self.group = next.group;
        next.stage.settle(&self.shape, self.survivors())
    }

    /// What earlier commands may have left running. Without groups it is not known.
    fn survivors(&self) -> Option<Survivors> {
        let left = match self.shape.driver {
            Some(_) => !self.finished.is_empty(),
            None => self.used,
        };
        left.then(|| Survivors { user: self.identity.job() })
    }

    fn execute(
        &mut self,
        command: &Command,
        delivery: Option<Delivery>,
        cancel: &Cancel,
        last: bool,
    ) -> Result<Outcome, SandboxError> {
        let start = self.born.take().unwrap_or_else(Instant::now);
        receipt::check(&self.shape, &command.limits)?;
        self.tidy_up()?;
        if self.total.as_ref().is_some_and(|total| !total.is_limited()) {
            return Err(SandboxError::TotalMisplaced);
        }
        let begun = match self.overrun()? {
            Some(limit) => Err(Halt::NoRoom(limit)),
            None => self.attempt(start, command, delivery, cancel, last),
        };
        let limit = match begun {
            Ok(outcome) => return Ok(outcome),
            Err(Halt::NoRoom(limit)) => limit,
            Err(Halt::Fault(error)) => self.blame(&error)?.ok_or(error)?,
        };
        self.retire_group();
        Ok(self.never_begun(limit, &command.limits, start))
    }

    fn attempt(
        &mut self,
        start: Instant,
        command: &Command,
        delivery: Option<Delivery>,
        cancel: &Cancel,
        last: bool,
    ) -> Result<Outcome, Halt> {
        let limits = &command.limits;
        let delivery = delivery.map_or_else(|| Delivery::new(command, self.shape.counted), Ok)?;
        let job = self.job(limits)?;
        let mut enforced_by = receipt::enforce(&self.shape, limits, self.group.as_deref_mut())?;
        let baseline = self.group.as_deref().map_or(Ok(CpuTime::default()), Group::cpu_time)?;
        if let Some(total) = &mut self.total {
            total.grant(limits.cpu_time, baseline)?;
            total.note(&mut enforced_by);
        }
        let streams = delivery.hand_over(job.process.report.as_fd())?;
        if last && let Some(init) = &mut self.init {
            init.forget_namespaces();
        }
        self.group.as_deref_mut().map_or(Ok(()), Group::expect_stats)?;
        let online = self.shape.processors()?;
        let watch = Watch {
            shape: &self.shape,
            limits,
            cancel,
            init: self.init.as_ref().ok_or(SandboxError::Ended)?,
            process: &job.process,
            group: self.group.as_deref(),
            baseline,
            processors: measure::processors(limits.cpus.as_ref(), online),
            total: self.total.as_ref().map(|total| total.watch(online)).transpose()?,
            survivors: self.survivors(),
            last,
            online,
            meter: self.meter(command),
            streams,
        };
        let (observed, stdout, stderr) = Supervisor::new(watch, Instant::now()).run()?;
        job.reaped();
        if let Some(total) = &mut self.total {
            total.add_spent(observed.baseline.saturating_sub(baseline));
        }
        let ending = self.end_survivors(last)?;
        let stats = self.group.as_deref().map_or(Ok(GroupStats::default()), Group::stats)?;
        let usage = measure::usage(&observed, &stats);
        let termination = self.judge(&observed, &usage, limits, &stats)?;
        let timings = measure::timings(start, &observed, ending);
        let output = measure::collect(stdout, stderr);
        self.retire_group();
        Ok(Outcome { termination, usage, limits: limits.clone(), enforced_by, timings, output })
    }

    /// What still lives when the jail ends with a command must be dead before it is counted. Where nothing does, the jail
    /// goes on ending by itself, and is waited for when the group is gone. Gives the time it took.
    fn end_survivors(&mut self, last: bool) -> Result<Duration, SandboxError> {
        let ended = Instant::now();
        if last && !self.group.as_deref().map_or(Ok(true), Group::is_empty)? {
            self.end();
        }
        Ok(ended.elapsed())
    }

    /// The command's meter, if it has one, and what it is to show.
    /// It decides nothing, so where it cannot be had the command goes on without.
    fn meter(&self, command: &Command) -> Option<(Meter, Gauge)> {
        let (meter, group) = command.meter.clone().zip(self.group.as_deref())?;
        let gauge = group.gauge().unwrap_or_else(|error| {
            tracing::debug!(%error, "a command runs without its meter");
            None
        });
        gauge.map(|gauge| (meter, gauge))
    }

    /// The present command has ended.
    fn retire_group(&mut self) {
        self.used = true;
        if let Some(mut group) = self.group.take() {
            group.retire();
            self.finished.push(group);
        }
    }

    /// Removes the groups of finished commands that left nothing in the background.
    fn tidy_up(&mut self) -> Result<(), SandboxError> {
        for group in std::mem::take(&mut self.finished) {
            match group.is_empty()? {
                true => group.remove()?,
                false => self.finished.push(group),
            }
        }
        Ok(())
    }

    fn judge(
        &mut self,
        observed: &Observed,
        usage: &Usage,
        limits: &Limits,
        stats: &GroupStats,
    ) -> Result<Termination, SandboxError> {
        let exceeded_total = self.overrun()?;
        if let (Some(reason), None) = (observed.not_started, &observed.killed) {
            return Ok(Termination::NotStarted { reason });
        }
        let facts = Facts {
            end: observed.end,
            killed: observed.killed.clone(),
            usage,
            limits,
            memory_limit_hit: stats.memory_limit_hit,
            exceeded_total,
            full: measure::full(&self.built.scratch)?,
            waived: &self.shape.waived,
        };
        classify(&facts).map_err(|HostFault::OutOfMemory| SandboxError::HostOutOfMemory)
    }

    /// Ends every process of the jail.
    fn end(&mut self) {
        if let Some(next) = self.next.take() {
            next.discard();
        }
        if let Some(init) = self.init.take() {
            self.remains = Some(spawn::end(init));
        }
    }

    fn remove(&mut self) -> Result<(), SandboxError> {
        self.end();
        self.remains = None;
        let groups = self.finished.drain(..).chain(self.group.take());
        let results: Vec<_> = groups.map(Group::remove).collect();
        let total = self.total.as_mut().map_or(Ok(()), SandboxTotal::remove);
        let results = results.into_iter().chain([total]);
        Ok(results.collect::<Result<(), _>>()?)
    }
}

impl Sandbox for JailSandbox {
    fn limit_total(&mut self, total: &Total) -> Result<(), SandboxError> {
        let files = measure::files(&self.built.scratch)?;
        match (&mut self.total, self.shape.counted) {
            (Some(own), _) if !own.is_limited() => own.limit(total, files, &self.shape.waived),
            // No group can be made here, and all limits that need one are waived.
            (None, Counted::InTotal) => receipt::check_waived(&self.shape, total),
            (Some(_), _) | (None, Counted::Each) => Err(SandboxError::TotalMisplaced),
        }
    }

    fn exec(&mut self, command: &Command, cancel: &Cancel) -> Result<Outcome, SandboxError> {
        let outcome = self.execute(command, None, cancel, false);
        if outcome.is_err() {
            // What state the jail is in is not known, so nothing more may run in it.
            self.end();
        }
        outcome
    }

    fn workspace(&self) -> BorrowedFd<'_> {
        self.built.workspace.as_fd()
    }

    fn scratch(&self) -> BorrowedFd<'_> {
        self.built.scratch.as_fd()
    }

    fn stop(&mut self) -> Result<(), SandboxError> {
        // The tree lives as long as our descriptors of it.
        self.end();
        Ok(())
    }

    fn destroy(mut self: Box<Self>) -> Result<(), SandboxError> {
        self.remove()
    }
}

impl Drop for JailSandbox {
    fn drop(&mut self) {
        if let Err(error) = self.remove() {
            tracing::warn!(%error, "a cgroup is left for the sweep");
        }
    }
}

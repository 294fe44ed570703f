//! The limits on time: when they are due, and what was used by then.

use std::time::{Duration, Instant};

use dayfly_jobs::{CpuTime, Limit};
use nix::errno::Errno;

use super::Supervisor;
use crate::SandboxError;
use crate::jail::classify::KillReason;
use crate::jail::spawn::PATIENCE;
use crate::jail::{budget, total, visitor};
use crate::sys::sched::Urgency;

/// CPU time that counts as progress against an idle limit.
const PROGRESS: CpuTime = CpuTime::millis(1);

/// When the command last did something.
pub(super) struct Progress {
    pub(super) at: Instant,
    pub(super) cpu: CpuTime,
    pub(super) bytes: u64,
}

impl Supervisor<'_> {
    /// When something is due even if nothing happens.
    fn deadline(&self) -> Instant {
        if self.killed.is_some() {
            return Instant::now() + Duration::from_secs(1);
        }
        if self.is_ours() {
            return self.end_of_wall_time();
        }
        let idle = self.watch.limits.idle_time.map(|idle| self.progress.at + idle.as_duration());
        let cpu = self.watch.group.map(|_| self.next_look);
        [idle, cpu].into_iter().flatten().fold(self.end_of_wall_time(), Instant::min)
    }

    /// While its process is ours, a command cannot run into its limits, but we can lose patience with the host.
    fn end_of_wall_time(&self) -> Instant {
        self.started + if self.is_ours() { PATIENCE } else { self.watch.limits.wall_time.as_duration() }
    }

    /// Whether its process is still on its way to the program, where no other can have stopped it.
    fn is_ours(&self) -> bool {
        !self.is_next && self.watch.survivors.is_none()
    }

    /// Gets ready for an end that is near: who wakes late lets a command live beyond its limits. It lasts no longer than
    /// what is left of the time, so a command cannot make its supervisor go before others of the host for long.
    pub(super) fn hurry_if_due(&mut self) {
        match self.killed.is_none() && (self.is_near || self.wall_time_left() <= budget::STALE) {
            true if self.urgency.is_none() => self.urgency = Urgency::take(),
            true => {}
            false => self.urgency = None,
        }
    }

    /// How long to sleep: until something is due, with a stop on the way to get ready.
    pub(super) fn patience(&self) -> Duration {
        let left = self.deadline().saturating_duration_since(Instant::now());
        let calm = self.wall_time_left().checked_sub(budget::STALE).filter(|calm| !calm.is_zero());
        calm.map_or(left, |calm| calm.min(left))
    }

    fn wall_time_left(&self) -> Duration {
        self.end_of_wall_time().saturating_duration_since(Instant::now())
    }

    /// Kills what is over a time limit and plans the next look.
    pub(super) fn check_time(&mut self) -> Result<(), SandboxError> {
        let now = Instant::now();
        if self.killed.is_some() || now < self.deadline() {
            return Ok(());
        }
        if self.is_ours() {
            return Err(SandboxError::system("hear from the command's process", Errno::ETIMEDOUT));
        }
        if now >= self.end_of_wall_time() {
            return self.kill(KillReason::Limit(Limit::WallTime));
        }
        let (used, wait) = self.look()?;
        match wait {
            Some(wait) => self.next_look = now + wait,
            None if self.watch.shape.waived.contains(&Limit::CpuTime) => {
                self.next_look = now + Duration::from_secs(1);
            }
            None => return self.kill(KillReason::Limit(Limit::CpuTime)),
        }
        self.check_progress(now, used)
    }

    fn check_progress(&mut self, now: Instant, cpu: CpuTime) -> Result<(), SandboxError> {
        let bytes = self.input_bytes + self.output_bytes;
        if cpu.saturating_sub(self.progress.cpu) >= PROGRESS || bytes > self.progress.bytes {
            self.progress = Progress { at: now, cpu, bytes };
        }
        match self.watch.limits.idle_time {
            Some(idle) if now >= self.progress.at + idle.as_duration() => {
                self.kill(KillReason::Limit(Limit::IdleTime))
            }
            _ => Ok(()),
        }
    }

    /// The CPU time used, and how long until more than the limits allow can be; `None` when more was.
    ///
    /// Near the limit it is exact for a command that runs. One that was seen doing nothing costs no visits until its
    /// counter moves, which it does at the next tick at the latest: else sleeping just below the limit would cost the
    /// host more than running.
    fn look(&mut self) -> Result<(CpuTime, Option<Duration>), SandboxError> {
        let (mut used, mut wait) = self.glance()?;
        self.is_near = wait.is_some_and(|wait| wait < budget::STALE);
        // The kill of a command that is over its limit is next. It must not have to wait for the end of the command's turn.
        if wait.is_some() {
            self.hurry_if_due();
        }
        if self.is_near && self.urgency.is_some() && (used > self.seen || !self.idle) {
            visitor::visit(self.watch.process, self.watch.online);
            (used, wait) = self.glance()?;
            self.idle = used == self.seen;
        }
        self.seen = used;
        Ok((used, wait.map(|wait| budget::unless_idle(wait, self.idle && self.is_near))))
    }

    /// The same, as the kernel's counters say, which may lag behind by [`budget::STALE`].
    fn glance(&self) -> Result<(CpuTime, Option<Duration>), SandboxError> {
        let used = match self.watch.group {
            Some(group) => group.cpu_time()?.saturating_sub(self.watch.baseline),
            None => CpuTime::default(),
        };
        let own = budget::next_look(self.watch.limits.cpu_time, used, self.watch.processors);
        Ok((used, total::next_look(self.watch.total.as_ref(), own)?))
    }
}

//! What the command's process says on its way, and its filter after that.

use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use dayfly_jobs::{CpuTime, StartFailure};

use super::Supervisor;
use crate::cgroup::Group;
use crate::jail::classify::{KillReason, overfull, start_failure};
use crate::jail::report::{self, Report};
use crate::jail::spawn;
use crate::sys::pidfd::Ended;
use crate::sys::{fd, seccomp};
use crate::{SandboxError, SetupStage};

impl Supervisor<'_> {
    pub(super) fn hear_report(&mut self) -> Result<(), SandboxError> {
        let report = report::receive(self.watch.process.report.as_fd())
            .map_err(|errno| SandboxError::system("hear from the command's process", errno))?;
        match report {
            Report::Filtered { listener, at, used } => self.begin(listener, at, used),
            // The program runs, or its process died on the way: its end says of what.
            Report::Closed => {
                self.heard_out = true;
                Ok(())
            }
            Report::Failed(failure) if let Some(limit) = overfull(&failure) => {
                self.heard_out = true;
                self.kill(KillReason::Limit(limit))
            }
            Report::Failed(failure) => {
                self.not_started = match failure.stage {
                    SetupStage::Exec => start_failure(failure.errno),
                    SetupStage::Workdir => Some(StartFailure::BadWorkdir),
                    _ => None,
                };
                match self.not_started {
                    Some(_) => Ok(()),
                    None => Err(spawn::setup_error(self.watch.shape, failure)),
                }
            }
            // It was not waited for any longer, or nobody asked.
            Report::Arrived | Report::Parked => Ok(()),
            Report::Ready(_) => Err(SandboxError::CommandLost),
        }
    }

    /// The program is next: it began at that time, and what was used until then is not its own.
    fn begin(&mut self, listener: OwnedFd, at: Duration, used: CpuTime) -> Result<(), SandboxError> {
        let now = report::monotonic().map_err(|errno| SandboxError::system("tell the time", errno))?;
        self.started = Instant::now().checked_sub(now.saturating_sub(at)).unwrap_or(self.started);
        self.progress.at = self.started;
        if let Some(total) = &mut self.watch.total {
            total.add_spent(used.saturating_sub(self.watch.baseline));
        }
        // All that the group has used until then was its process, on its way.
        self.watch.baseline = used;
        self.shown = self.watch.meter.take().map(|(meter, gauge)| meter.show(gauge, used, self.started));
        self.listener = Some(listener);
        self.is_next = true;
        Ok(())
    }

    /// Three things explain the death of our own process before its program started: ourselves, what earlier commands
    /// left, and want of memory.
    pub(super) fn explain_early_death(&self, dead: Ended) -> Result<(), SandboxError> {
        let early = self.heard_out && !self.is_next && self.killed.is_none();
        if !early || self.watch.survivors.is_some_and(|survivors| survivors.can_have_ended(dead)) {
            return Ok(());
        }
        let stats = self.watch.group.map(Group::stats).transpose()?;
        let starved = stats.is_some_and(|stats| stats.oom_kills > 0);
        if starved { Ok(()) } else { Err(SandboxError::CommandLost) }
    }

    pub(super) fn hear_filter(&mut self) -> Result<(), SandboxError> {
        let Some(listener) = &self.listener else { return Ok(()) };
        match seccomp::receive(listener.as_fd()) {
            Ok(Some(call)) => {
                let name = dayfly_policies::syscall_name(call.arch, call.number);
                self.kill(KillReason::Forbidden(name))
            }
            Ok(None) if fd::is_hung_up(listener.as_fd()) => {
                // Nobody is left who could make a call: all are ending. So may the jail, beside them.
                self.listener = None;
                self.is_over = true;
                self.end_jail()
            }
            Ok(None) => Ok(()),
            Err(errno) => Err(SandboxError::system("hear from the system call filter", errno)),
        }
    }

    /// What the command's process said before it ended may still be unread.
    pub(super) fn hear_out_report(&mut self) -> Result<(), SandboxError> {
        while !self.heard_out && self.not_started.is_none() {
            self.hear_report()?;
        }
        Ok(())
    }
}

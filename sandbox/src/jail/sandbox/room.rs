//! Room for a command in a sandbox that has a total: whether earlier ones left any, and what an error
//! means when they did not. The job can bring all of this about, so none of it may pass for a fault of ours.

use std::time::Instant;

use dayfly_jobs::{Limit, Limits, Outcome, Output, Termination, Timings, Usage};
use nix::errno::Errno;

use super::super::next::Job;
use super::super::total::{Halt, SandboxTotal};
use super::JailSandbox;
use crate::cgroup::{Group, Wants};
use crate::{SandboxError, SetupStage};

impl JailSandbox {
    /// The process of a command, unless what earlier ones left running takes its place.
    pub(super) fn job(&mut self, limits: &Limits) -> Result<Job, Halt> {
        // What earlier commands were refused says nothing about this one.
        self.total.as_mut().map_or(Ok(false), SandboxTotal::has_refused)?;
        let total = self.total.as_ref().map(SandboxTotal::wants).unwrap_or_default();
        let job = Job::new(self.take_process(Wants::of(limits).and(total))?);
        if self.total.as_ref().map_or(Ok(false), SandboxTotal::is_overfull)? {
            drop(job);
            self.make_room()?;
            return Err(Halt::NoRoom(Limit::Processes));
        }
        Ok(job)
    }

    /// Kills all that runs. Our own process that waits is reaped first, or it would count as alive for ever.
    fn make_room(&mut self) -> Result<(), SandboxError> {
        if let Some(next) = self.next.take() {
            next.discard();
        }
        self.total.as_mut().map_or(Ok(()), SandboxTotal::kill)
    }

    /// The limit of all commands together that was exceeded since the last look. All that ran is dead then.
    pub(super) fn overrun(&mut self) -> Result<Option<Limit>, SandboxError> {
        let Some(total) = &mut self.total else { return Ok(None) };
        let exceeded = total.exceeded(&self.shape.waived)?;
        if exceeded.is_some() {
            self.make_room()?;
        }
        Ok(exceeded)
    }

    /// The limit of all commands together that explains an error, which is no fault of ours then. All that ran is
    /// dead in that case, so what state the jail is in is known.
    pub(super) fn blame(&mut self, error: &SandboxError) -> Result<Option<Limit>, SandboxError> {
        let Some(total) = &mut self.total else { return Ok(None) };
        match error {
            SandboxError::InitLost | SandboxError::Ended | SandboxError::HostOutOfMemory => Ok(None),
            SandboxError::Setup { stage: SetupStage::Spawn, errno: Errno::EAGAIN, .. } => {
                let refused = self.group.as_deref().map(Group::stats).transpose()?;
                let refused = refused.is_some_and(|stats| stats.refused_processes > 0);
                if !refused && !total.has_refused()? {
                    return Ok(None);
                }
                self.make_room()?;
                Ok(Some(Limit::Processes))
            }
            _ => self.overrun(),
        }
    }

    /// The outcome of a command for which earlier ones left no room.
    pub(super) fn never_begun(&self, limit: Limit, limits: &Limits, start: Instant) -> Outcome {
        Outcome {
            termination: Termination::LimitExceeded { limit },
            usage: Usage::default(),
            limits: limits.clone(),
            enforced_by: self.total.as_ref().map(|total| total.receipt().clone()).unwrap_or_default(),
            timings: Timings { setup: start.elapsed().into(), ..Timings::default() },
            output: Output::default(),
        }
    }
}

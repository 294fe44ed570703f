//! The process of a command that is not known yet, on its way or waiting.

use super::identity::Identity;
use super::shape::Shape;
use super::spawn::{self, Arriving, CommandProcess, Init};
use super::survivors::Survivors;
use super::total::{self, SandboxTotal};
use crate::SandboxError;
use crate::cgroup::{Group, Wants};
use crate::slot::Slot;

/// The process of a command that is not known yet, and its group.
#[derive(Debug)]
pub(crate) struct Next {
    pub group: Option<Box<dyn Group>>,
    pub wants: Wants,
    pub stage: Stage,
}

#[derive(Debug)]
pub(crate) enum Stage {
    Coming(Arriving),
    Here(CommandProcess),
}

impl Stage {
    /// Waits until the process can be sent its command.
    pub(crate) fn settle(
        self,
        shape: &Shape,
        survivors: Option<Survivors>,
    ) -> Result<CommandProcess, SandboxError> {
        match self {
            Self::Coming(arriving) => spawn::meet(shape, arriving, survivors),
            Self::Here(process) => Ok(process),
        }
    }
}

/// Why there is no process, and the group that was made for it, which may tell more.
#[derive(Debug)]
pub(crate) struct NotStarted {
    pub group: Option<Box<dyn Group>>,
    pub error: SandboxError,
}

impl NotStarted {
    /// Removes the group.
    pub(crate) fn give_up(self) -> SandboxError {
        drop_group(self.group);
        self.error
    }
}

impl Next {
    /// Makes a group and a process for it.
    pub(crate) fn start(
        shape: &Shape,
        slot: &Slot,
        init: &mut Init,
        identity: Identity,
        total: Option<&mut SandboxTotal>,
        wants: Wants,
    ) -> Result<Self, NotStarted> {
        let made = total::group_of_command(shape.driver.as_deref(), total, slot, wants);
        let group = made.map_err(|error| NotStarted { group: None, error })?;
        match spawn::start_command(shape, init, identity, group.as_deref()) {
            Ok(arriving) => Ok(Self { group, wants, stage: Stage::Coming(arriving) }),
            Err(error) => Err(NotStarted { group, error }),
        }
    }

    /// What its process may have said before it was lost.
    pub(crate) fn last_words(&self, shape: &Shape) -> Option<SandboxError> {
        match &self.stage {
            Stage::Coming(arriving) => spawn::last_words(shape, arriving),
            Stage::Here(_) => None,
        }
    }

    /// Kills the process and removes the group.
    pub(crate) fn discard(self) {
        match self.stage {
            Stage::Coming(arriving) => spawn::recall(arriving),
            Stage::Here(process) => spawn::abandon(&process),
        }
        drop_group(self.group);
    }
}

/// A command's process that must be reaped whatever happens, or init could never end.
pub(crate) struct Job {
    pub process: CommandProcess,
    reaped: bool,
}

impl Job {
    pub(crate) fn new(process: CommandProcess) -> Self {
        Self { process, reaped: false }
    }

    /// The supervisor has waited for it.
    pub(crate) fn reaped(mut self) {
        self.reaped = true;
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        if !self.reaped {
            spawn::abandon(&self.process);
        }
    }
}

/// Removes a group on a path where another error is on its way or nobody waits for one.
fn drop_group(group: Option<Box<dyn Group>>) {
    if let Some(Err(error)) = group.map(Group::remove) {
        tracing::warn!(%error, "a cgroup is left for the sweep");
    }
}

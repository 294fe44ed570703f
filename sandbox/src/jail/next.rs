//! The process of a command that is not known yet, on its way or waiting.

use super::identity::Identity;
use super::shape::Shape;
use super::spawn::{self, Courier, Init, Parked};
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
    Coming(Courier),
    Here(Parked),
}

impl Next {
    /// Makes a group and sends a courier.
    pub(crate) fn start(
        shape: &Shape,
        slot: &Slot,
        init: &Init,
        identity: Identity,
        wants: Wants,
    ) -> Result<Self, SandboxError> {
        let group = match &shape.driver {
            Some(driver) => Some(driver.create(&slot.next_group(), wants)?),
            None => None,
        };
        match spawn::start_courier(shape, init, identity, group.as_deref()) {
            Ok(courier) => Ok(Self { group, wants, stage: Stage::Coming(courier) }),
            Err(error) => {
                drop_group(group);
                Err(error)
            }
        }
    }

    /// Tells it that the root is built.
    pub(crate) fn send_in(&self) -> Result<(), SandboxError> {
        match &self.stage {
            Stage::Coming(courier) => spawn::send_in(courier),
            Stage::Here(_) => Ok(()),
        }
    }

    /// Waits until the process waits for its command.
    pub(crate) fn settle(self, shape: &Shape) -> Result<(Parked, Option<Box<dyn Group>>), SandboxError> {
        let parked = match self.stage {
            Stage::Coming(courier) => spawn::await_parked(shape, courier),
            Stage::Here(parked) => Ok(parked),
        };
        match parked {
            Ok(parked) => Ok((parked, self.group)),
            Err(error) => {
                drop_group(self.group);
                Err(error)
            }
        }
    }

    /// Kills the process and removes the group.
    pub(crate) fn discard(self) {
        match self.stage {
            Stage::Coming(courier) => spawn::recall(courier),
            Stage::Here(parked) => spawn::abandon(&parked),
        }
        drop_group(self.group);
    }
}

/// Removes a group on a path where another error is on its way or nobody waits for one.
fn drop_group(group: Option<Box<dyn Group>>) {
    if let Some(Err(error)) = group.map(Group::remove) {
        tracing::warn!(%error, "a cgroup is left for the sweep");
    }
}

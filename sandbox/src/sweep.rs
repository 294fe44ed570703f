//! Removing what dead processes left: groups whose slot nobody holds.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::SandboxError;
use crate::cgroup::{self, Driver, GroupName};
use crate::slot::{SlotNumber, Slots};

/// What a sweep did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SweepReport {
    /// Groups killed and removed.
    pub removed_groups: usize,
    /// Slots with groups that living processes hold; left alone.
    pub busy_slots: usize,
    /// Whether the parent group was empty and has been removed as well.
    pub removed_parent: bool,
}

/// Kills and removes every group whose holder is dead. Sandboxes of the living are left alone. `parent` is the
/// group that sandboxes were made below, if one was configured.
///
/// # Errors
/// Groups or locks cannot be read, or something cannot be removed; the rest has been removed even so.
pub fn sweep(parent: Option<&Path>) -> Result<SweepReport, SandboxError> {
    sweep_with(&*cgroup::detect(parent, &Default::default())?, &Slots::open_default()?)
}

/// The same with this driver and these locks.
pub(crate) fn sweep_with(driver: &dyn Driver, slots: &Slots) -> Result<SweepReport, SandboxError> {
    let mut report = SweepReport::default();
    let mut failure = None;
    for (slot, groups) in by_slot(driver.groups()?) {
        let Some(_held) = slots.try_take(slot, Some(driver))? else {
            report.busy_slots += 1;
            continue;
        };
        for group in groups {
            match driver.remove_leftover(&group) {
                Ok(()) => report.removed_groups += 1,
                Err(error) => failure = Some(error),
            }
        }
    }
    report.removed_parent = driver.remove_parent()?;
    failure.map_or(Ok(report), |error| Err(error.into()))
}

fn by_slot(groups: BTreeSet<GroupName>) -> BTreeMap<SlotNumber, Vec<GroupName>> {
    let mut slots: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for group in groups {
        slots.entry(group.slot()).or_default().push(group);
    }
    slots
}

#[cfg(test)]
mod tests;

//! What enforces each limit, and whether a command's limits can be had at all.

use std::collections::BTreeSet;

use dayfly_jobs::{Cpus, Enforcement, Limit, Limits, Receipt};

use super::shape::Shape;
use crate::cgroup::{Group, Wants};
use crate::slot::Slots;
use crate::{SandboxError, Total};

/// Whether a command with these limits can be run at all.
pub(crate) fn check(shape: &Shape, limits: &Limits) -> Result<(), SandboxError> {
    dayfly_policies::resolve(&shape.policy, limits)?;
    limits.too_small().map_or(Ok(()), |(limit, smallest)| Err(SandboxError::TooSmall { limit, smallest }))
}

/// Sets the limits on the group, and tells what enforces each: the group, and the mechanisms every jail has.
pub(crate) fn enforce(
    shape: &Shape,
    limits: &Limits,
    group: Option<&mut (dyn Group + 'static)>,
) -> Result<Receipt, SandboxError> {
    let mut receipt = match group {
        Some(group) => group.apply(limits, &shape.waived)?,
        None => groupless(limits.cpus.as_ref(), &shape.waived)?
            .into_iter()
            .map(|limit| (limit, Enforcement::Waived("no cgroup can be made here".into())))
            .collect(),
    };
    if limits.cpus.is_none() {
        receipt.remove(&Limit::Cpus);
    }
    let kernel = |text: &'static str| Enforcement::Kernel(text.into());
    receipt.extend([
        (Limit::WallTime, kernel("monotonic clock, then kill")),
        (Limit::Output, kernel("counted at the pipe, then kill")),
        (Limit::Disk, kernel("tmpfs size")),
        (Limit::Inodes, kernel("tmpfs nr_inodes")),
        (Limit::OpenFiles, kernel("RLIMIT_NOFILE")),
        (Limit::Stack, kernel("RLIMIT_STACK")),
        (Limit::FileSize, kernel("RLIMIT_FSIZE")),
    ]);
    if limits.idle_time.is_some() {
        receipt.insert(Limit::IdleTime, kernel("CPU and byte counters on the monotonic clock, then kill"));
    }
    Ok(receipt)
}

/// The receipt of a command under these limits, found by setting them on a group that nothing enters.
pub(crate) fn receipt(shape: &Shape, slots: &Slots, limits: &Limits) -> Result<Receipt, SandboxError> {
    check(shape, limits)?;
    let slot = slots.acquire(shape.driver.as_deref())?;
    let Some(driver) = &shape.driver else { return enforce(shape, limits, None) };
    let mut group = driver.create(&slot.next_group(), Wants::of(limits))?;
    let receipt = enforce(shape, limits, Some(group.as_mut()));
    group.remove()?;
    receipt
}

/// Whether limits of all commands together, which no cgroup enforces here, are waived.
pub(crate) fn check_waived(shape: &Shape, total: &Total) -> Result<(), SandboxError> {
    groupless(total.cpus.as_ref(), &shape.waived).map(drop)
}

/// The limits that would need a cgroup; an error when one of them is not waived.
fn groupless(cpus: Option<&Cpus>, waived: &BTreeSet<Limit>) -> Result<Vec<Limit>, SandboxError> {
    let cpus = cpus.map(|_| Limit::Cpus);
    let needed: Vec<_> = super::GROUP_LIMITS.into_iter().chain(cpus).collect();
    match needed.iter().find(|limit| !waived.contains(limit)) {
        None => Ok(needed),
        Some(limit) => Err(SandboxError::Unenforceable {
            limits: vec![*limit],
            reason: "no cgroup can be made here".into(),
            fix: "see dayfly doctor".into(),
        }),
    }
}

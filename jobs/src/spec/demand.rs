//! What a job takes of a worker while it runs. Scheduler and worker count with the same numbers.

use crate::wire::Capacity;
use crate::{Cpus, JobSpec};

/// What a job counts as that may use every processor: its fair part is one.
const UNLIMITED_CPUS_MILLI: u32 = 1000;

impl JobSpec {
    /// One slot, its processors, its memory.
    pub fn demand(&self) -> Capacity {
        let cpus_milli = match &self.limits.cpus {
            None => UNLIMITED_CPUS_MILLI,
            Some(Cpus::Millis(millis)) => millis.get(),
            Some(Cpus::Pinned(set)) => u32::try_from(set.len()).unwrap_or(u32::MAX).saturating_mul(1000),
        };
        Capacity { slots: 1, cpus_milli, memory: self.limits.memory }
    }
}

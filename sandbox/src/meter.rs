//! Looking at what a command uses while it runs. Nothing is read until somebody asks, on the thread of whoever asks: a
//! command that nobody looks at costs nothing, and a slow reader holds nobody up.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use dayfly_jobs::{CpuTime, Sample};

use crate::cgroup::Gauge;

/// A meter for one command at a time, given to it with [`crate::Command::meter`]. Clones are the same meter.
#[derive(Debug, Clone, Default)]
pub struct Meter(Arc<Mutex<Option<Arc<Metered>>>>);

/// The command that runs.
#[derive(Debug)]
struct Metered {
    gauge: Gauge,
    /// CPU time its group had used before it.
    baseline: CpuTime,
    since: Instant,
}

impl Meter {
    /// What the command uses now; `None` before it starts, once it has ended, and where the host does not count all
    /// of it.
    pub fn read(&self, now: Instant) -> Option<Sample> {
        let metered = self.lock().clone()?;
        // A counter that cannot be read is that of a group which has just been removed.
        let level = metered.gauge.read().ok()?;
        Some(Sample {
            wall_time: now.saturating_duration_since(metered.since).into(),
            cpu_time: level.cpu.saturating_sub(metered.baseline),
            memory: level.memory,
            processes: level.processes,
        })
    }

    /// Shows a command until the answer is dropped.
    pub(crate) fn show(&self, gauge: Gauge, baseline: CpuTime, since: Instant) -> Shown {
        *self.lock() = Some(Arc::new(Metered { gauge, baseline, since }));
        Shown(self.clone())
    }

    /// What it holds is whole at any time, so a thread that died with the lock did no harm.
    fn lock(&self) -> MutexGuard<'_, Option<Arc<Metered>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A command that a meter shows.
#[derive(Debug)]
pub(crate) struct Shown(Meter);

impl Drop for Shown {
    fn drop(&mut self) {
        *self.0.lock() = None;
    }
}

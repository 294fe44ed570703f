//! How much a worker can still run: slots, processors, memory, and the cores that jobs have to themselves. Counts
//! with the scheduler's numbers ([`dayfly_jobs::JobSpec::demand`]); must not know what runs.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use dayfly_jobs::wire::Capacity;
use dayfly_jobs::{Bytes, CpuSet, Cpus, JobSpec};
use nix::sched::{CpuSet as Affinity, sched_getaffinity};
use nix::unistd::Pid;
use tokio::sync::Notify;

/// The room of one worker.
#[derive(Debug)]
pub(crate) struct Room {
    whole: Capacity,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug)]
struct State {
    free: Capacity,
    cores: BTreeSet<u16>,
}

/// What one job has of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Share {
    demand: Capacity,
    /// The processors it has to itself, if it asked for such.
    pub(crate) cores: Option<CpuSet>,
}

impl Room {
    pub(crate) fn new(whole: Capacity, cores: BTreeSet<u16>) -> Self {
        Self { whole, state: Mutex::new(State { free: whole, cores }), changed: Notify::new() }
    }

    /// What is free now.
    pub(crate) fn free(&self) -> Capacity {
        self.lock().free
    }

    /// Whether nothing runs.
    pub(crate) fn is_whole(&self) -> bool {
        self.free() == self.whole
    }

    /// Whether such a job could run if nothing else did.
    pub(crate) fn could_hold(&self, spec: &JobSpec) -> bool {
        fits(spec.demand(), self.whole)
    }

    /// Waits until something was given back or taken; call it before looking.
    pub(crate) fn changed(&self) -> tokio::sync::futures::Notified<'_> {
        self.changed.notified()
    }

    /// Waits until there is room for the job and takes it.
    pub(crate) async fn take(&self, spec: &JobSpec) -> Share {
        loop {
            let changed = self.changed();
            if let Some(share) = self.try_take(spec) {
                return share;
            }
            changed.await;
        }
    }

    /// Takes room for the job if there is enough now.
    pub(crate) fn try_take(&self, spec: &JobSpec) -> Option<Share> {
        let mut state = self.lock();
        let demand = spec.demand();
        if !fits(demand, state.free) {
            return None;
        }
        let cores = match &spec.limits.cpus {
            Some(Cpus::Pinned(wanted)) => Some(state.take_cores(wanted)?),
            Some(Cpus::Millis(_)) | None => None,
        };
        state.free = less(state.free, demand);
        Some(Share { demand, cores })
    }

    /// Gives it back.
    pub(crate) fn give(&self, share: Share) {
        let mut state = self.lock();
        state.free = more(state.free, share.demand);
        state.cores.extend(share.cores.iter().flat_map(CpuSet::iter));
        drop(state);
        self.changed.notify_waiters();
    }

    /// The numbers are whole at every moment, so a thread that died with the lock did no harm.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// As many cores as are wanted: those that were named as far as they are free, others for the rest. Which ones
    /// it got is in the job's result.
    fn take_cores(&mut self, wanted: &CpuSet) -> Option<CpuSet> {
        let named = wanted.iter().filter(|core| self.cores.contains(core));
        let others = self.cores.iter().copied().filter(|core| !wanted.iter().any(|named| named == *core));
        let chosen: BTreeSet<u16> = named.chain(others).take(wanted.len()).collect();
        if chosen.len() < wanted.len() {
            return None;
        }
        self.cores.retain(|core| !chosen.contains(core));
        CpuSet::try_from(chosen).ok()
    }
}

fn fits(demand: Capacity, free: Capacity) -> bool {
    demand.slots <= free.slots && demand.cpus_milli <= free.cpus_milli && demand.memory <= free.memory
}

fn less(free: Capacity, demand: Capacity) -> Capacity {
    Capacity {
        slots: free.slots.saturating_sub(demand.slots),
        cpus_milli: free.cpus_milli.saturating_sub(demand.cpus_milli),
        memory: Bytes::new(free.memory.get().saturating_sub(demand.memory.get())),
    }
}

fn more(free: Capacity, demand: Capacity) -> Capacity {
    Capacity {
        slots: free.slots.saturating_add(demand.slots),
        cpus_milli: free.cpus_milli.saturating_add(demand.cpus_milli),
        memory: Bytes::new(free.memory.get().saturating_add(demand.memory.get())),
    }
}

/// The processors this process may use.
pub(crate) fn cores_of_host() -> BTreeSet<u16> {
    let Ok(allowed) = sched_getaffinity(Pid::from_raw(0)) else { return BTreeSet::new() };
    let is_set = |core: &u16| allowed.is_set(usize::from(*core)).unwrap_or(false);
    (0..u16::try_from(Affinity::count()).unwrap_or(u16::MAX)).filter(is_set).collect()
}

/// All of this host: a slot for each processor, and its memory but for an eighth, at least 256 MiB, which are the
/// system's and the worker's own.
pub fn of_host() -> Capacity {
    let cores = u32::try_from(cores_of_host().len()).unwrap_or(u32::MAX).max(1);
    let memory = memory_of_host().get();
    let kept = (memory / 8).max(Bytes::mib(256).get());
    Capacity {
        slots: cores,
        cpus_milli: cores.saturating_mul(1000),
        memory: Bytes::new(memory.saturating_sub(kept)),
    }
}

fn memory_of_host() -> Bytes {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kib = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse().ok());
    Bytes::kib(kib.unwrap_or(0))
}

#[cfg(test)]
mod tests;

//! What the steps that run use, as their workers said last. Shown and forgotten: nothing is decided by it, a restart
//! misses nothing, and it takes no more room than there are leases.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use dayfly_jobs::wire::{LeaseSample, RunningStep};
use dayfly_jobs::{JobId, Timestamp};

/// The latest word about each job that runs.
#[derive(Debug, Default)]
pub(super) struct Gauges(Mutex<BTreeMap<JobId, Reading>>);

#[derive(Debug)]
struct Reading {
    step: RunningStep,
    /// When its lease runs out.
    until: Timestamp,
}

impl Gauges {
    /// Notes the word of a lease that is good until then.
    pub(super) fn note(&self, told: &LeaseSample, now: Timestamp, until: Timestamp) {
        let LeaseSample { lease, step, sample } = *told;
        let mut gauges = self.lock();
        if !gauges.contains_key(&lease.job) {
            // What came after the end of its job was not removed with it.
            gauges.retain(|_, reading| now < reading.until);
        }
        let step = RunningStep { attempt: lease.attempt, step, at_ms: now, sample };
        gauges.insert(lease.job, Reading { step, until });
    }

    /// What was said last of a job, while its lease lasts.
    pub(super) fn latest(&self, job: JobId, now: Timestamp) -> Option<RunningStep> {
        self.lock().get(&job).filter(|reading| now < reading.until).map(|reading| reading.step)
    }

    /// A job runs no more.
    pub(super) fn remove(&self, job: JobId) {
        self.lock().remove(&job);
    }

    /// What it holds is whole at any time, so a thread that died with the lock did no harm.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<JobId, Reading>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use dayfly_jobs::{Attempt, Bytes, CpuTime, LeaseId, Sample, WallTime};

    use super::*;

    fn told(number: u128, attempt: u32) -> LeaseSample {
        let lease = LeaseId { job: JobId::new(Timestamp(1), number), attempt: Attempt(attempt) };
        let (wall_time, cpu_time) = (WallTime::secs(2), CpuTime::secs(1));
        let sample = Sample { wall_time, cpu_time, memory: Bytes::mib(3), processes: 4 };
        LeaseSample { lease, step: 5, sample }
    }

    #[test]
    fn the_latest_word_is_kept_while_its_lease_lasts() {
        let (gauges, job) = (Gauges::default(), told(1, 1).lease.job);
        assert_eq!(gauges.latest(job, Timestamp(0)), None);
        gauges.note(&told(1, 1), Timestamp(10), Timestamp(20));
        gauges.note(&told(1, 2), Timestamp(15), Timestamp(25));
        let latest = gauges.latest(job, Timestamp(24)).unwrap();
        assert_eq!((latest.attempt, latest.step, latest.at_ms), (Attempt(2), 5, Timestamp(15)));
        assert_eq!(gauges.latest(job, Timestamp(25)), None);
        gauges.remove(job);
        assert_eq!(gauges.latest(job, Timestamp(16)), None);
    }

    #[test]
    fn words_that_came_after_the_end_do_not_pile_up() {
        let gauges = Gauges::default();
        for number in 0..1000 {
            let now = Timestamp(u64::try_from(number).unwrap());
            gauges.note(&told(number, 1), now, now.plus_millis(10));
        }
        assert_eq!(gauges.lock().len(), 10);
    }
}

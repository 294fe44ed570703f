//! The leases a worker holds and how long each is good for, on our own monotonic clock. A job whose lease was not
//! renewed in time is stopped here, whatever the network does: by then the scheduler may have given it to another.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use dayfly_jobs::LeaseId;
use dayfly_jobs::wire::{LeaseSample, RenewRequest, Renewal};
use tokio::sync::Notify;

use crate::journal::{Journal, WORTH_TELLING};
use crate::stop::{Stop, Why};

/// How soon a lease is renewed for the first time: when the first step of its job may be worth telling of.
const FIRST: Duration = WORTH_TELLING.saturating_add(Duration::from_millis(100));

/// A lease counts as lost this long before its end: clocks drift, and killing takes its time. Of a short lease it is
/// a quarter, so that there is time to renew it.
const MARGIN: Duration = Duration::from_secs(2);

/// All leases of one worker.
#[derive(Debug, Default)]
pub(crate) struct Held {
    leases: Mutex<BTreeMap<LeaseId, One>>,
    changed: Notify,
}

/// Which leases are renewed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Which {
    All,
    /// Those whose first word of what their job uses is due.
    First,
}

#[derive(Debug)]
struct One {
    deadline: Instant,
    stop: Stop,
    /// When it is renewed ahead of the others, for the first word of what its job uses; none after that.
    first: Option<Instant>,
    /// Where the job says what it uses, once it runs.
    journal: Option<Journal>,
}

impl Held {
    /// A lease that is good for so long from `since` on.
    pub(crate) fn add(&self, lease: LeaseId, since: Instant, lasts: Duration, stop: Stop) {
        let first = Some(since + FIRST);
        self.lock().insert(lease, One { deadline: deadline(since, lasts), stop, first, journal: None });
        self.changed.notify_waiters();
    }

    /// Its job runs, and says in this journal what it uses.
    pub(crate) fn hear(&self, lease: LeaseId, journal: Journal) {
        if let Some(one) = self.lock().get_mut(&lease) {
            one.journal = Some(journal);
        }
    }

    /// When to renew something, if all leases are to be renewed at `all`, and none before `soonest`; `None` when
    /// there are none.
    pub(crate) fn next_renewal(&self, all: Instant, soonest: Instant) -> Option<Instant> {
        let leases = self.lock();
        let first = leases.values().filter_map(|one| one.first).min();
        (!leases.is_empty()).then(|| first.map_or(all, |first| first.max(soonest).min(all)))
    }

    /// What to say at `now` to renew all of them, or those alone that are due ahead of the others.
    pub(crate) fn renewal(&self, now: Instant, which: Which) -> RenewRequest {
        let mut request = RenewRequest { leases: Vec::new(), samples: Vec::new() };
        let mut leases = self.lock();
        let due = |one: &One| which == Which::All || one.first.is_some_and(|first| first <= now);
        for (&lease, one) in leases.iter_mut().filter(|(_, one)| due(one)) {
            one.first = None;
            request.leases.push(lease);
            let told = one.journal.as_ref().and_then(|journal| journal.sample(now));
            request.samples.extend(told.map(|(step, sample)| LeaseSample { lease, step, sample }));
        }
        request
    }

    /// A lease that is not needed any more.
    pub(crate) fn remove(&self, lease: LeaseId) {
        self.lock().remove(&lease);
        self.changed.notify_waiters();
    }

    /// All of them, in order.
    pub(crate) fn ids(&self) -> Vec<LeaseId> {
        self.lock().keys().copied().collect()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// Waits until a lease came or went; call it before looking.
    pub(crate) fn changed(&self) -> tokio::sync::futures::Notified<'_> {
        self.changed.notified()
    }

    /// What the scheduler said about a lease when it was asked at `since`.
    pub(crate) fn apply(&self, lease: LeaseId, renewal: Renewal, since: Instant) {
        let mut leases = self.lock();
        let Some(one) = leases.get_mut(&lease) else { return };
        match renewal {
            Renewal::Kept { lasts_ms, cancel } => {
                one.deadline = deadline(since, Duration::from_millis(lasts_ms));
                if cancel {
                    one.stop.stop(Why::Owner);
                }
            }
            Renewal::Lost { latest } => {
                tracing::warn!(%lease, %latest, "the lease is lost; the job is stopped");
                one.stop.stop(Why::Lost);
            }
        }
        drop(leases);
        self.changed.notify_waiters();
    }

    /// Stops every job.
    pub(crate) fn stop_all(&self, why: Why) {
        self.lock().values().for_each(|one| one.stop.stop(why));
    }

    /// Stops what is past its deadline at `now`; gives the next deadline.
    fn expire(&self, now: Instant) -> Option<Instant> {
        let mut next = None;
        for (lease, one) in self.lock().iter().filter(|(_, one)| one.stop.why() != Some(Why::Lost)) {
            if one.deadline <= now {
                tracing::warn!(%lease, "the lease could not be renewed in time; the job is stopped");
                one.stop.stop(Why::Lost);
            } else {
                next = Some(next.map_or(one.deadline, |next: Instant| next.min(one.deadline)));
            }
        }
        next
    }

    /// Stops jobs as their leases run out; never ends.
    pub(crate) async fn watch(&self) {
        loop {
            let changed = self.changed();
            match self.expire(Instant::now()) {
                Some(next) => {
                    tokio::time::timeout_at(next.into(), changed).await.ok();
                }
                None => changed.await,
            }
        }
    }

    /// Each operation leaves the table whole, so a thread that died with the lock did no harm.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<LeaseId, One>> {
        self.leases.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn deadline(since: Instant, lasts: Duration) -> Instant {
    since + lasts.saturating_sub(MARGIN.min(lasts / 4))
}

#[cfg(test)]
mod tests;

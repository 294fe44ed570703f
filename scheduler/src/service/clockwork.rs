//! What happens by itself: leases run out, jobs wait too long, old things are collected. It sleeps until the next
//! thing is due and never looks in between.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use dayfly_jobs::{Digest, Timestamp};
use tokio::sync::Notify;

use super::Service;
use super::blobs::Closed;
use crate::store::{Ticked, Waiting};

/// Things that are done in one transaction.
const AT_ONCE: u32 = 500;
/// How long a store that failed is left alone.
const AFTER_FAILURE: Duration = Duration::from_secs(1);
/// Between two collections when there is nothing left to do.
const BETWEEN_COLLECTIONS: Duration = Duration::from_secs(600);
/// Between two steps of one collection, so that calls come in between.
const BETWEEN_STEPS: Duration = Duration::from_millis(50);

/// When the clockwork is to wake at the latest.
#[derive(Debug)]
pub(super) struct Alarm {
    at: AtomicU64,
    bell: Notify,
}

impl Default for Alarm {
    fn default() -> Self {
        Self { at: AtomicU64::new(u64::MAX), bell: Notify::new() }
    }
}

impl Alarm {
    /// Something is due then.
    pub(super) fn at_latest(&self, at: Timestamp) {
        if self.at.fetch_min(at.0, Ordering::AcqRel) > at.0 {
            self.bell.notify_one();
        }
    }
}

impl Service {
    /// Does what is due, for ever; dropped at the end of the scheduler.
    pub(crate) async fn keep_time(self: Arc<Self>) {
        loop {
            // What is set while the store is asked counts for the next round.
            self.due.at.store(u64::MAX, Ordering::Release);
            let now = self.clock.now();
            match self.store.tick(now, AT_ONCE).await {
                Ok(ticked) => {
                    if let Some(next) = ticked.next {
                        self.due.at.fetch_min(next.0, Ordering::AcqRel);
                    }
                    self.tell(ticked).await;
                }
                Err(error) => {
                    tracing::error!(%error, "cannot do what is due");
                    tokio::time::sleep(AFTER_FAILURE).await;
                    continue;
                }
            }
            self.sleep_until_due().await;
        }
    }

    async fn sleep_until_due(&self) {
        loop {
            let at = Timestamp(self.due.at.load(Ordering::Acquire));
            let wait = Duration::from_millis(at.millis_since(self.clock.now()));
            if wait.is_zero() {
                return;
            }
            tokio::select! {
                () = tokio::time::sleep(wait) => return,
                () = self.due.bell.notified() => {}
            }
        }
    }

    async fn tell(&self, ticked: Ticked) {
        for lease in ticked.lost {
            tracing::warn!(%lease, "a lease ran out");
            self.metrics.lost.inc();
            self.requeued(lease.job).await;
        }
        for job in ticked.ended {
            self.ended(job);
        }
    }

    /// Collects what retention allows, for ever; dropped at the end of the scheduler.
    pub(crate) async fn keep_clean(self: Arc<Self>) {
        loop {
            let more = self.collect_once().await;
            tokio::time::sleep(if more { BETWEEN_STEPS } else { BETWEEN_COLLECTIONS }).await;
        }
    }

    async fn collect_once(&self) -> bool {
        // Nobody may add a blob between the decision that it goes and the end of its file.
        let closed = self.blobs.close().await;
        let collected = match self.store.collect(&self.config.retention, self.clock.now()).await {
            Ok(collected) => collected,
            Err(error) => {
                tracing::error!(%error, "cannot collect what is old");
                return false;
            }
        };
        self.metrics.collected.inc_by(collected.jobs);
        self.delete(&closed, &collected.blobs).await && collected.more
    }

    /// Deletes the files of blobs; those that cannot be deleted come back with the next collection.
    async fn delete(&self, closed: &Closed, blobs: &[Digest]) -> bool {
        let mut deleted = Vec::with_capacity(blobs.len());
        for digest in blobs {
            match closed.remove(*digest).await {
                Ok(()) => deleted.push(*digest),
                Err(error) => tracing::error!(%error, %digest, "cannot remove the file of a blob"),
            }
        }
        if let Err(error) = self.store.blobs_deleted(&deleted).await {
            tracing::error!(%error, "cannot note which blobs are deleted");
        }
        deleted.len() == blobs.len()
    }

    /// Why a queued job still waits.
    pub(crate) async fn waiting(
        &self,
        job: dayfly_jobs::JobId,
    ) -> Result<Option<Waiting>, crate::store::StoreError> {
        self.store.waiting(job, self.clock.now()).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_an_earlier_moment_rings() {
        let alarm = Alarm::default();
        alarm.at_latest(Timestamp(100));
        tokio::time::timeout(Duration::from_secs(5), alarm.bell.notified()).await.unwrap();
        alarm.at_latest(Timestamp(200));
        assert!(tokio::time::timeout(Duration::from_millis(20), alarm.bell.notified()).await.is_err());
        assert_eq!(alarm.at.load(Ordering::Acquire), 100);
    }
}

//! Who watches a job, and telling them that something changed. What changed they read from the store.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dayfly_jobs::JobId;
use tokio::sync::watch;

/// Everybody who watches some job.
#[derive(Debug, Default)]
pub(crate) struct Watchers {
    jobs: Mutex<BTreeMap<JobId, watch::Sender<()>>>,
}

impl Watchers {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<JobId, watch::Sender<()>>> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins to watch. To be done before the store is read, so that nothing is missed.
    pub(crate) fn watch(self: &Arc<Self>, job: JobId) -> Watch {
        let changes = self.lock().entry(job).or_insert_with(|| watch::channel(()).0).subscribe();
        Watch { all: Arc::clone(self), job, changes: Some(changes) }
    }

    /// Something happened to a job and is committed.
    pub(crate) fn touch(&self, job: JobId) {
        if let Some(watchers) = self.lock().get(&job) {
            watchers.send_replace(());
        }
    }

    /// Whether anybody watches a job.
    pub(crate) fn watched(&self, job: JobId) -> bool {
        self.lock().contains_key(&job)
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.lock().len()
    }
}

/// One watcher.
#[derive(Debug)]
pub(crate) struct Watch {
    all: Arc<Watchers>,
    job: JobId,
    /// There until it is dropped.
    changes: Option<watch::Receiver<()>>,
}

impl Watch {
    /// Until something happened since the last time, or since the beginning.
    pub(crate) async fn changed(&mut self) {
        if let Some(changes) = &mut self.changes {
            // The sender is kept as long as somebody watches.
            changes.changed().await.ok();
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let mut jobs = self.all.lock();
        self.changes = None;
        if jobs.get(&self.job).is_some_and(|watchers| watchers.receiver_count() == 0) {
            jobs.remove(&self.job);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn job(number: u128) -> JobId {
        JobId::new(dayfly_jobs::Timestamp(1), number)
    }

    #[tokio::test]
    async fn a_change_before_the_wait_is_not_missed() {
        let watchers = Arc::new(Watchers::default());
        let mut watch = watchers.watch(job(1));
        watchers.touch(job(1));
        tokio::time::timeout(Duration::from_secs(5), watch.changed()).await.unwrap();
        watchers.touch(job(2));
        assert!(tokio::time::timeout(Duration::from_millis(20), watch.changed()).await.is_err());
    }

    #[tokio::test]
    async fn nothing_is_kept_for_jobs_that_nobody_watches() {
        let watchers = Arc::new(Watchers::default());
        let (first, second) = (watchers.watch(job(1)), watchers.watch(job(1)));
        watchers.touch(job(7));
        drop(first);
        assert_eq!(watchers.len(), 1);
        drop(second);
        assert_eq!(watchers.len(), 0);
    }
}

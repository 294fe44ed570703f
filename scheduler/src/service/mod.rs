//! What stands between HTTP and the store: wakes whoever waits after a commit, keeps time, opens secrets. It knows
//! nothing of requests and answers, and keeps nothing that a restart would miss.

mod access;
mod blobs;
mod clockwork;
mod explain;
mod gauges;
mod known;
mod leases;
mod submit;
mod waiters;
mod watchers;

use std::sync::Arc;

use dayfly_jobs::JobId;
use dayfly_jobs::wire::{JobSummary, RunningStep};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

pub(crate) use access::{Caller, Seat, Who};
pub(crate) use blobs::{BlobFiles, UploadError};
pub(crate) use explain::explain;
pub(crate) use submit::Submission;
pub(crate) use waiters::{Waiters, Wanted};
pub(crate) use watchers::{Watch, Watchers};

use crate::auth::{Buckets, Hash, Memory, Places};
use crate::clock::Clock;
use crate::metrics::Metrics;
use crate::reports::{Rules, Sender};
use crate::secrets::Vault;
use crate::store::{Scope, Store, StoreError};
use crate::{Config, SchedulerError};

/// Everything a call needs.
pub(crate) struct Service {
    pub(crate) config: Config,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Clock,
    pub(crate) vault: Arc<Vault>,
    pub(crate) blobs: BlobFiles,
    pub(crate) metrics: Metrics,
    pub(crate) rates: Buckets<Hash>,
    pub(crate) failures: Buckets<std::net::IpAddr>,
    pub(crate) places: Arc<Places<Hash>>,
    pub(crate) memory: Arc<Memory<Option<Hash>>>,
    pub(crate) rules: Arc<Rules>,
    pub(crate) closing: CancellationToken,
    waiters: Arc<Waiters>,
    watchers: Arc<Watchers>,
    gauges: gauges::Gauges,
    /// Those who want to know what a job uses while it runs.
    gauge_watchers: Arc<Watchers>,
    seats: access::Seats,
    known: known::Known,
    /// Rung when something may be due earlier than the clockwork knows.
    due: clockwork::Alarm,
    /// Rung when a report may be due.
    reports: Arc<Notify>,
}

impl Service {
    pub(crate) fn new(config: Config, store: Arc<dyn Store>, clock: Clock) -> Result<Self, SchedulerError> {
        let http = config.http;
        Ok(Self {
            vault: Arc::new(Vault::open(&config.data)?),
            blobs: BlobFiles::open(&config.data)?,
            metrics: Metrics::new()?,
            rates: Buckets::new(http.calls_per_second, http.calls_burst),
            failures: Buckets::new(http.failures_per_second, http.failures_per_second.saturating_mul(5)),
            places: Arc::new(Places::new(http.streams)),
            memory: Arc::new(Memory::new(http.token_bytes, http.memory_bytes)),
            rules: Arc::new(Rules { allowed: config.webhooks.allow.clone() }),
            closing: CancellationToken::new(),
            waiters: Arc::default(),
            watchers: Arc::default(),
            gauges: gauges::Gauges::default(),
            gauge_watchers: Arc::default(),
            seats: access::Seats::default(),
            known: known::Known::default(),
            due: clockwork::Alarm::default(),
            reports: Arc::default(),
            config,
            store,
            clock,
        })
    }

    /// What sends reports.
    pub(crate) fn sender(&self) -> Arc<Sender> {
        Arc::new(Sender {
            store: Arc::clone(&self.store),
            vault: Arc::clone(&self.vault),
            clock: self.clock,
            rules: Arc::clone(&self.rules),
            schedule_ms: self.config.webhooks.schedule_ms.clone(),
            client: tokio::sync::OnceCell::new(),
            bell: Arc::clone(&self.reports),
        })
    }

    pub(crate) fn watch(&self, job: JobId) -> Watch {
        self.watchers.watch(job)
    }

    /// Watches what the steps of a job use.
    pub(crate) fn watch_usage(&self, job: JobId) -> Watch {
        self.gauge_watchers.watch(job)
    }

    /// What the step that runs uses, of a job with so many steps.
    pub(crate) fn running(&self, job: JobId, steps: usize) -> Option<RunningStep> {
        self.gauges.latest(job, self.clock.now()).filter(|running| running.step < steps)
    }

    /// A delivery is due at once.
    pub(crate) fn ring_reports(&self) {
        self.reports.notify_one();
    }

    /// What a worker, or everybody, may take has changed.
    pub(crate) fn wake_workers(&self, worker: Option<&dayfly_jobs::WorkerName>) {
        self.waiters.wake_all(worker);
    }

    /// A job has ended and the end is committed.
    pub(crate) fn ended(&self, job: JobId) {
        self.gauges.remove(job);
        self.watchers.touch(job);
        self.reports.notify_one();
    }

    /// Wishes the end of a job.
    pub(crate) async fn cancel(&self, scope: &Scope, id: JobId) -> Result<JobSummary, StoreError> {
        let summary = self.store.cancel(scope, id, self.clock.now()).await?;
        match summary.state.is_end() {
            true => self.ended(id),
            false => self.watchers.touch(id),
        }
        Ok(summary)
    }

    /// A job waits again: it lost its worker.
    async fn requeued(&self, job: JobId) {
        self.gauges.remove(job);
        self.watchers.touch(job);
        match self.store.job(&Scope::All, job).await {
            Ok(Some(detail)) => {
                self.waiters.wake(Wanted::by(&detail.spec));
            }
            Ok(None) => {}
            // Whoever polls finds the job a little later by itself.
            Err(error) => tracing::warn!(%job, %error, "cannot wake a worker for a job that waits again"),
        }
    }
}

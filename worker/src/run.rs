//! The life of a worker: take jobs while it has room, and end in order. Decides
//! nothing about a job; that is the scheduler's, and one job is `attend`'s.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dayfly_jobs::HostReport;
use dayfly_jobs::wire::{Completion, Lease, LeaseRequest, Leases};
use dayfly_sandbox::host::HostSupport;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use crate::attend::attend;
use crate::cache::Cache;
use crate::client::{CallError, Client};
use crate::config::Config;
use crate::descriptors;
use crate::error::WorkerError;
use crate::held::Held;
use crate::metrics::Metrics;
use crate::pools::Pools;
use crate::protect::Shelter;
use crate::retry::Backoff;
use crate::room::{self, Room};
use crate::run_job::Bench;
use crate::stop::{Stop, Why};

/// How long to wait for a job when nothing runs, and when something does: then more room may come.
const IDLE_WAIT: Duration = Duration::from_secs(25);
const BUSY_WAIT: Duration = Duration::from_secs(1);
/// How long a call for jobs that is under way may take when the worker ends: its answer may hold leases.
const LAST_WAIT: Duration = Duration::from_millis(500);

/// Everything of one worker.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) bench: Arc<Bench>,
    pub(crate) room: Room,
    pub(crate) held: Held,
    pub(crate) report: HostReport,
    /// The scheduler wants no more jobs run here.
    pub(crate) retired: CancellationToken,
    _shelter: Shelter,
}

/// Runs a worker until `shutdown` is thrown or its scheduler retires it, and its jobs have ended or were handed back.
///
/// # Errors
/// It cannot run jobs on this host, or the scheduler does not want it.
pub async fn run(config: Config, shutdown: CancellationToken) -> Result<(), WorkerError> {
    let worker = Arc::new(prepare(config).await?);
    let Some(registered) = worker.enlist(&shutdown).await? else { return Ok(()) };
    let watch = tokio::spawn({
        let worker = Arc::clone(&worker);
        async move { worker.held.watch().await }
    });
    let renew = tokio::spawn({
        let worker = Arc::clone(&worker);
        async move { worker.renew(Duration::from_millis(registered.renew_ms.max(10))).await }
    });
    let ended = worker.work(&shutdown).await;
    worker.drain(&shutdown).await;
    renew.abort();
    watch.abort();
    worker.bench.pools.clear();
    ended
}

/// Looks at the host, removes what a dead worker left on it, and makes a first sandbox, so that a host that cannot
/// make any says so now.
async fn prepare(config: Config) -> Result<Worker, WorkerError> {
    let client = Client::new(&config.server)?;
    let runtime = Handle::current();
    let work = move || {
        descriptors::raise();
        let metrics = Metrics::new(&config.metrics)?;
        metrics.slots.set(config.capacity.slots.into());
        sweep(config.cgroup_parent.as_deref(), &metrics);
        let pools = Pools::new(config.cgroup_parent.clone(), config.warm);
        pools.prove(&config.policies)?;
        let shelter = Shelter::take();
        let cache = Cache::open(&config.state, config.cache_size)?;
        let report = HostSupport::probe(config.cgroup_parent.as_deref()).report();
        let room = Room::new(config.capacity, room::cores_of_host());
        let bench = Arc::new(Bench { config, client, cache, pools, metrics, runtime });
        Ok(Worker {
            bench,
            room,
            held: Held::default(),
            report,
            retired: CancellationToken::new(),
            _shelter: shelter,
        })
    };
    let lost = |error: tokio::task::JoinError| WorkerError::ThreadLost { reason: error.to_string() };
    tokio::task::spawn_blocking(work).await.map_err(lost)?
}

/// A leftover that cannot be removed harms nobody but the host's tidiness.
fn sweep(cgroup_parent: Option<&Path>, metrics: &Metrics) {
    match dayfly_sandbox::sweep(cgroup_parent) {
        Ok(report) => metrics.swept.inc_by(report.removed_groups as u64),
        Err(error) => tracing::warn!(%error, "what a dead worker left could not all be removed"),
    }
}

impl Worker {
    /// Takes jobs while it has room, until it is to end.
    async fn work(self: &Arc<Self>, shutdown: &CancellationToken) -> Result<(), WorkerError> {
        let mut backoff = Backoff::default();
        while !shutdown.is_cancelled() && !self.retired.is_cancelled() {
            let changed = self.room.changed();
            let free = self.room.free();
            self.count(free.slots);
            if free.slots == 0 || free.cpus_milli == 0 || free.memory.get() == 0 {
                tokio::select! {
                    () = changed => {}
                    () = shutdown.cancelled() => {}
                    () = self.retired.cancelled() => {}
                }
                continue;
            }
            match self.ask(shutdown).await {
                Some(Ok(leases)) => {
                    backoff = Backoff::default();
                    self.accept(leases);
                }
                Some(Err(CallError::Unauthorized { detail })) => {
                    tracing::warn!(
                        detail,
                        "the scheduler has forgotten this worker; it introduces itself again"
                    );
                    self.held.stop_all(Why::Lost);
                    self.enlist(shutdown).await?;
                }
                Some(Err(error)) => {
                    tracing::warn!(%error, "no jobs could be asked for");
                    let after = if let CallError::Away { after, .. } = &error { *after } else { None };
                    tokio::select! {
                        () = shutdown.cancelled() => {}
                        () = backoff.pause(after) => {}
                    }
                }
                None => {}
            }
        }
        Ok(())
    }

    /// Asks for as many jobs as there is room for; `None` when the worker ends meanwhile.
    async fn ask(&self, shutdown: &CancellationToken) -> Option<Result<Leases, CallError>> {
        let free = self.room.free();
        let wait = if self.room.is_whole() { IDLE_WAIT } else { BUSY_WAIT };
        let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        let wanted = LeaseRequest { free, max: free.slots, wait_ms };
        let call = self.bench.client.lease(&wanted);
        tokio::pin!(call);
        tokio::select! {
            biased;
            answer = &mut call => return Some(answer),
            () = shutdown.cancelled() => {}
            () = self.retired.cancelled() => {}
        }
        tokio::time::timeout(LAST_WAIT, call).await.ok()
    }

    /// Starts what was leased.
    fn accept(self: &Arc<Self>, leases: Leases) {
        if leases.drain {
            self.retired.cancel();
        }
        let since = Instant::now();
        for lease in leases.leases {
            if let Err(error) = self.start(lease, since) {
                tracing::error!(%error, "a job could not be started; its lease will run out");
            }
        }
        self.count(self.room.free().slots);
    }

    fn start(self: &Arc<Self>, lease: Lease, since: Instant) -> Result<(), WorkerError> {
        let stop = Stop::new()?;
        let id = lease.id;
        tracing::info!(job = %id.job, attempt = %id.attempt, tenant = %lease.tenant, "leased");
        self.held.add(id, since, Duration::from_millis(lease.lasts_ms), stop.clone());
        // Before the next call for jobs, which says how much room is left.
        let share = self.room.try_take(&lease.spec);
        let worker = Arc::clone(self);
        tokio::spawn(async move {
            let _held = Released { worker: &worker, lease: id, stop: stop.clone() };
            if share.is_some() || worker.room.could_hold(&lease.spec) {
                attend(Arc::clone(&worker), lease, share, stop).await;
            } else {
                let error = "it needs more than this worker has".to_owned();
                let failed = Completion::Failed { error };
                if let Err(error) = worker.bench.client.complete(id, &failed).await {
                    tracing::warn!(lease = %id, %error, "a job that does not fit could not be given back");
                }
            }
        });
        Ok(())
    }

    /// Lets running jobs finish, and hands back what does not in time. A worker that its scheduler retired has all
    /// the time there is.
    async fn drain(&self, shutdown: &CancellationToken) {
        let hurry = self.bench.config.hurry.clone();
        let in_time = async {
            shutdown.cancelled().await;
            tokio::time::sleep(self.bench.config.grace).await;
        };
        tokio::select! {
            () = self.idle() => return,
            () = in_time => {}
            () = hurry.cancelled() => {}
        }
        tracing::info!(jobs = self.held.ids().len(), "handing back what still runs");
        self.held.stop_all(Why::Drain);
        // Each ends by being answered or by losing its lease.
        self.idle().await;
    }

    async fn idle(&self) {
        loop {
            let changed = self.held.changed();
            if self.held.is_empty() {
                return;
            }
            changed.await;
        }
    }

    fn count(&self, free: u32) {
        let metrics = &self.bench.metrics;
        metrics.slots_used.set(self.bench.config.capacity.slots.saturating_sub(free).into());
        metrics.cache_bytes.set(i64::try_from(self.bench.cache.bytes()).unwrap_or(i64::MAX));
    }
}

/// Lets go of a lease when its job is over, however that came about.
struct Released<'a> {
    worker: &'a Worker,
    lease: dayfly_jobs::LeaseId,
    stop: Stop,
}

impl Drop for Released<'_> {
    fn drop(&mut self) {
        if self.stop.why() == Some(Why::Lost) {
            self.worker.bench.metrics.leases_lost.inc();
        }
        self.worker.held.remove(self.lease);
    }
}

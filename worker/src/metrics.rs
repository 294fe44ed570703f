//! What a worker counts, in a registry that whoever started it serves.

use prometheus::{Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, Opts, Registry};

/// The worker's metrics. Clones count together.
#[derive(Debug, Clone)]
pub(crate) struct Metrics {
    /// Jobs that ended, by how: `finished`, `stopped`, `failed`.
    pub(crate) jobs: IntCounterVec,
    /// Slots that can be used, and that are.
    pub(crate) slots: IntGauge,
    pub(crate) slots_used: IntGauge,
    /// Seconds until a job has a sandbox.
    pub(crate) setup: Histogram,
    /// Sandboxes that failed for no fault of the job.
    pub(crate) sandbox_errors: IntCounter,
    /// Blobs that were in the cache, and that were not.
    pub(crate) cache_hits: IntCounter,
    pub(crate) cache_misses: IntCounter,
    pub(crate) cache_bytes: IntGauge,
    /// Leases that were lost while their job ran.
    pub(crate) leases_lost: IntCounter,
    /// Control groups that a dead worker left and the sweep removed.
    pub(crate) swept: IntCounter,
    /// Bytes of logs that were sent.
    pub(crate) log_bytes: IntCounter,
}

/// A jail from the pool takes some ten microseconds, one that has to be made some milliseconds.
const SETUP_SECONDS: [f64; 8] = [0.000_05, 0.000_2, 0.001, 0.005, 0.02, 0.1, 0.5, 2.0];

impl Metrics {
    /// Registers all of them.
    pub(crate) fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let counter = |name: &str, help: &str| {
            let counter = IntCounter::new(format!("dayfly_worker_{name}"), help)?;
            registry.register(Box::new(counter.clone())).map(|()| counter)
        };
        let gauge = |name: &str, help: &str| {
            let gauge = IntGauge::new(format!("dayfly_worker_{name}"), help)?;
            registry.register(Box::new(gauge.clone())).map(|()| gauge)
        };
        let jobs = Opts::new("dayfly_worker_jobs_total", "Attempts that ended on this worker, by how");
        let jobs = IntCounterVec::new(jobs, &["end"])?;
        registry.register(Box::new(jobs.clone()))?;
        let setup = HistogramOpts::new("dayfly_worker_setup_seconds", "Time until a job has a sandbox");
        let setup = Histogram::with_opts(setup.buckets(SETUP_SECONDS.to_vec()))?;
        registry.register(Box::new(setup.clone()))?;
        Ok(Self {
            jobs,
            setup,
            slots: gauge("slots", "Jobs that can run at once")?,
            slots_used: gauge("slots_used", "Jobs that run")?,
            sandbox_errors: counter("sandbox_errors_total", "Sandboxes that failed for no fault of the job")?,
            cache_hits: counter("cache_hits_total", "Blobs that were in the cache")?,
            cache_misses: counter("cache_misses_total", "Blobs that had to be fetched")?,
            cache_bytes: gauge("cache_bytes", "Bytes of cached blobs")?,
            leases_lost: counter("leases_lost_total", "Leases that were lost while their job ran")?,
            swept: counter("swept_groups_total", "Control groups that a dead worker had left")?,
            log_bytes: counter("log_bytes_total", "Bytes of logs that were sent while jobs ran")?,
        })
    }
}

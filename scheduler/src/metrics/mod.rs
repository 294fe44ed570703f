//! What the scheduler counts. Names and meanings are part of the API; labels never hold what a caller chose freely,
//! except the names of queues and tenants, which administrators make.

use std::sync::{Mutex, PoisonError};

use dayfly_jobs::{State, Timestamp, Verdict};
use prometheus::{
    Encoder, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts,
    Registry, TextEncoder,
};

use crate::store::Census;

/// Seconds, for what takes from a tenth of a millisecond to half a minute.
const SECONDS: &[f64] =
    &[0.0001, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 30.0];
/// Seconds a job waits.
const WAITS: &[f64] =
    &[0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 14400.0];

/// Every metric.
pub(crate) struct Metrics {
    registry: Registry,
    others: Mutex<Vec<Registry>>,
    pub(crate) submitted: IntCounter,
    pub(crate) lost: IntCounter,
    pub(crate) refused: IntCounter,
    pub(crate) collected: IntCounter,
    pub(crate) log_bytes: IntCounter,
    pub(crate) connections: IntGauge,
    pub(crate) crowded: IntCounter,
    ends: IntCounterVec,
    verdicts: IntCounterVec,
    waits: Histogram,
    store: HistogramVec,
    calls: HistogramVec,
    queued: IntGaugeVec,
    oldest: IntGaugeVec,
    running: IntGaugeVec,
    workers: IntGaugeVec,
}

impl Metrics {
    pub(crate) fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new_custom(Some("dayfly".to_owned()), None)?;
        let lane = &["queue", "tenant"];
        Ok(Self {
            submitted: counter(&registry, "jobs_submitted_total", "Jobs that were accepted")?,
            lost: counter(&registry, "leases_lost_total", "Leases that ran out")?,
            refused: counter(&registry, "results_refused_total", "Words of workers that came too late")?,
            collected: counter(&registry, "jobs_collected_total", "Ended jobs that retention removed")?,
            log_bytes: counter(&registry, "log_bytes_total", "Bytes of logs that were accepted")?,
            connections: gauge(&registry, "http_connections", "Connections that are open")?,
            crowded: counter(
                &registry,
                "http_connections_refused_total",
                "Connections that were one too many",
            )?,
            ends: counters(
                &registry,
                "attempts_ended_total",
                "Attempts that ended, by where the job stood then",
                &["state"],
            )?,
            verdicts: counters(
                &registry,
                "verdicts_total",
                "Verdicts on jobs that ran to their end",
                &["verdict"],
            )?,
            waits: histogram(&registry, "job_wait_seconds", "From submission to lease", WAITS)?,
            store: timings(
                &registry,
                "store_seconds",
                "From asking the store for a change to its commit",
                &["change"],
            )?,
            calls: timings(
                &registry,
                "http_call_seconds",
                "From a call to its answer, by route",
                &["method", "route", "status"],
            )?,
            queued: gauges(&registry, "jobs_queued", "Jobs that wait", lane)?,
            oldest: gauges(&registry, "jobs_oldest_seconds", "How long the oldest of them waits", lane)?,
            running: gauges(&registry, "jobs_running", "Jobs that are leased or run", lane)?,
            workers: gauges(&registry, "workers", "Workers", &["standing"])?,
            registry,
            others: Mutex::default(),
        })
    }

    /// Shows the metrics of something else in this process as well.
    pub(crate) fn add(&self, registry: Registry) {
        self.others.lock().unwrap_or_else(PoisonError::into_inner).push(registry);
    }

    /// A job was leased after so many milliseconds.
    pub(crate) fn waited(&self, millis: u64) {
        self.waits.observe(std::time::Duration::from_millis(millis).as_secs_f64());
    }

    /// The store was asked for a change at this moment and has committed or refused it.
    pub(crate) fn stored(&self, change: &str, since: std::time::Instant) {
        self.store.with_label_values(&[change]).observe(since.elapsed().as_secs_f64());
    }

    /// An attempt ended.
    pub(crate) fn ended(&self, state: State) {
        self.ends.with_label_values(&[state.name()]).inc();
    }

    /// A job ran to its end.
    pub(crate) fn judged(&self, verdict: &Verdict) {
        self.verdicts.with_label_values(&[verdict.name()]).inc();
    }

    /// A call was answered.
    pub(crate) fn called(&self, method: &str, route: &str, status: u16, took: std::time::Duration) {
        self.calls.with_label_values(&[method, route, &status.to_string()]).observe(took.as_secs_f64());
    }

    /// Everything as text, with the numbers of this moment.
    pub(crate) fn text(
        &self,
        census: &Census,
        workers: &Workers,
        now: Timestamp,
    ) -> Result<Vec<u8>, prometheus::Error> {
        self.queued.reset();
        self.oldest.reset();
        self.running.reset();
        for lane in &census.lanes {
            let labels = &[lane.queue.as_str(), lane.tenant.as_str()];
            let age = lane.oldest.map_or(0, |oldest| now.millis_since(oldest) / 1000);
            self.queued.with_label_values(labels).set(whole(lane.queued));
            self.oldest.with_label_values(labels).set(whole(age));
            self.running.with_label_values(labels).set(whole(lane.running));
        }
        for (standing, count) in
            [("alive", workers.alive), ("draining", workers.draining), ("gone", workers.gone)]
        {
            self.workers.with_label_values(&[standing]).set(whole(count));
        }
        let mut text = Vec::new();
        let others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
        for registry in std::iter::once(&self.registry).chain(others.iter()) {
            TextEncoder::new().encode(&registry.gather(), &mut text)?;
        }
        Ok(text)
    }
}

/// How many workers stand how.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Workers {
    pub(crate) alive: u64,
    pub(crate) draining: u64,
    pub(crate) gone: u64,
}

fn whole(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn counter(registry: &Registry, name: &str, help: &str) -> Result<IntCounter, prometheus::Error> {
    let metric = IntCounter::new(name, help)?;
    registry.register(Box::new(metric.clone()))?;
    Ok(metric)
}

fn counters(
    registry: &Registry,
    name: &str,
    help: &str,
    labels: &[&str],
) -> Result<IntCounterVec, prometheus::Error> {
    let metric = IntCounterVec::new(Opts::new(name, help), labels)?;
    registry.register(Box::new(metric.clone()))?;
    Ok(metric)
}

fn gauge(registry: &Registry, name: &str, help: &str) -> Result<IntGauge, prometheus::Error> {
    let metric = IntGauge::new(name, help)?;
    registry.register(Box::new(metric.clone()))?;
    Ok(metric)
}

fn gauges(
    registry: &Registry,
    name: &str,
    help: &str,
    labels: &[&str],
) -> Result<IntGaugeVec, prometheus::Error> {
    let metric = IntGaugeVec::new(Opts::new(name, help), labels)?;
    registry.register(Box::new(metric.clone()))?;
    Ok(metric)
}

fn histogram(
    registry: &Registry,
    name: &str,
    help: &str,
    buckets: &[f64],
) -> Result<Histogram, prometheus::Error> {
    let metric = Histogram::with_opts(HistogramOpts::new(name, help).buckets(buckets.to_vec()))?;
    registry.register(Box::new(metric.clone()))?;
    Ok(metric)
}

fn timings(
    registry: &Registry,
    name: &str,
    help: &str,
    labels: &[&str],
) -> Result<HistogramVec, prometheus::Error> {
    let metric = HistogramVec::new(HistogramOpts::new(name, help).buckets(SECONDS.to_vec()), labels)?;
    registry.register(Box::new(metric.clone()))?;
    Ok(metric)
}

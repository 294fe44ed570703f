//! The client's side: submits, waits, counts.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use dayfly_jobs::wire::{
    Capacity, Happened, JobDetail, JobEvent, LeaseRequest, Leases, Page, Registered, Registration, Submitted,
};
use dayfly_jobs::{Bytes, HostReport, JobId, State};
use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde_json::json;

use super::figures::Figure;
use crate::bench::stats::Samples;
use crate::client::{Client, Events, Repeat};
use crate::error::CliError;

/// Submits at the same time.
const SUBMITTERS: usize = 8;
/// Jobs of one batch: the most that the API takes.
const BATCH: usize = 1000;
/// Claims that are measured.
const CLAIMS: usize = 1000;
/// No worker but the one that measures claims has it.
const LABEL: &str = "bench-claims";

/// A client that loads a service.
pub(crate) struct Load {
    client: Client,
    cap: Duration,
}

fn millis(samples: &Samples, percent: usize) -> Option<f64> {
    samples.percentile(percent).map(|time| time.as_secs_f64() * 1e3)
}

impl Load {
    pub(crate) fn new(client: Client, cap: Duration) -> Self {
        Self { client, cap }
    }

    async fn submit(&self, job: &serde_json::Value) -> Result<JobId, CliError> {
        let submitted: Submitted =
            self.client.call(Method::POST, &["jobs"], Some(job), Repeat::Never).await?;
        Ok(submitted.id)
    }

    /// Waits for the end of a job.
    async fn ended(&self, id: JobId) -> Result<(), CliError> {
        let follow = vec![("follow", "true".to_owned())];
        let mut events = Events::new(&self.client, &["jobs", &id.to_string(), "events"], follow);
        loop {
            let message = events.next().await?;
            if message.event == "usage" {
                continue;
            }
            let event: JobEvent = serde_json::from_str(&message.data)
                .map_err(|error| CliError::server(format!("an event cannot be read: {error}"), None))?;
            if matches!(event.what, Happened::Ended { .. }) {
                return Ok(());
            }
        }
    }

    /// Waits for the end of a job and demands that it passed.
    async fn passed(&self, id: JobId) -> Result<(), CliError> {
        self.ended(id).await?;
        let job: JobDetail = self.client.get(&["jobs", &id.to_string()], &[]).await?;
        match job.summary.exit_code {
            Some(0) => Ok(()),
            _ => Err(CliError::bench(
                format!("a job of the bench did not pass: {:?}", job.summary.state),
                "dayfly doctor",
            )),
        }
    }

    /// From before the submit until the client knows of the end, one job at a time.
    pub(crate) async fn latency(&self, rounds: usize) -> Result<[Figure; 2], CliError> {
        let (start, mut samples) = (Instant::now(), Samples::default());
        for round in 0..rounds + WARM_UP {
            if start.elapsed() > self.cap {
                break;
            }
            let begin = Instant::now();
            let id = self.submit(&quick()).await?;
            self.ended(id).await?;
            if round >= WARM_UP {
                samples.push(begin.elapsed());
            }
            if round == 0 {
                self.passed(id).await?;
            }
        }
        Ok([
            Figure::at_most("submit to result, median", "ms", 10.0, millis(&samples, 50)),
            Figure::at_most("submit to result, p99", "ms", 40.0, millis(&samples, 99)),
        ])
    }

    /// Jobs of `true`, each submitted by a call of its own, until the last one has ended.
    pub(crate) async fn throughput(&self, jobs: usize) -> Result<Figure, CliError> {
        let (start, left) = (Instant::now(), Arc::new(AtomicUsize::new(jobs)));
        let mut last = JobId::new(dayfly_jobs::Timestamp(0), 0);
        let submitters = (0..SUBMITTERS).map(|_| async {
            let mut latest = None;
            while start.elapsed() < self.cap
                && left.fetch_update(Ordering::AcqRel, Ordering::Acquire, |left| left.checked_sub(1)).is_ok()
            {
                latest = latest.max(Some(self.submit(&quick()).await?));
            }
            Ok::<_, CliError>(latest)
        });
        for latest in futures_util::future::try_join_all(submitters).await?.into_iter().flatten() {
            last = last.max(latest);
        }
        let submitted = jobs - left.load(Ordering::Acquire);
        self.passed(last).await?;
        self.none_left().await?;
        let rate = f64::from(u32::try_from(submitted).unwrap_or(u32::MAX)) / start.elapsed().as_secs_f64();
        Ok(Figure::at_least("durable jobs, submitted one by one and run", "1/s", 400.0, Some(rate)))
    }

    /// Waits until nothing is queued or runs.
    async fn none_left(&self) -> Result<(), CliError> {
        loop {
            let mut open = 0;
            for state in [State::Queued, State::Leased, State::Running] {
                let query = [("state", state.name().to_owned()), ("limit", "1".to_owned())];
                let page: Page<dayfly_jobs::wire::JobSummary> = self.client.get(&["jobs"], &query).await?;
                open += page.items.len();
            }
            if open == 0 {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// One job that prints so many MiB of text, until all of it is kept.
    pub(crate) async fn log(&self, mib: usize) -> Result<Figure, CliError> {
        let script = format!("yes 'what a job has to say about itself, line by line' | head -c {mib}M");
        let limits = json!({ "output": "4G", "wall_time": "10m", "cpu_time": "10m" });
        let job = json!({ "name": "log", "limits": limits, "steps": [{ "run": script }] });
        let start = Instant::now();
        let id = self.submit(&job).await?;
        self.passed(id).await?;
        let rate =
            f64::from(u32::try_from(mib).unwrap_or(u32::MAX)) * 1.048_576 / start.elapsed().as_secs_f64();
        Ok(Figure::at_least("log of one job", "MB/s", 100.0, Some(rate)))
    }

    /// Jobs that nobody will run, in batches.
    pub(crate) async fn batches(&self, queued: usize) -> Result<Figure, CliError> {
        let job = json!({ "name": "waits", "labels": [LABEL], "steps": [{ "command": ["/usr/bin/true"] }] });
        let batch = format!("{job}\n").repeat(BATCH);
        let (start, mut sent) = (Instant::now(), 0_u32);
        let mut first = None;
        while usize::try_from(sent).unwrap_or(usize::MAX) < queued && start.elapsed() < self.cap * 4 {
            let request = self.client.request(Method::POST, &["jobs", "batch"], &[]);
            let request = request.header(CONTENT_TYPE, "application/x-ndjson").body(batch.clone());
            self.client.send(request, Repeat::Never).await?;
            sent += u32::try_from(BATCH).unwrap_or(u32::MAX);
            first.get_or_insert_with(|| start.elapsed());
        }
        let rate = f64::from(sent) / start.elapsed().as_secs_f64();
        Ok(Figure::at_least(
            &format!("submit in batches of {BATCH}, {sent} jobs"),
            "1/s",
            10_000.0,
            Some(rate),
        ))
    }

    /// A worker of paper takes jobs one by one.
    pub(crate) async fn claims(&self) -> Result<Figure, CliError> {
        let capacity = Capacity { slots: 1_000_000, cpus_milli: u32::MAX, memory: Bytes::gib(1 << 20) };
        let worker = Registration {
            name: "bench".parse().map_err(|_| CliError::bench("a name is none", "report this"))?,
            labels: LABEL.parse().into_iter().collect(),
            queues: BTreeSet::new(),
            policies: ["ci".to_owned()].into(),
            capacity,
            report: HostReport { kernel: String::new(), checks: Vec::new() },
            version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        let registered: Registered =
            self.client.call(Method::POST, &["workers"], Some(&worker), Repeat::Safe).await?;
        let worker = self.client.with_token(&registered.token);
        let wanted = LeaseRequest { free: capacity, max: 1, wait_ms: 0 };
        let (start, mut samples) = (Instant::now(), Samples::default());
        for _ in 0..CLAIMS {
            if start.elapsed() > self.cap {
                break;
            }
            let begin = Instant::now();
            let leases: Leases = worker.call(Method::POST, &["leases"], Some(&wanted), Repeat::Never).await?;
            if leases.leases.is_empty() {
                return Err(CliError::bench("a worker got no job although jobs wait", "report this"));
            }
            samples.push(begin.elapsed());
        }
        Ok(Figure::at_most("claim of one job over HTTP, p99", "ms", 5.0, millis(&samples, 99)))
    }
}

/// Rounds that are not counted.
const WARM_UP: usize = 10;

fn quick() -> serde_json::Value {
    json!({ "name": "true", "steps": [{ "command": ["/usr/bin/true"] }] })
}

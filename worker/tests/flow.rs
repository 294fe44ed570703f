//! The whole worker against a scheduler of paper, with real jails: needs root or a delegated cgroup.
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail the test")]

mod flow {
    mod ends;
    mod fake;
    mod files;
    mod leases;
    mod logs;
    mod secrets;

    pub(crate) use fake::{Fake, Words};
}

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use dayfly_jobs::wire::Completion;
use dayfly_jobs::{JobResult, JobSpec, Limits};
use dayfly_worker::{Config, WorkerError};
use flow::Fake;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// A worker that runs in this process, and the scheduler it talks to.
struct Bench {
    fake: Fake,
    shutdown: CancellationToken,
    hurry: CancellationToken,
    worker: JoinHandle<Result<(), WorkerError>>,
    _state: tempfile::TempDir,
}

/// How long anything here may take.
const PATIENCE: Duration = Duration::from_secs(20);

impl Bench {
    /// A worker with its scheduler, or `None` with a named skip on a host that cannot make jails.
    async fn start(change: impl FnOnce(&mut Config)) -> Option<Self> {
        if let Err(error) = dayfly_sandbox::Jail::builder(policy()).build() {
            skip(&error.to_string());
            return None;
        }
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("paper-{}", NUMBER.fetch_add(1, Ordering::Relaxed)).parse().unwrap();
        let state = tempfile::tempdir().unwrap();
        let fake = Fake::start().await;
        let mut config = Config::new(&fake.address(), "join-token", name, PathBuf::from(state.path()));
        config.capacity.slots = 2;
        config.capacity.cpus_milli = 4000;
        config.warm = 1;
        config.grace = Duration::from_millis(300);
        change(&mut config);
        let (shutdown, hurry) = (CancellationToken::new(), config.hurry.clone());
        let worker = tokio::spawn(dayfly_worker::run(config, shutdown.clone()));
        Some(Self { fake, shutdown, hurry, worker, _state: state })
    }

    /// Ends the worker in order.
    async fn end(self) {
        self.shutdown.cancel();
        tokio::time::timeout(PATIENCE, self.worker).await.unwrap().unwrap().unwrap();
    }

    /// Runs one job to its end.
    async fn run(&self, spec: JobSpec) -> Completion {
        let lease = self.fake.submit(spec);
        tokio::time::timeout(PATIENCE, self.fake.end_of(lease)).await.unwrap()
    }

    /// Runs one job to its result.
    async fn result(&self, spec: JobSpec) -> JobResult {
        match self.run(spec).await {
            Completion::Finished { result, .. } => *result,
            other => panic!("no result: {other:?}"),
        }
    }
}

fn skip(reason: &str) {
    use std::io::Write;
    let thread = std::thread::current();
    let line = format!("SKIP {}: {reason}\n", thread.name().unwrap_or("unnamed"));
    assert!(std::env::var("DAYFLY_REQUIRE").is_err(), "{line}");
    std::io::stderr().write_all(line.as_bytes()).unwrap();
    if let Some(log) = std::env::var_os("DAYFLY_SKIP_LOG") {
        let file = std::fs::OpenOptions::new().append(true).create(true).open(log);
        file.unwrap().write_all(line.as_bytes()).unwrap();
    }
}

fn policy() -> std::sync::Arc<dayfly_policies::Policy> {
    dayfly_policies::Catalog::builtin().get("interpreted").unwrap()
}

fn limits() -> Limits {
    Limits { memory: dayfly_jobs::Bytes::mib(128), ..policy().default_limits().clone() }
}

/// A job of these steps; each is a name and a script, or an object to be laid over that.
fn job(steps: &[(&str, &str)]) -> Value {
    let steps: Vec<_> = steps.iter().map(|(name, script)| step(name, script)).collect();
    json!({
        "version": 1, "name": "test", "queue": "default", "priority": 0,
        "sandbox": { "backend": "jail", "root": "host", "policy": "interpreted", "network": "none" },
        "limits": limits(), "steps": steps, "retry": { "max_attempts": 3 }, "timeouts": {},
    })
}

fn step(name: &str, script: &str) -> Value {
    json!({ "name": name, "action": { "run": { "script": script, "shell": "sh" } }, "limits": limits() })
}

/// A job with something changed.
fn with(mut job: Value, path: &str, value: Value) -> Value {
    let (above, key) = path.rsplit_once('/').unwrap();
    let above = job.pointer_mut(above).unwrap();
    match above {
        Value::Array(list) => list[key.parse::<usize>().unwrap()] = value,
        other => other[key] = value,
    }
    job
}

fn spec(job: Value) -> JobSpec {
    serde_json::from_value(job).unwrap()
}

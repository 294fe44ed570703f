//! Jobs, workers and results for tests, and short ways to use them.

use std::collections::BTreeSet;

use dayfly_jobs::wire::{Capacity, Completion, Registration, Rest};
use dayfly_jobs::{
    Bytes, Digest, HostReport, JobId, JobResult, JobSpec, LeaseId, LogEnd, State, Timestamp, Verdict,
    WorkerName,
};
use serde_json::json;

use crate::store::{Claim, Claimed, NewJob, Scope, Store};

pub(in crate::store) const NOW: Timestamp = Timestamp(1_000_000_000);
pub(in crate::store) const LEASE_MS: u64 = 15_000;

pub(in crate::store) fn after(millis: u64) -> Timestamp {
    NOW.plus_millis(millis)
}

pub(in crate::store) fn spec() -> JobSpec {
    let limits = json!({
        "cpu_time_us": 1_000_000, "wall_time_us": 2_000_000, "idle_time_us": null, "memory_bytes": 64 << 20,
        "processes": 16, "cpus": null, "output_bytes": 1 << 20, "disk_bytes": 1 << 20, "inodes": 1000,
        "open_files": 64, "stack_bytes": 8 << 20, "file_size_bytes": 1 << 20,
    });
    let step = |name: &str| json!({"name": name, "action": {"command": ["true"]}, "limits": limits});
    let spec = json!({
        "version": 1, "name": "sample", "queue": "default", "priority": 0,
        "sandbox": {"backend": "jail", "root": "host", "policy": "strict", "network": "none"},
        "limits": limits,
        "steps": [step("one"), step("two")], "retry": {"max_attempts": 3}, "timeouts": {},
    });
    serde_json::from_value(spec).unwrap()
}

/// A job of a tenant; `n` makes its id.
pub(in crate::store) fn job(tenant: &str, n: u128) -> NewJob {
    let id = JobId::new(NOW, n);
    NewJob { id, tenant: tenant.parse().unwrap(), spec: spec(), key: None, retry_of: None }
}

pub(in crate::store) fn capacity(slots: u32) -> Capacity {
    Capacity { slots, cpus_milli: slots * 1000, memory: Bytes::gib(4) }
}

pub(in crate::store) fn registration(name: &str) -> Registration {
    Registration {
        name: name.parse().unwrap(),
        labels: BTreeSet::new(),
        queues: BTreeSet::new(),
        policies: BTreeSet::from(["strict".to_owned()]),
        capacity: capacity(8),
        report: HostReport { kernel: "6.1".into(), checks: Vec::new() },
        version: "0".into(),
    }
}

pub(in crate::store) async fn worker(store: &impl Store, name: &str) -> WorkerName {
    let hash = name.bytes().next().unwrap_or(0);
    store.register(&registration(name), &[hash; 32], NOW).await.unwrap();
    name.parse().unwrap()
}

pub(in crate::store) fn claim(worker: &WorkerName, max: u32, now: Timestamp) -> Claim {
    let Registration { labels, queues, policies, capacity: free, .. } = registration(worker.as_str());
    let until = now.plus_millis(LEASE_MS);
    Claim { worker: worker.clone(), labels, queues, policies, free, max, until }
}

/// Claims as many as there is room for.
pub(in crate::store) async fn take(
    store: &impl Store,
    worker: &WorkerName,
    max: u32,
    now: Timestamp,
) -> Vec<Claimed> {
    store.claim(&claim(worker, max, now), now).await.unwrap()
}

/// Claims the one job that is to be had.
pub(in crate::store) async fn take_one(store: &impl Store, worker: &WorkerName, now: Timestamp) -> LeaseId {
    let claimed = take(store, worker, 8, now).await;
    assert_eq!(claimed.len(), 1, "{claimed:?}");
    claimed[0].lease
}

pub(in crate::store) async fn submit_one(store: &impl Store, job: NewJob, now: Timestamp) -> JobId {
    let submitted = store.submit(vec![job], now).await.unwrap();
    assert!(submitted[0].created);
    submitted[0].id
}

pub(in crate::store) fn passed() -> JobResult {
    JobResult {
        verdict: Verdict::Passed,
        steps: Vec::new(),
        outputs: Vec::new(),
        artifacts: Vec::new(),
        log: LogEnd { bytes: 0, digest: Digest([0; 32]) },
    }
}

pub(in crate::store) fn finished(result: JobResult) -> Completion {
    Completion::Finished { result: Box::new(result), rest: Rest::default() }
}

pub(in crate::store) async fn state(store: &impl Store, id: JobId) -> State {
    store.job(&Scope::All, id).await.unwrap().expect("the job is there").summary.state
}

/// The names of a job's events, in order, which must be numbered without gaps.
pub(in crate::store) async fn story(store: &impl Store, id: JobId) -> Vec<String> {
    let events = store.events(id, 0, 1000).await.unwrap();
    assert!(events.iter().zip(1..).all(|(event, seq)| event.seq == seq), "{events:?}");
    let name = |event| serde_json::to_value(event).unwrap()["event"].as_str().unwrap().to_owned();
    events.iter().map(|event| name(&event.what)).collect()
}

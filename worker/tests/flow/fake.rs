//! A scheduler of paper: says what it is told to say and remembers what it heard.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::body::Bytes as Body;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, post, put};
use axum::{Json, Router};
use base64::Engine;
use dayfly_jobs::wire::{
    Completed, Completion, Lease, LeaseRequest, LeaseSample, Leases, LogPosition, Progress, Registered,
    Registration, RenewRequest, Renewal, Renewed,
};
use dayfly_jobs::{Attempt, Digest, JobId, JobSpec, LeaseId, SecretName, Timestamp};
use serde_json::json;
use sha2::Digest as _;
use tokio::sync::Notify;

/// A running one.
#[derive(Clone)]
pub(crate) struct Fake(Arc<Shared>);

struct Shared {
    port: u16,
    words: Mutex<Words>,
    changed: Notify,
    /// Nothing is answered while this is set.
    away: AtomicBool,
    next: AtomicU64,
}

/// What was heard and what is to be said.
#[derive(Default)]
pub(crate) struct Words {
    pub(crate) registrations: Vec<Registration>,
    pub(crate) asked: Vec<LeaseRequest>,
    waiting: Vec<Lease>,
    pub(crate) logs: BTreeMap<LeaseId, Vec<u8>>,
    pub(crate) log_calls: usize,
    pub(crate) events: BTreeMap<LeaseId, Vec<Progress>>,
    pub(crate) ends: BTreeMap<LeaseId, Vec<Completion>>,
    pub(crate) blobs: BTreeMap<Digest, Vec<u8>>,
    pub(crate) blob_reads: usize,
    pub(crate) blob_writes: usize,
    pub(crate) renewals: usize,
    pub(crate) samples: Vec<LeaseSample>,
    pub(crate) watched: bool,
    pub(crate) cancelled: Vec<LeaseId>,
    pub(crate) lost: Vec<LeaseId>,
    pub(crate) drain: bool,
    /// So many of the next calls fail.
    pub(crate) failures: usize,
    /// How long leases last.
    pub(crate) lasts_ms: Option<u64>,
}

impl Fake {
    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let shared = Shared {
            port: listener.local_addr().unwrap().port(),
            words: Mutex::default(),
            changed: Notify::new(),
            away: AtomicBool::new(false),
            next: AtomicU64::new(0),
        };
        let fake = Self(Arc::new(shared));
        let app = Router::new()
            .route("/v1/workers", post(register))
            .route("/v1/leases", post(lease))
            .route("/v1/leases/renew", post(renew))
            .route("/v1/leases/{lease}/events", post(events))
            .route("/v1/leases/{lease}/log", put(log))
            .route("/v1/leases/{lease}/complete", post(complete))
            .route("/v1/blobs/{digest}", any(blob))
            .layer(axum::extract::DefaultBodyLimit::disable())
            .with_state(fake.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        fake
    }

    pub(crate) fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.0.port)
    }

    pub(crate) fn words(&self) -> MutexGuard<'_, Words> {
        self.0.words.lock().unwrap()
    }

    /// Stops or begins answering.
    pub(crate) fn set_away(&self, away: bool) {
        self.0.away.store(away, Ordering::SeqCst);
    }

    pub(crate) fn submit(&self, spec: JobSpec) -> LeaseId {
        self.submit_with(spec, BTreeMap::new())
    }

    /// Makes a job ready to be leased.
    pub(crate) fn submit_with(&self, spec: JobSpec, secrets: BTreeMap<SecretName, String>) -> LeaseId {
        let number = self.0.next.fetch_add(1, Ordering::SeqCst);
        let id = LeaseId { job: JobId::new(Timestamp(1), number.into()), attempt: Attempt(1) };
        let mut words = self.words();
        let lasts_ms = words.lasts_ms.unwrap_or(15_000);
        words.waiting.push(Lease { id, tenant: "class".parse().unwrap(), spec, secrets, lasts_ms });
        drop(words);
        self.0.changed.notify_waiters();
        id
    }

    /// Keeps content as a blob.
    pub(crate) fn upload(&self, content: &[u8]) -> Digest {
        let digest = Digest(sha2::Sha256::digest(content).into());
        self.words().blobs.insert(digest, content.to_vec());
        digest
    }

    /// Waits until something is as it should be.
    pub(crate) async fn until<T>(&self, mut look: impl FnMut(&mut Words) -> Option<T>) -> T {
        loop {
            let changed = self.0.changed.notified();
            if let Some(seen) = look(&mut self.words()) {
                return seen;
            }
            changed.await;
        }
    }

    /// What was reported as the end of an attempt.
    pub(crate) async fn end_of(&self, lease: LeaseId) -> Completion {
        self.until(|words| words.ends.get(&lease).map(|ends| ends[0].clone())).await
    }

    /// The log of an attempt, what came with its end included.
    pub(crate) fn log(&self, lease: LeaseId) -> String {
        let words = self.words();
        let mut log = words.logs.get(&lease).cloned().unwrap_or_default();
        if let Some(Completion::Finished { rest, .. }) = words.ends.get(&lease).map(|ends| &ends[0])
            && let Some(chunk) = &rest.log
        {
            assert_eq!(chunk.offset, log.len() as u64);
            log.extend(base64::engine::general_purpose::STANDARD.decode(&chunk.base64).unwrap());
        }
        String::from_utf8_lossy(&log).into_owned()
    }

    /// Whether to answer; a call that fails is answered with a problem.
    async fn gate(&self) -> Result<(), Response> {
        while self.0.away.load(Ordering::SeqCst) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let mut words = self.words();
        if words.failures > 0 {
            words.failures -= 1;
            return Err(problem(StatusCode::SERVICE_UNAVAILABLE, "not-ready"));
        }
        Ok(())
    }

    fn check(&self, lease: LeaseId) -> Result<(), Response> {
        match self.words().lost.contains(&lease) {
            true => Err(problem(StatusCode::CONFLICT, "stale-attempt")),
            false => Ok(()),
        }
    }
}

fn problem(status: StatusCode, name: &str) -> Response {
    let body = json!({ "type": format!("urn:dayfly:problem:{name}"), "title": name, "detail": "on paper" });
    (status, [("content-type", "application/problem+json")], body.to_string()).into_response()
}

async fn register(State(fake): State<Fake>, headers: HeaderMap, Json(who): Json<Registration>) -> Response {
    if headers["authorization"] != "Bearer join-token" {
        return problem(StatusCode::UNAUTHORIZED, "unauthorized");
    }
    fake.words().registrations.push(who);
    Json(Registered { token: "own-token".to_owned(), lease_ms: 15_000, renew_ms: 50 }).into_response()
}

async fn lease(State(fake): State<Fake>, headers: HeaderMap, Json(wanted): Json<LeaseRequest>) -> Response {
    if headers["authorization"] != "Bearer own-token" {
        return problem(StatusCode::UNAUTHORIZED, "unauthorized");
    }
    if let Err(refused) = fake.gate().await {
        return refused;
    }
    let most = usize::try_from(wanted.max).unwrap();
    let wait = Duration::from_millis(wanted.wait_ms);
    fake.words().asked.push(wanted);
    fake.0.changed.notify_waiters();
    let jobs = fake.until(|words| {
        let count = words.waiting.len().min(most);
        (count > 0 || words.drain).then(|| words.waiting.drain(..count).collect::<Vec<_>>())
    });
    let leases = tokio::time::timeout(wait, jobs).await.unwrap_or_default();
    Json(Leases { leases, drain: fake.words().drain }).into_response()
}

async fn renew(State(fake): State<Fake>, Json(wanted): Json<RenewRequest>) -> Response {
    if let Err(refused) = fake.gate().await {
        return refused;
    }
    let mut words = fake.words();
    words.renewals += 1;
    let lasts_ms = words.lasts_ms.unwrap_or(15_000);
    let one = |lease: &LeaseId| match words.lost.contains(lease) {
        true => Renewal::Lost { latest: Attempt(2) },
        false => Renewal::Kept { lasts_ms, cancel: words.cancelled.contains(lease) },
    };
    let leases = wanted.leases.iter().map(one).collect();
    let (drain, watched) = (words.drain, words.watched);
    words.samples.extend(wanted.samples);
    drop(words);
    fake.0.changed.notify_waiters();
    Json(Renewed { leases, drain, watched }).into_response()
}

async fn events(
    State(fake): State<Fake>,
    Path(lease): Path<LeaseId>,
    Json(list): Json<Vec<Progress>>,
) -> Response {
    if let Err(refused) = fake.gate().await.and_then(|()| fake.check(lease)) {
        return refused;
    }
    fake.words().events.entry(lease).or_default().extend(list);
    fake.0.changed.notify_waiters();
    StatusCode::NO_CONTENT.into_response()
}

async fn log(
    State(fake): State<Fake>,
    Path(lease): Path<LeaseId>,
    Query(query): Query<BTreeMap<String, u64>>,
    body: Body,
) -> Response {
    if let Err(refused) = fake.gate().await.and_then(|()| fake.check(lease)) {
        return refused;
    }
    let mut words = fake.words();
    words.log_calls += 1;
    let log = words.logs.entry(lease).or_default();
    let known = log.len() - usize::try_from(query["offset"]).unwrap();
    log.extend(body.iter().skip(known));
    let next = log.len() as u64;
    drop(words);
    fake.0.changed.notify_waiters();
    Json(LogPosition { next }).into_response()
}

async fn complete(
    State(fake): State<Fake>,
    Path(lease): Path<LeaseId>,
    Json(end): Json<Completion>,
) -> Response {
    if let Err(refused) = fake.gate().await.and_then(|()| fake.check(lease)) {
        return refused;
    }
    let mut words = fake.words();
    let ends = words.ends.entry(lease).or_default();
    ends.push(end);
    let repeated = ends.len() > 1;
    drop(words);
    fake.0.changed.notify_waiters();
    Json(Completed { state: dayfly_jobs::State::Finished, repeated }).into_response()
}

async fn blob(
    State(fake): State<Fake>,
    method: Method,
    Path(digest): Path<Digest>,
    Query(query): Query<BTreeMap<String, LeaseId>>,
    body: Body,
) -> Response {
    if let Err(refused) = fake.gate().await {
        return refused;
    }
    let mut words = fake.words();
    if method == Method::PUT {
        assert!(query.contains_key("lease"), "whose is it?");
        assert_eq!(Digest(sha2::Sha256::digest(&body).into()), digest);
        words.blobs.insert(digest, body.to_vec());
        words.blob_writes += 1;
        return StatusCode::CREATED.into_response();
    }
    words.blob_reads += usize::from(method == Method::GET);
    match words.blobs.get(&digest) {
        Some(content) => content.clone().into_response(),
        None => problem(StatusCode::NOT_FOUND, "not-found"),
    }
}

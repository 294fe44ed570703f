//! The API through a real server on a loopback port, with a real store in a folder of its own.

mod access;
mod batch;
mod blobs;
mod connections;
mod described;
mod lease;
mod life;
mod refusals;
mod reports;
mod server;
mod streams;
mod usage;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use dayfly_jobs::wire::{
    Capacity, Completion, Lease, LeaseRequest, Leases, Permission, Problem, Registered, Registration, Rest,
    Submitted,
};
use dayfly_jobs::{Bytes, Digest, HostReport, JobId, JobResult, LeaseId, LogEnd, Verdict};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::store::SqliteStore;
use crate::{Config, Scheduler};

/// Longer than anything here takes.
const LONG: Duration = Duration::from_secs(20);

/// A scheduler that listens, and its administrator.
struct Server {
    url: String,
    admin: String,
    client: reqwest::Client,
    stop: CancellationToken,
    task: JoinHandle<()>,
    folder: Arc<tempfile::TempDir>,
    configure: fn(&mut Config),
}

impl Server {
    async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    async fn start_with(configure: fn(&mut Config)) -> Self {
        Self::in_folder(Arc::new(tempfile::tempdir().unwrap()), configure).await
    }

    async fn in_folder(folder: Arc<tempfile::TempDir>, configure: fn(&mut Config)) -> Self {
        // Whichever test is first in this process sets it.
        rustls::crypto::ring::default_provider().install_default().ok();
        let mut config = Config::new(PathBuf::from(folder.path()).join("data"));
        configure(&mut config);
        let scheduler = Scheduler::open(config).await.unwrap();
        let admin = scheduler.renew_token("test", &[Permission::Admin]).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let stop = CancellationToken::new();
        let serving = scheduler.serve(listener, stop.clone());
        let task = tokio::spawn(async move { serving.await.unwrap() });
        let client = reqwest::Client::builder().timeout(LONG).build().unwrap();
        Self { url, admin, client, stop, task, folder, configure }
    }

    /// Stops, and starts again on the same folder.
    async fn restart(self) -> Self {
        self.stop.cancel();
        self.task.await.unwrap();
        Self::in_folder(self.folder, self.configure).await
    }

    /// A call with the administrator's token.
    fn call(&self, method: Method, path: &str) -> RequestBuilder {
        self.call_as(&self.admin, method, path)
    }

    fn call_as(&self, token: &str, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.url)).bearer_auth(token)
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> T {
        json_of(self.call(Method::GET, path), StatusCode::OK).await
    }

    /// A token for a tenant that permits this.
    async fn token(&self, name: &str, tenant: &str, permits: &[&str]) -> String {
        let request = json!({"name": name, "tenant": tenant, "permits": permits});
        let made: Value =
            json_of(self.call(Method::POST, "/v1/tokens").json(&request), StatusCode::CREATED).await;
        made["token"].as_str().unwrap().to_owned()
    }

    async fn submit(&self, job: &Value) -> JobId {
        let call = self.call(Method::POST, "/v1/jobs").json(job);
        let submitted: Submitted = json_of(call, StatusCode::CREATED).await;
        submitted.id
    }

    async fn worker(&self, name: &str) -> Worker<'_> {
        let call = self.call(Method::POST, "/v1/workers").json(&registration(name));
        let registered: Registered = json_of(call, StatusCode::CREATED).await;
        Worker { server: self, token: registered.token }
    }
}

/// A worker, as its calls look from here.
struct Worker<'a> {
    server: &'a Server,
    token: String,
}

impl Worker<'_> {
    fn call(&self, method: Method, path: &str) -> RequestBuilder {
        self.server.call_as(&self.token, method, path)
    }

    fn poll(&self, wait_ms: u64) -> RequestBuilder {
        self.call(Method::POST, "/v1/leases").json(&LeaseRequest { free: room(), max: 4, wait_ms })
    }

    async fn lease(&self) -> Lease {
        let leases: Leases = json_of(self.poll(15_000), StatusCode::OK).await;
        leases.leases.into_iter().next().expect("a lease")
    }

    fn complete(&self, lease: LeaseId, completion: &Completion) -> RequestBuilder {
        self.call(Method::POST, &format!("/v1/leases/{lease}/complete")).json(completion)
    }

    fn log(&self, lease: LeaseId, offset: u64, bytes: impl Into<reqwest::Body>) -> RequestBuilder {
        self.call(Method::PUT, &format!("/v1/leases/{lease}/log?offset={offset}")).body(bytes)
    }
}

fn room() -> Capacity {
    Capacity { slots: 4, cpus_milli: 4000, memory: Bytes::gib(16) }
}

fn registration(name: &str) -> Registration {
    Registration {
        name: name.parse().unwrap(),
        labels: ["linux".parse().unwrap()].into(),
        queues: [].into(),
        policies: ["ci".to_owned(), "strict".to_owned()].into(),
        capacity: room(),
        report: HostReport { kernel: "6.1.0".to_owned(), checks: Vec::new() },
        version: "0.1.0".to_owned(),
    }
}

/// A job of one step.
fn job(name: &str) -> Value {
    json!({"version": 1, "name": name, "steps": [{"name": "only", "run": "true"}]})
}

/// The result of a job that passed with this log.
fn passed(log: &[u8]) -> Completion {
    let end = LogEnd { bytes: u64::try_from(log.len()).unwrap(), digest: digest(log) };
    let result = JobResult {
        verdict: Verdict::Passed,
        steps: Vec::new(),
        outputs: Vec::new(),
        artifacts: Vec::new(),
        log: end,
    };
    Completion::Finished { result: Box::new(result), rest: Rest::default() }
}

fn digest(bytes: &[u8]) -> Digest {
    let mut digest = Digest([0; 32]);
    digest.0.copy_from_slice(ring::digest::digest(&ring::digest::SHA256, bytes).as_ref());
    digest
}

async fn json_of<T: DeserializeOwned>(call: RequestBuilder, expected: StatusCode) -> T {
    let answer = call.send().await.unwrap();
    let (status, text) = (answer.status(), answer.text().await.unwrap());
    assert_eq!(status, expected, "{text}");
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// The problem an answer is; it must be a whole one.
async fn problem_of(answer: Response) -> Problem {
    let (status, headers) = (answer.status(), answer.headers().clone());
    assert_eq!(headers["content-type"], "application/problem+json", "{status}");
    let problem: Problem = answer.json().await.unwrap();
    assert_eq!(problem.status, status.as_u16());
    assert!(
        problem.kind.starts_with(Problem::URN) && !problem.title.is_empty() && !problem.detail.is_empty()
    );
    assert_eq!(headers.contains_key("retry-after"), matches!(problem.status, 429 | 503 | 507));
    problem
}

async fn refused(call: RequestBuilder, expected: u16, name: &str) -> Problem {
    let problem = problem_of(call.send().await.unwrap()).await;
    assert_eq!((problem.status, problem.name()), (expected, name), "{}", problem.detail);
    problem
}

/// The store that a stopped server left.
async fn store_in(folder: &tempfile::TempDir) -> SqliteStore {
    SqliteStore::open(&folder.path().join("data")).await.unwrap()
}

//! Calls to a scheduler. An answer that was lost is a value, not a failed test: clients have to live with it.

use std::future::Future;
use std::sync::OnceLock;
use std::time::Duration;

use reqwest::Method;
use serde_json::Value;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

/// How long an answer may take; polls take up to 30 s.
const PATIENCE: Duration = Duration::from_secs(60);

fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        // Another crate of this process may have chosen one before; either will do.
        rustls::crypto::ring::default_provider().install_default().ok();
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
    })
}

/// Waits for something here.
pub fn block_on<F: Future>(work: F) -> F::Output {
    runtime().block_on(work)
}

/// Lets something happen beside the test.
pub fn spawn<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
    runtime().spawn(work)
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The body, if it is JSON.
    pub json: Value,
    /// The body.
    pub bytes: Vec<u8>,
    /// `Retry-After`, in seconds.
    pub retry_after: Option<u64>,
}

impl Answer {
    /// Whether it was done.
    pub fn is_good(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The JSON of an answer that must be good.
    #[track_caller]
    pub fn good(self) -> Value {
        assert!(self.is_good(), "{} {}", self.status, String::from_utf8_lossy(&self.bytes));
        self.json
    }

    /// The kind of the problem.
    pub fn problem(&self) -> &str {
        self.json["type"].as_str().and_then(|kind| kind.rsplit(':').next()).unwrap_or_default()
    }
}

/// One call, without effect until it is sent.
#[derive(Debug, Clone)]
pub struct Call {
    method: Method,
    path: String,
    body: Option<(&'static str, Vec<u8>)>,
    key: Option<String>,
}

impl Call {
    /// Reads.
    pub fn get(path: impl Into<String>) -> Self {
        Self { method: Method::GET, path: path.into(), body: None, key: None }
    }

    /// Does.
    pub fn post(path: impl Into<String>, body: &Value) -> Self {
        let body = Some(("application/json", body.to_string().into_bytes()));
        Self { method: Method::POST, path: path.into(), body, key: None }
    }

    /// Submits jobs, one on each line.
    pub fn batch(jobs: &[Value]) -> Self {
        let lines: Vec<String> = jobs.iter().map(Value::to_string).collect();
        let body = Some(("application/x-ndjson", lines.join("\n").into_bytes()));
        Self { method: Method::POST, path: "/v1/jobs/batch".to_owned(), body, key: None }
    }

    /// Sends bytes to an address.
    pub fn put(path: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        let body = Some(("application/octet-stream", bytes.into()));
        Self { method: Method::PUT, path: path.into(), body, key: None }
    }

    /// The bytes are JSON.
    #[must_use]
    pub fn json(mut self) -> Self {
        self.body = self.body.map(|(_, bytes)| ("application/json", bytes));
        self
    }

    /// With an `Idempotency-Key`.
    #[must_use]
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }
}

/// A client with a token. Clones share connections.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    url: String,
    token: String,
}

impl Client {
    /// For this scheduler, with this token.
    pub fn new(url: &str, token: &str) -> Self {
        runtime();
        let http = reqwest::Client::builder().no_proxy().tcp_nodelay(true).timeout(PATIENCE).build().unwrap();
        Self { http, url: url.to_owned(), token: token.to_owned() }
    }

    /// The same with another token.
    #[must_use]
    pub fn with_token(&self, token: &str) -> Self {
        Self { token: token.to_owned(), ..self.clone() }
    }

    /// Its token.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Sends a call.
    ///
    /// # Errors
    /// The answer was lost; what was asked for may have been done.
    pub async fn send(&self, call: Call) -> Result<Answer, String> {
        let mut request =
            self.http.request(call.method, format!("{}{}", self.url, call.path)).bearer_auth(&self.token);
        if let Some((kind, bytes)) = call.body {
            request = request.header("Content-Type", kind).body(bytes);
        }
        if let Some(key) = call.key {
            request = request.header("Idempotency-Key", key);
        }
        let response = request.send().await.map_err(|error| format!("{error:?}"))?;
        let status = response.status().as_u16();
        let retry_after =
            response.headers().get("retry-after").and_then(|value| value.to_str().ok()?.parse().ok());
        let bytes = response.bytes().await.map_err(|error| format!("{error:?}"))?.to_vec();
        Ok(Answer { status, json: serde_json::from_slice(&bytes).unwrap_or_default(), bytes, retry_after })
    }

    /// Sends a call and waits.
    ///
    /// # Errors
    /// The answer was lost.
    pub fn try_call(&self, call: Call) -> Result<Answer, String> {
        block_on(self.send(call))
    }

    /// Sends a call whose answer must arrive.
    #[track_caller]
    pub fn call(&self, call: Call) -> Answer {
        self.try_call(call).unwrap_or_else(|lost| panic!("no answer: {lost}"))
    }

    /// Reads something that must be there.
    #[track_caller]
    pub fn get(&self, path: impl Into<String>) -> Value {
        self.call(Call::get(path)).good()
    }

    /// Submits a job and gives its id.
    #[track_caller]
    pub fn submit(&self, job: &Value) -> String {
        let submitted = self.call(Call::post("/v1/jobs", job)).good();
        submitted["id"].as_str().unwrap().to_owned()
    }

    /// Everything of a listing, page by page.
    #[track_caller]
    pub fn list(&self, path: &str) -> Vec<Value> {
        let mut items = Vec::new();
        let mut cursor = String::new();
        loop {
            let mark = if path.contains('?') { '&' } else { '?' };
            let from = if cursor.is_empty() { String::new() } else { format!("&cursor={cursor}") };
            let mut page = self.get(format!("{path}{mark}limit=200{from}"));
            items.append(page["items"].as_array_mut().unwrap());
            match page["next"].as_str() {
                Some(next) => next.clone_into(&mut cursor),
                None => return items,
            }
        }
    }
}

//! The calls a worker makes to its scheduler. Knows addresses, tokens and what each kind of answer means for a
//! worker; decides nothing about jobs and never tries twice by itself.

use std::io::Seek;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use dayfly_jobs::wire::{
    Completed, Completion, LeaseRequest, Leases, LogPosition, Progress, Registered, Registration,
    RenewRequest, Renewed,
};
use dayfly_jobs::{Digest, LeaseId};
use reqwest::header::RETRY_AFTER;
use reqwest::{Method, RequestBuilder, Response, StatusCode, Url};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::WorkerError;

/// How long an answer may take that needs no waiting at the other end.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a blob may make no progress.
const BLOB_PATIENCE: Duration = Duration::from_secs(30);

/// A call did not do what it was for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// The scheduler cannot be reached, or cannot do it now: worth another try.
    #[error("the scheduler cannot be reached or is busy: {why}")]
    Away {
        /// What happened.
        why: String,
        /// When it said to try again.
        after: Option<Duration>,
    },
    /// It does not know our token.
    #[error("the scheduler does not know this worker's token: {detail}")]
    Unauthorized {
        /// Its words.
        detail: String,
    },
    /// The lease is not ours any more.
    #[error("the lease is lost: {detail}")]
    Lost {
        /// Its words.
        detail: String,
    },
    /// There is no such thing.
    #[error("the scheduler does not have it: {detail}")]
    Missing {
        /// Its words.
        detail: String,
    },
    /// What is to be sent cannot be read.
    #[error("what is to be sent cannot be read: {why}")]
    Unreadable {
        /// What the system said.
        why: String,
    },
    /// It will not do that, now or later.
    #[error("the scheduler refused ({status}): {detail}")]
    Refused {
        /// The status of the answer.
        status: u16,
        /// Its words.
        detail: String,
    },
}

/// A connection to one scheduler. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    base: Url,
    token: Arc<RwLock<String>>,
}

/// The part of a problem that a worker looks at.
#[derive(Debug, Default, Deserialize)]
struct Problem {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    detail: String,
}

impl Client {
    /// For the scheduler at this address.
    pub(crate) fn new(server: &str) -> Result<Self, WorkerError> {
        let bad = |reason: String| WorkerError::BadServer { server: server.to_owned(), reason };
        let base = Url::parse(server).map_err(|error| bad(error.to_string()))?;
        if !matches!(base.scheme(), "http" | "https") || base.cannot_be_a_base() {
            return Err(bad("it is neither http nor https".to_owned()));
        }
        // Somebody in this process may have installed one before; either will do.
        rustls::crypto::ring::default_provider().install_default().ok();
        let http = reqwest::Client::builder()
            .connect_timeout(PATIENCE)
            .tcp_nodelay(true)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .user_agent(concat!("dayfly-worker/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| bad(error.to_string()))?;
        Ok(Self { http, base, token: Arc::default() })
    }

    /// Introduces the worker; what follows is sent with the token it gets.
    pub(crate) async fn register(&self, join: &str, who: &Registration) -> Result<Registered, CallError> {
        let request = self.call(Method::POST, "v1/workers").bearer_auth(join).json(who);
        let registered: Registered = json(send(request.timeout(PATIENCE)).await?).await?;
        registered.token.clone_into(&mut self.token.write().unwrap_or_else(PoisonError::into_inner));
        Ok(registered)
    }

    pub(crate) async fn lease(&self, wanted: &LeaseRequest) -> Result<Leases, CallError> {
        let timeout = PATIENCE + Duration::from_millis(wanted.wait_ms);
        json(send(self.own(Method::POST, "v1/leases").json(wanted).timeout(timeout)).await?).await
    }

    pub(crate) async fn renew(&self, held: &RenewRequest, patience: Duration) -> Result<Renewed, CallError> {
        let request = self.own(Method::POST, "v1/leases/renew").json(held);
        json(send(request.timeout(patience)).await?).await
    }

    pub(crate) async fn progress(&self, lease: LeaseId, events: &[Progress]) -> Result<(), CallError> {
        let request = self.own(Method::POST, &format!("v1/leases/{lease}/events")).json(events);
        send(request.timeout(PATIENCE)).await.map(drop)
    }

    pub(crate) async fn log(
        &self,
        lease: LeaseId,
        offset: u64,
        bytes: Vec<u8>,
    ) -> Result<LogPosition, CallError> {
        let mut url = self.url(&format!("v1/leases/{lease}/log"));
        url.set_query(Some(&format!("offset={offset}")));
        let request = self.http.put(url).bearer_auth(self.token());
        json(send(request.body(bytes).timeout(PATIENCE)).await?).await
    }

    pub(crate) async fn complete(&self, lease: LeaseId, end: &Completion) -> Result<Completed, CallError> {
        let request = self.own(Method::POST, &format!("v1/leases/{lease}/complete")).json(end);
        json(send(request.timeout(PATIENCE)).await?).await
    }

    /// The content of a blob, to be read piece by piece with [`next_piece`].
    pub(crate) async fn blob(&self, digest: Digest) -> Result<Response, CallError> {
        let sent = send(self.own(Method::GET, &format!("v1/blobs/{digest}")));
        tokio::time::timeout(BLOB_PATIENCE, sent).await.map_err(|_| slow())?
    }

    /// Uploads a file of this size for a job. It is sent even if the scheduler has it: the job's owner may not.
    pub(crate) async fn put_blob(
        &self,
        lease: LeaseId,
        digest: Digest,
        file: &std::fs::File,
        size: u64,
    ) -> Result<(), CallError> {
        let unreadable = |error: std::io::Error| CallError::Unreadable { why: error.to_string() };
        let mut file = file.try_clone().map_err(unreadable)?;
        file.rewind().map_err(unreadable)?;
        let mut url = self.url(&format!("v1/blobs/{digest}"));
        url.set_query(Some(&format!("lease={lease}")));
        let stream = tokio_util::io::ReaderStream::with_capacity(tokio::fs::File::from_std(file), 64 << 10);
        let request = self
            .http
            .put(url)
            .bearer_auth(self.token())
            .header(reqwest::header::CONTENT_LENGTH, size)
            .body(reqwest::Body::wrap_stream(stream));
        // A mebibyte in a second is slow; a blob that makes less is not going to arrive.
        let patience = BLOB_PATIENCE + Duration::from_secs(size >> 20);
        send(request.timeout(patience)).await.map(drop)
    }

    fn own(&self, method: Method, path: &str) -> RequestBuilder {
        self.call(method, path).bearer_auth(self.token())
    }

    fn token(&self) -> String {
        self.token.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn call(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, self.url(path))
    }

    fn url(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        url.set_path(&format!("{}/{path}", url.path().trim_end_matches('/')));
        url
    }
}

/// The next piece of a body; `None` at its end.
pub(crate) async fn next_piece(
    response: &mut Response,
) -> Result<Option<impl AsRef<[u8]> + use<>>, CallError> {
    let piece = tokio::time::timeout(BLOB_PATIENCE, response.chunk()).await.map_err(|_| slow())?;
    piece.map_err(|error| away(&error))
}

fn slow() -> CallError {
    CallError::Away { why: "a blob makes no progress".to_owned(), after: None }
}

/// An error of a library tells its cause only when asked.
fn away(error: &reqwest::Error) -> CallError {
    let mut why = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        why = format!("{why}: {cause}");
        source = cause.source();
    }
    CallError::Away { why, after: None }
}

async fn send(request: RequestBuilder) -> Result<Response, CallError> {
    let response = request.send().await.map_err(|error| away(&error))?;
    if response.status().is_success() {
        return Ok(response);
    }
    let status = response.status();
    let after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    // What is no problem JSON has no kind, and the status alone decides.
    let problem = response.json::<Problem>().await.unwrap_or_default();
    Err(refusal(status, after.map(Duration::from_secs), problem))
}

async fn json<T: DeserializeOwned>(response: Response) -> Result<T, CallError> {
    response.json().await.map_err(|error| away(&error))
}

/// What an answer that is no success means for a worker.
fn refusal(status: StatusCode, after: Option<Duration>, problem: Problem) -> CallError {
    let kind = problem.kind.rsplit([':', '/']).next().unwrap_or_default();
    let detail = if problem.detail.is_empty() { status.to_string() } else { problem.detail };
    match (status, kind) {
        (StatusCode::CONFLICT, "stale-attempt" | "ended") => CallError::Lost { detail },
        (StatusCode::UNAUTHORIZED, _) => CallError::Unauthorized { detail },
        (StatusCode::NOT_FOUND, _) => CallError::Missing { detail },
        (StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS, _) => {
            CallError::Away { why: detail, after }
        }
        (status, _) if status.is_server_error() => CallError::Away { why: detail, after },
        (status, _) => CallError::Refused { status: status.as_u16(), detail },
    }
}

#[cfg(test)]
mod tests;

//! One call: sends, reads the answer, tries again where that cannot do harm.

use std::time::Duration;

use dayfly_jobs::wire::Problem;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{Body, Method, RequestBuilder, Response, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::paths;
use super::target::{Target, is_local};
use crate::error::CliError;

/// How long a scheduler may take to be there, and to answer.
const CONNECT: Duration = Duration::from_secs(10);
const ANSWER: Duration = Duration::from_secs(60);
/// How often a call is made in all, and the longest pause before the next time.
const TIMES: u32 = 6;
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// Answers larger than this are a mistake.
const MAX_ANSWER: usize = 64 << 20;

/// Whether a call whose answer was lost may be made again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// It means the same the second time.
    Safe,
    /// It might be done twice.
    Never,
}

/// A scheduler, and our right to call it.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    target: Target,
}

/// How one try went wrong.
enum Lost {
    /// Nobody is there.
    Unreachable(CliError),
    /// It may have been heard.
    Unanswered(CliError),
    /// It was refused, and may be granted later.
    Later(CliError, Duration),
    /// It was refused.
    Refused(CliError),
}

impl Client {
    /// Makes ready to call.
    pub(crate) fn new(target: Target) -> Result<Self, CliError> {
        // Fails when there is one already, which is as good.
        rustls::crypto::ring::default_provider().install_default().ok();
        let builder = reqwest::Client::builder()
            .connect_timeout(CONNECT)
            .read_timeout(ANSWER)
            .tcp_nodelay(true)
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("dayfly/", env!("CARGO_PKG_VERSION")));
        let builder = if is_local(&target.server) { builder.no_proxy() } else { builder };
        let http = builder.build().map_err(|error| unreachable(&target, &error))?;
        Ok(Self { http, target })
    }

    /// The same scheduler for the bearer of another token.
    pub(crate) fn with_token(&self, token: &str) -> Self {
        Self { http: self.http.clone(), target: self.target.with_token(token) }
    }

    /// `GET` of a path, as JSON.
    pub(crate) async fn get<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, String)],
    ) -> Result<T, CliError> {
        let request = self.request(Method::GET, path, query);
        self.json(self.send(request, Repeat::Safe).await?).await
    }

    /// Any method, with or without a JSON body, for an answer in JSON.
    pub(crate) async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &[&str],
        body: Option<&impl Serialize>,
        repeat: Repeat,
    ) -> Result<T, CliError> {
        let request = self.request(method, path, &[]);
        let request = match body {
            Some(body) => request.json(body),
            None => request,
        };
        self.json(self.send(request, repeat).await?).await
    }

    /// Like [`Client::call`], for an answer without a body.
    pub(crate) async fn tell(
        &self,
        method: Method,
        path: &[&str],
        body: Option<&impl Serialize>,
        repeat: Repeat,
    ) -> Result<(), CliError> {
        let request = self.request(method, path, &[]);
        let request = match body {
            Some(body) => request.json(body),
            None => request,
        };
        self.send(request, repeat).await.map(drop)
    }

    /// A request to be sent with [`Client::send`].
    pub(crate) fn request(&self, method: Method, path: &[&str], query: &[(&str, String)]) -> RequestBuilder {
        let url = paths::join(&self.target.server, path, query);
        self.http.request(method, url).bearer_auth(self.target.token.secret())
    }

    /// Sends, again where that is safe, until there is an answer that is a success.
    pub(crate) async fn send(&self, request: RequestBuilder, repeat: Repeat) -> Result<Response, CliError> {
        let mut heard = false;
        for time in 1.. {
            let again = request.try_clone();
            let lost = match self.once(again).await {
                Ok(response) => return Ok(response),
                Err(lost) => lost,
            };
            let last = time >= TIMES || repeat == Repeat::Never;
            let pause = match lost {
                Lost::Refused(error) => return Err(error),
                Lost::Unreachable(error) if !heard => return Err(error),
                Lost::Unreachable(error) | Lost::Unanswered(error) | Lost::Later(error, _) if last => {
                    return Err(error);
                }
                Lost::Later(_, pause) => pause,
                Lost::Unreachable(_) | Lost::Unanswered(_) => Duration::from_millis(100 << time),
            };
            heard = true;
            tokio::time::sleep(pause.min(LONGEST_PAUSE)).await;
        }
        Err(CliError::server("the call was never made", None))
    }

    async fn once(&self, request: Option<RequestBuilder>) -> Result<Response, Lost> {
        let request = request
            .ok_or_else(|| Lost::Refused(CliError::server("this call can be made only once", None)))?;
        let response = request.send().await.map_err(|error| {
            let shown = unreachable(&self.target, &error);
            if error.is_connect() { Lost::Unreachable(shown) } else { Lost::Unanswered(shown) }
        })?;
        match response.status() {
            status if status.is_success() => Ok(response),
            _ => Err(self.refusal(response).await),
        }
    }

    async fn refusal(&self, response: Response) -> Lost {
        let status = response.status();
        let pause = pause_of(response.headers());
        let body = body(response).await.unwrap_or_default();
        let error = match serde_json::from_slice::<Problem>(&body) {
            Ok(problem) => CliError::refused(problem),
            Err(_) => CliError::server(
                format!("{} answered {status}", self.target.server),
                Some("see whether this is the address of a Dayfly scheduler".to_owned()),
            ),
        };
        match status {
            StatusCode::TOO_MANY_REQUESTS
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT => Lost::Later(error, pause.unwrap_or(Duration::from_secs(1))),
            _ => Lost::Refused(error),
        }
    }

    /// The body of an answer, as JSON.
    pub(crate) async fn json<T: DeserializeOwned>(&self, response: Response) -> Result<T, CliError> {
        let body = body(response).await.map_err(|error| unreachable(&self.target, &error))?;
        serde_json::from_slice(&body).map_err(|error| {
            CliError::server(
                format!("{} gave an answer that cannot be read: {error}", self.target.server),
                Some("use the same version of dayfly here and there".to_owned()),
            )
        })
    }

    /// The next piece of a body that is read as it comes.
    pub(crate) async fn piece(
        &self,
        response: &mut Response,
    ) -> Result<Option<impl AsRef<[u8]> + use<>>, CliError> {
        response.chunk().await.map_err(|error| unreachable(&self.target, &error))
    }

    /// A body that is sent as it is read cannot be sent twice.
    pub(crate) async fn stream(&self, request: RequestBuilder, body: Body) -> Result<Response, CliError> {
        match self.once(Some(request.body(body))).await {
            Ok(response) => Ok(response),
            Err(
                Lost::Unreachable(error)
                | Lost::Unanswered(error)
                | Lost::Later(error, _)
                | Lost::Refused(error),
            ) => Err(error),
        }
    }
}

async fn body(mut response: Response) -> Result<Vec<u8>, reqwest::Error> {
    let mut body = Vec::new();
    while let Some(piece) = response.chunk().await? {
        body.extend_from_slice(&piece);
        if body.len() > MAX_ANSWER {
            break;
        }
    }
    Ok(body)
}

fn pause_of(headers: &HeaderMap) -> Option<Duration> {
    headers.get(RETRY_AFTER)?.to_str().ok()?.parse().ok().map(Duration::from_secs)
}

/// What a library says of a call that did not come to an answer, with the causes it keeps to itself.
fn unreachable(target: &Target, error: &reqwest::Error) -> CliError {
    let causes = std::iter::successors(std::error::Error::source(error), |cause| cause.source());
    let cause = causes.last().map_or_else(|| error.to_string(), ToString::to_string);
    let server = &target.server;
    match error.is_connect() {
        true => CliError::server(
            format!("no scheduler answers at {server}: {cause}"),
            Some("start it with 'dayfly up', or name another: --server URL".to_owned()),
        ),
        false => CliError::server(format!("the call to {server} was cut off: {cause}"), None),
    }
}

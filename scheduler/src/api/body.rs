//! Reading and writing bodies: bounded in bytes and in time, of a type that was said.

use std::time::{Duration, Instant};

use axum::body::{Body, Bytes, HttpBody as _};
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::BytesMut;
use http_body_util::BodyExt as _;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{App, places};
use crate::problem::{Kind, Problem};

/// Bytes of a body that buy its sender another pause.
const STEP: usize = 16 << 10;
/// Bytes of a body that is kept in memory that buy its sender another second in all.
const SECOND: u64 = 64 << 10;

/// A JSON body of a small call.
pub(super) struct Json<T>(pub(super) T);

/// A JSON body of a worker, which may bring results and a piece of log.
pub(super) struct LargeJson<T>(pub(super) T);

const MOST: usize = 64 << 10;
const MOST_LARGE: usize = 16 << 20;

impl<T: DeserializeOwned> FromRequest<App> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        read_json(app, request, MOST).await.map(Self)
    }
}

impl<T: DeserializeOwned> FromRequest<App> for LargeJson<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        read_json(app, request, MOST_LARGE).await.map(Self)
    }
}

/// A JSON body of at most so many bytes.
pub(super) async fn read_json<T: DeserializeOwned>(
    app: &App,
    request: Request,
    most: usize,
) -> Result<T, Problem> {
    let kind = media_type(request.headers());
    if kind != "application/json" {
        return Err(wrong_type(&kind, "application/json"));
    }
    let bytes = whole(app, request, most).await?;
    serde_json::from_slice(&bytes).map_err(|error| Problem::bad(format!("the body cannot be read: {error}")))
}

/// `application/json` of `Application/JSON; charset=utf-8`.
pub(super) fn media_type(headers: &HeaderMap) -> String {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

pub(super) fn wrong_type(given: &str, wanted: &str) -> Problem {
    let given =
        if given.is_empty() { "no Content-Type was sent".to_owned() } else { format!("it is '{given}'") };
    Problem::new(Kind::UnsupportedType, given).fix(format!("send Content-Type: {wanted}"))
}

/// The whole body.
pub(super) async fn whole(app: &App, request: Request, most: usize) -> Result<Bytes, Problem> {
    let mut kept = places::memory(app, &request);
    let (head, body) = request.into_parts();
    // One that was said to be too large need not come at all.
    if usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX) > most {
        return Err(too_large(most));
    }
    let (mut incoming, mut all) = (Incoming::kept(app, body), BytesMut::new());
    while let Some(bytes) = incoming.piece().await? {
        if all.len() + bytes.len() > most {
            return Err(too_large(most));
        }
        kept.grow(bytes.len()).map_err(|full| places::no_memory(app, full))?;
        all.extend_from_slice(&bytes);
    }
    places::keep(&head, kept);
    Ok(all.freeze())
}

pub(super) fn too_large(most: impl std::fmt::Display) -> Problem {
    Problem::new(Kind::TooLarge, format!("this body may have {most} bytes"))
}

/// A body as it comes in. Its sender may be slow, but not stand still: each few KiB must come within a pause.
pub(super) struct Incoming {
    body: Body,
    pace: Pace,
}

impl Incoming {
    /// One that is passed on as it comes, and so may take as long as it keeps its pace.
    pub(super) fn passed(app: &App, body: Body) -> Self {
        Self { body, pace: Pace::new(app.config.http.pause) }
    }

    /// One of which all is kept in memory until the last of it is there.
    fn kept(app: &App, body: Body) -> Self {
        Self { body, pace: Pace::with_end(app.config.http.pause) }
    }

    /// The next piece.
    pub(super) async fn piece(&mut self) -> Result<Option<Bytes>, Problem> {
        loop {
            let begin = Instant::now();
            let frame = tokio::time::timeout(self.pace.patience(), self.body.frame()).await;
            match frame.map_err(|_| self.pace.problem())? {
                None => return Ok(None),
                Some(Err(_)) => return Err(Problem::bad("the connection broke in the middle of the body")),
                // Trailers say nothing here.
                Some(Ok(frame)) => {
                    let data = frame.into_data().unwrap_or_default();
                    self.pace.came(data.len(), begin.elapsed());
                    if !data.is_empty() {
                        return Ok(Some(data));
                    }
                }
            }
        }
    }
}

/// How long a sender may still be waited for. Pure.
struct Pace {
    pause: Duration,
    left: Duration,
    bytes: usize,
    /// For all that is still to come, where there is an end to it.
    in_all: Option<Duration>,
}

impl Pace {
    fn new(pause: Duration) -> Self {
        Self { pause, left: pause, bytes: 0, in_all: None }
    }

    /// Also bounded in all: two pauses, and more with what came, so that large bodies on slow lines still arrive.
    fn with_end(pause: Duration) -> Self {
        Self { in_all: Some(pause * 2), ..Self::new(pause) }
    }

    /// The longest wait for the next piece.
    fn patience(&self) -> Duration {
        self.in_all.map_or(self.left, |in_all| in_all.min(self.left))
    }

    /// So many bytes came after so long.
    fn came(&mut self, bytes: usize, waited: Duration) {
        self.left = self.left.saturating_sub(waited);
        self.in_all = self.in_all.map(|in_all| in_all.saturating_sub(waited).saturating_add(bought(bytes)));
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes >= STEP {
            (self.left, self.bytes) = (self.pause, 0);
        }
    }

    fn problem(&self) -> Problem {
        let detail = if self.patience() < self.left {
            format!(
                "the body took longer than {} ms and a second for each {SECOND} bytes",
                self.pause.as_millis() * 2
            )
        } else {
            format!("less than {STEP} bytes of the body came in {} ms", self.pause.as_millis())
        };
        Problem::new(Kind::Timeout, detail)
    }
}

fn bought(bytes: usize) -> Duration {
    let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
    Duration::from_micros(bytes.saturating_mul(1_000_000) / SECOND)
}

/// An answer in JSON.
pub(super) struct Answer<T>(pub(super) StatusCode, pub(super) T);

/// What handlers return.
pub(super) type Answered<T> = Result<Answer<T>, Problem>;

pub(super) fn ok<T>(value: T) -> Answered<T> {
    Ok(Answer(StatusCode::OK, value))
}

pub(super) fn created<T>(value: T) -> Answered<T> {
    Ok(Answer(StatusCode::CREATED, value))
}

impl<T: Serialize> IntoResponse for Answer<T> {
    fn into_response(self) -> Response {
        let json = HeaderValue::from_static("application/json");
        match serde_json::to_vec(&self.1) {
            Ok(body) => (self.0, [(header::CONTENT_TYPE, json)], body).into_response(),
            Err(error) => Problem::internal(error).into_response(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_moves_is_waited_for_and_whoever_drips_is_not() {
        let second = Duration::from_secs(1);
        let mut pace = Pace::new(10 * second);
        for _ in 0..100 {
            pace.came(STEP / 8, second);
        }
        assert!(pace.left > second, "16 KiB in 8 s is a pace that can go on for ever");
        for _ in 0..100 {
            pace.came(1, second);
        }
        assert_eq!(pace.left, Duration::ZERO, "a byte a second is not");
        let mut pace = Pace::new(10 * second);
        pace.came(1 << 30, second);
        assert_eq!(pace.left, 10 * second, "what came fast before is no credit for later");
    }

    #[test]
    fn a_body_that_is_kept_has_an_end_that_grows_with_what_came() {
        let second = Duration::from_secs(1);
        let drip = |mut pace: Pace| {
            let mut pieces = 0;
            while pieces < 1000 && pace.patience() >= 20 * second {
                pace.came(STEP, 20 * second);
                pieces += 1;
            }
            pieces
        };
        assert_eq!(drip(Pace::new(30 * second)), 1000, "what is passed on may take for ever");
        assert_eq!(drip(Pace::with_end(30 * second)), 3, "60 s and little more for 48 KiB");
        let mut pace = Pace::with_end(30 * second);
        for _ in 0..512 {
            pace.came(64 << 10, second);
        }
        assert_eq!(pace.in_all, Some(60 * second), "32 MiB at 64 KiB a second arrive");
    }
}

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

use super::App;
use crate::problem::{Kind, Problem};

/// Bytes of a body that buy its sender another pause.
const STEP: usize = 16 << 10;

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

async fn read_json<T: DeserializeOwned>(app: &App, request: Request, most: usize) -> Result<T, Problem> {
    let kind = media_type(request.headers());
    if kind != "application/json" {
        return Err(wrong_type(&kind, "application/json"));
    }
    let bytes = whole(app, request.into_body(), most).await?;
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
pub(super) async fn whole(app: &App, body: Body, most: usize) -> Result<Bytes, Problem> {
    // One that was said to be too large need not come at all.
    if usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX) > most {
        return Err(too_large(most));
    }
    let (mut incoming, mut all) = (Incoming::new(app, body), BytesMut::new());
    while let Some(bytes) = incoming.piece().await? {
        if all.len() + bytes.len() > most {
            return Err(too_large(most));
        }
        all.extend_from_slice(&bytes);
    }
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
    pub(super) fn new(app: &App, body: Body) -> Self {
        Self { body, pace: Pace::new(app.config.http.pause) }
    }

    /// The next piece.
    pub(super) async fn piece(&mut self) -> Result<Option<Bytes>, Problem> {
        loop {
            let begin = Instant::now();
            let frame = tokio::time::timeout(self.pace.left, self.body.frame()).await;
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
}

impl Pace {
    fn new(pause: Duration) -> Self {
        Self { pause, left: pause, bytes: 0 }
    }

    /// So many bytes came after so long.
    fn came(&mut self, bytes: usize, waited: Duration) {
        self.left = self.left.saturating_sub(waited);
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes >= STEP {
            *self = Self::new(self.pause);
        }
    }

    fn problem(&self) -> Problem {
        let detail = format!("less than {STEP} bytes of the body came in {} ms", self.pause.as_millis());
        Problem::new(Kind::Timeout, detail)
    }
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
}

//! Reading and writing bodies: bounded in bytes and in time, of a type that was said.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::App;
use crate::problem::{Kind, Problem};

/// How long a body that is read as a whole may take.
const WHOLE: Duration = Duration::from_secs(60);
/// The longest pause in a body that is read piece by piece.
const PAUSE: Duration = Duration::from_secs(30);

/// A JSON body of a small call.
pub(super) struct Json<T>(pub(super) T);

/// A JSON body of a worker, which may bring results and a piece of log.
pub(super) struct LargeJson<T>(pub(super) T);

const MOST: usize = 64 << 10;
const MOST_LARGE: usize = 16 << 20;

impl<T: DeserializeOwned> FromRequest<App> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &App) -> Result<Self, Problem> {
        read_json(request, MOST).await.map(Self)
    }
}

impl<T: DeserializeOwned> FromRequest<App> for LargeJson<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &App) -> Result<Self, Problem> {
        read_json(request, MOST_LARGE).await.map(Self)
    }
}

async fn read_json<T: DeserializeOwned>(request: Request, most: usize) -> Result<T, Problem> {
    let kind = media_type(request.headers());
    if kind != "application/json" {
        return Err(wrong_type(&kind, "application/json"));
    }
    let bytes = whole(request.into_body(), most).await?;
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
pub(super) async fn whole(body: Body, most: usize) -> Result<Bytes, Problem> {
    let read = Limited::new(body, most).collect();
    match tokio::time::timeout(WHOLE, read).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large(most)),
        Ok(Err(_)) => Err(Problem::bad("the connection broke in the middle of the body")),
        Err(_) => Err(Problem::new(Kind::Timeout, "the body did not arrive in a minute")),
    }
}

pub(super) fn too_large(most: impl std::fmt::Display) -> Problem {
    Problem::new(Kind::TooLarge, format!("this body may have {most} bytes"))
}

/// The next piece of a body that is read piece by piece.
pub(super) async fn piece(body: &mut Body) -> Result<Option<Bytes>, Problem> {
    loop {
        let frame = tokio::time::timeout(PAUSE, body.frame()).await;
        let frame = frame.map_err(|_| Problem::new(Kind::Timeout, "the body paused for half a minute"))?;
        match frame {
            None => return Ok(None),
            Some(Err(_)) => return Err(Problem::bad("the connection broke in the middle of the body")),
            // Trailers say nothing here.
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    return Ok(Some(data));
                }
            }
        }
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

//! Reading logs: a part, the end, or the whole as it grows.

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use dayfly_jobs::JobId;
use futures_util::stream::unfold;
use serde::Deserialize;

use super::App;
use super::extract::{Asked, At, MayRead};
use super::{jobs, stream};
use crate::problem::{Kind, Problem};

/// Bytes that are read at once, and held while the other end is slow.
const PIECE: u64 = 64 << 10;

/// Which part of a log is wanted.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Part {
    offset: Option<u64>,
    tail: Option<u64>,
    follow: bool,
}

/// The bytes from `begin` to before `end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Span {
    begin: u64,
    end: u64,
    /// Whether it is the answer to a `Range`, which is status 206.
    partial: bool,
}

/// Read the log of a job's latest attempt.
///
/// Whole, from `offset`, the last `tail` bytes, or a `Range` of bytes. The header `Dayfly-Log-Length` tells how long the
/// log is, `Dayfly-Log-Open` whether it can still grow. With `follow=true` or `Accept: text/event-stream` it is a stream
/// of server-sent events: `log` with a piece, `restart` when another attempt began, `end`. Their id is the place in
/// the log after them, and `Last-Event-ID` resumes there.
#[utoipa::path(get, path = "/v1/jobs/{id}/logs", tag = "jobs",
    params(("id" = String, Path, description = "The job"),
        ("offset" = Option<u64>, Query, description = "From this byte on"),
        ("tail" = Option<u64>, Query, description = "Only so many bytes at the end"),
        ("follow" = Option<bool>, Query, description = "Whether to go on until the end"),
        ("Range" = Option<String>, Header, description = "`bytes=A-B`, `bytes=A-` or `bytes=-N`"),
        ("Last-Event-ID" = Option<u64>, Header, description = "Resume at this byte")),
    responses((status = 200, description = "The log", content(
            (String = "application/octet-stream"), (ref("#/components/schemas/LogEvent") = "text/event-stream"))),
        (status = 206, description = "The range", body = String, content_type = "application/octet-stream"),
        (status = 416, description = "The range is not in there")))]
pub(super) async fn read(
    MayRead(token): MayRead,
    State(app): State<App>,
    At(id): At<JobId>,
    Asked(part): Asked<Part>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    jobs::find(&app, &token, id).await?;
    let log = app.store.read_log(id, 0, 0).await?;
    if part.follow || stream::is_wanted(&headers) {
        let tail = part.tail.map(|tail| log.length.saturating_sub(tail));
        let begin = stream::last_id(&headers)?.or(part.offset).or(tail).unwrap_or_default();
        return Ok(stream::log(app, id, begin).into_response());
    }
    let range = headers.get(header::RANGE).and_then(|value| value.to_str().ok());
    let span = span(&part, range, log.length)?;
    Ok(answer(app, id, span, log.length, log.open))
}

/// Which bytes are meant. A `Range` of another unit or of several parts is ignored, as HTTP has it.
fn span(part: &Part, range: Option<&str>, length: u64) -> Result<Span, Problem> {
    let whole = Span { begin: 0, end: length, partial: false };
    if part.offset.is_some() && part.tail.is_some() {
        return Err(Problem::bad("offset and tail exclude each other"));
    }
    if let Some(offset) = part.offset {
        return Ok(Span { begin: offset.min(length), ..whole });
    }
    if let Some(tail) = part.tail {
        return Ok(Span { begin: length.saturating_sub(tail), ..whole });
    }
    let Some((first, last)) = range.and_then(bounds) else { return Ok(whole) };
    let (begin, end) = match (first, last) {
        (Some(first), Some(last)) if first <= last => (first, last.saturating_add(1).min(length)),
        (Some(first), None) => (first, length),
        (None, Some(count)) => (length.saturating_sub(count), length),
        (Some(_), Some(_)) | (None, None) => return Ok(whole),
    };
    if begin >= end {
        return Err(Problem::new(Kind::BadRange, format!("the log is {length} bytes long")));
    }
    Ok(Span { begin, end, partial: true })
}

/// `A` and `B` of `bytes=A-B`, of which one may be missing.
fn bounds(range: &str) -> Option<(Option<u64>, Option<u64>)> {
    let (first, last) = range.strip_prefix("bytes=")?.split_once('-')?;
    let number = |text: &str| match text.trim() {
        "" => Some(None),
        text => text.parse().ok().map(Some),
    };
    Some((number(first)?, number(last)?))
}

fn answer(app: App, job: JobId, span: Span, length: u64, open: bool) -> Response {
    let pieces = unfold((app, span.begin), move |(app, at)| async move {
        let most = PIECE.min(span.end.saturating_sub(at));
        if most == 0 {
            return None;
        }
        match app.store.read_log(job, at, most).await {
            Ok(part) if part.bytes.is_empty() => {
                Some((Err("the log was replaced".to_owned()), (app, span.end)))
            }
            Ok(part) => {
                let next = at + u64::try_from(part.bytes.len()).unwrap_or(u64::MAX);
                Some((Ok(Bytes::from(part.bytes)), (app, next)))
            }
            Err(error) => Some((Err(error.to_string()), (app, span.end))),
        }
    });
    let status = if span.partial { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK };
    let mut response = (status, Body::from_stream(pieces)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(span.end - span.begin));
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert("dayfly-log-length", HeaderValue::from(length));
    headers.insert("dayfly-log-open", HeaderValue::from_static(if open { "true" } else { "false" }));
    if span.partial {
        let range = format!("bytes {}-{}/{length}", span.begin, span.end - 1);
        // Digits and a few signs are always a header.
        headers.extend(HeaderValue::from_str(&range).ok().map(|range| (header::CONTENT_RANGE, range)));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(part: &Part, range: Option<&str>) -> Option<(u64, u64, bool)> {
        span(part, range, 100).ok().map(|span| (span.begin, span.end, span.partial))
    }

    #[test]
    fn parts_of_a_log() {
        let nothing = Part::default();
        let table = [
            (None, Some((0, 100, false))),
            (Some("bytes=0-9"), Some((0, 10, true))),
            (Some("bytes=90-"), Some((90, 100, true))),
            (Some("bytes=90-900"), Some((90, 100, true))),
            (Some("bytes=-10"), Some((90, 100, true))),
            (Some("bytes=-1000"), Some((0, 100, true))),
            (Some("bytes=100-"), None),
            (Some("bytes=-0"), None),
            (Some("bytes=5-4"), Some((0, 100, false))),
            (Some("bytes=0-1,5-6"), Some((0, 100, false))),
            (Some("lines=0-1"), Some((0, 100, false))),
            (Some("bytes=-"), Some((0, 100, false))),
            (Some("bytes=18446744073709551615-"), None),
            (Some("bytes=0-18446744073709551615"), Some((0, 100, true))),
        ];
        for (range, expected) in table {
            assert_eq!(of(&nothing, range), expected, "{range:?}");
        }
        assert_eq!(of(&Part { tail: Some(3), ..Part::default() }, None), Some((97, 100, false)));
        assert_eq!(of(&Part { offset: Some(300), ..Part::default() }, None), Some((100, 100, false)));
        assert_eq!(of(&Part { offset: Some(1), tail: Some(1), ..Part::default() }, None), None);
    }
}

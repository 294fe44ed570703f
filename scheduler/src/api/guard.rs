//! What every call passes: bounds on its head, the watch, and headers that keep answers from being misread.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::App;
use crate::problem::{Kind, Problem};

const MOST_HEADER_BYTES: usize = 16 << 10;
const MOST_URI_BYTES: usize = 4 << 10;

/// Who is at the other end of the connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) IpAddr);

impl Peer {
    pub(super) fn of(extensions: &axum::http::Extensions) -> IpAddr {
        extensions.get::<Self>().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.0)
    }
}

/// Refuses what is too long before anything looks at it.
pub(super) async fn sizes(request: Request, next: Next) -> Response {
    let headers =
        request.headers().iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum::<usize>();
    let uri = request.uri().path_and_query().map_or(0, |part| part.as_str().len());
    if headers > MOST_HEADER_BYTES {
        return Problem::new(Kind::HeadersTooLarge, format!("the headers have {headers} bytes"))
            .into_response();
    }
    if uri > MOST_URI_BYTES {
        return Problem::new(Kind::UriTooLong, format!("path and query have {uri} bytes")).into_response();
    }
    next.run(request).await
}

/// Takes the time, and makes the answer safe to show: browsers must neither guess its type nor keep it.
pub(super) async fn measure(State(app): State<App>, request: Request, next: Next) -> Response {
    let (begin, method) = (Instant::now(), request.method().clone());
    let route =
        request.extensions().get::<MatchedPath>().map_or("none".to_owned(), |path| path.as_str().to_owned());
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    let method =
        if method.is_safe() || route != "none" { method.as_str().to_owned() } else { "other".to_owned() };
    app.metrics.called(&method, &route, response.status().as_u16(), begin.elapsed());
    response
}

//! What calls may hold. A large call, whose body or answer is more than a little or never ends by itself, takes one of
//! the few places its token has, until its last byte is on its way: nobody fills the memory by reading slowly. Bodies
//! that are kept in memory count in bytes as well, for each token and in all, until the call is answered.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{Request, State};
use axum::http::header;
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use hyper::body::{Frame, SizeHint};

use super::App;
use crate::auth::{Full, Hash, Kept, Place};
use crate::problem::{Kind, Problem};

/// Bytes of a body or an answer that is not large.
const LITTLE: u64 = 64 << 10;

/// What is known of the caller of one call, and the place it has taken.
#[derive(Debug, Clone, Default)]
struct Call(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
struct Known {
    who: Option<Hash>,
    place: Option<Place<Hash>>,
    body: Option<OfBody>,
}

/// What a body takes of the memory.
pub(super) type OfBody = Kept<Option<Hash>>;

impl Known {
    fn take(&mut self, app: &App) -> Result<(), Problem> {
        let Some(who) = self.who.filter(|_| self.place.is_none()) else { return Ok(()) };
        self.place = Some(app.places.take(&who).ok_or_else(|| {
            let most = app.config.http.streams;
            Problem::new(
                Kind::Busy,
                format!("the token has {most} streams or large calls open, all it may have"),
            )
            .fix("end some of them; read what was asked for to its end")
        })?);
        Ok(())
    }
}

/// Notes who calls. A call with a large body gets its place here.
///
/// # Errors
/// When the token has no place left.
pub(super) fn called_by(app: &App, parts: &Parts, who: Hash) -> Result<(), Problem> {
    let Some(call) = parts.extensions.get::<Call>() else { return Ok(()) };
    let mut known = call.0.lock().unwrap_or_else(PoisonError::into_inner);
    known.who = Some(who);
    if has_large_body(parts) { known.take(app) } else { Ok(()) }
}

/// The memory for the body of a call, which has none of it yet.
pub(super) fn memory(app: &App, request: &Request) -> OfBody {
    let call = request.extensions().get::<Call>();
    let who = call.and_then(|call| call.0.lock().unwrap_or_else(PoisonError::into_inner).who);
    app.memory.hold(who)
}

/// Keeps what the body took until the call is answered.
pub(super) fn keep(request: &Parts, kept: OfBody) {
    if let Some(call) = request.extensions.get::<Call>() {
        call.0.lock().unwrap_or_else(PoisonError::into_inner).body = Some(kept);
    }
}

/// Why a body cannot be kept now.
pub(super) fn no_memory(app: &App, full: Full) -> Problem {
    let config = &app.config.http;
    let detail = match full {
        Full::Own => {
            format!("the calls of the token keep {} bytes in memory, all they may", config.token_bytes)
        }
        Full::All => format!("all calls together keep {} bytes in memory, all they may", config.memory_bytes),
    };
    Problem::new(Kind::Busy, detail).fix("send it again when others have ended").after(2)
}

fn has_large_body(parts: &Parts) -> bool {
    let length =
        parts.headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    parts.headers.contains_key(header::TRANSFER_ENCODING) || length.is_some_and(|length: u64| length > LITTLE)
}

/// Gives a large answer its place, or refuses it.
pub(super) async fn bound(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let call = Call::default();
    request.extensions_mut().insert(call.clone());
    let answer = next.run(request).await;
    let mut known = call.0.lock().unwrap_or_else(PoisonError::into_inner);
    if answer.body().size_hint().upper().is_some_and(|size| size <= LITTLE) {
        return answer;
    }
    if let Err(problem) = known.take(&app) {
        return problem.into_response();
    }
    match known.place.take() {
        Some(place) => answer.map(|body| Body::new(Held { body, _place: place })),
        None => answer,
    }
}

/// An answer that holds a place. It never says that it is at its end before it is asked for more, which happens when
/// what it gave last has gone out.
struct Held {
    body: Body,
    _place: Place<Hash>,
}

impl HttpBody for Held {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

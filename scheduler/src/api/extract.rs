//! Reading the head of a call: who it is from, what the path and the query say. Everything that cannot be read is a
//! problem, never a default.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{FromRequestParts, Path, Query};
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use dayfly_jobs::wire::{Permission, TokenInfo};
use serde::de::DeserializeOwned;

use super::{App, Peer, places};
use crate::auth::Token;
use crate::problem::{Kind, Problem};
use crate::service::{Caller, Seat, Who};

/// Whoever calls, with a token that is good.
impl FromRequestParts<App> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let (peer, now) = (Peer::of(&parts.extensions), Instant::now());
        // Whoever guesses is slowed down before the store is asked.
        app.failures.peek(&peer, now).map_err(too_many)?;
        let refuse = |detail: &str| {
            // The bucket was not empty a moment ago; if it is now, the next call is refused.
            app.failures.take(&peer, now).ok();
            Problem::new(Kind::Unauthorized, detail)
        };
        let header = parts.headers.get(AUTHORIZATION).ok_or_else(|| refuse("the call brings no token"))?;
        let token = header.to_str().ok().and_then(bearer);
        let hash = token.ok_or_else(|| refuse("the header Authorization holds no token of Dayfly"))?.hash();
        app.rates.peek(&hash, now).map_err(too_many)?;
        let who = app.who(&hash).await?.ok_or_else(|| refuse("the token is not known, or has ended"))?;
        // Workers call as often as their jobs need, and are not strangers.
        if matches!(who, Who::Client(_)) {
            app.rates.take(&hash, now).map_err(too_many)?;
        }
        places::called_by(app, parts, hash)?;
        Ok(Self { who })
    }
}

/// The token of `Bearer TOKEN`; how the first word is written does not matter.
fn bearer(text: &str) -> Option<Token> {
    let (scheme, token) = text.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| Token::parse(token.trim()))?
}

fn too_many(wait: Duration) -> Problem {
    let seconds = wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0));
    Problem::new(Kind::RateLimited, "more calls came than are allowed").after(seconds)
}

macro_rules! permitted {
    ($($(#[$doc:meta])* $name:ident $permission:ident $token:ident => $made:expr, $($field:ty)?;)*) => { $(
        $(#[$doc])*
        pub(super) struct $name$((pub(super) $field))?;

        impl FromRequestParts<App> for $name {
            type Rejection = Problem;

            async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
                let caller = Caller::from_request_parts(parts, app).await?;
                caller.needs(Permission::$permission).map(|$token| $made)
            }
        }
    )* };
}

permitted! {
    /// Somebody who may submit.
    MaySubmit Submit token => Self(Arc::clone(token)), Arc<TokenInfo>;
    /// Somebody who may read.
    MayRead Read token => Self(Arc::clone(token)), Arc<TokenInfo>;
    /// Somebody who may cancel.
    MayCancel Cancel token => Self(Arc::clone(token)), Arc<TokenInfo>;
    /// Somebody who may join as a worker.
    MayJoin Worker _token => Self, ;
    /// Somebody who may do everything.
    MayAll Admin _token => Self, ;
}

/// A worker, with the token it got when it registered.
pub(super) struct FromWorker(pub(super) Arc<Seat>);

impl FromRequestParts<App> for FromWorker {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        match Caller::from_request_parts(parts, app).await?.who {
            Who::Worker(name) => app.seat(&name).await.map(Self),
            Who::Client(_) => {
                Err(Problem::new(Kind::Forbidden, "this call is for workers that have registered")
                    .fix("register first: POST /v1/workers answers with the worker's own token"))
            }
        }
    }
}

/// The one variable part of a path.
pub(super) struct At<T>(pub(super) T);

impl<T: DeserializeOwned + Send> FromRequestParts<App> for At<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let path = Path::<T>::from_request_parts(parts, app).await;
        path.map(|Path(value)| Self(value)).map_err(|error| Problem::bad(error.body_text()))
    }
}

/// What the query says. The types refuse what they do not know.
pub(super) struct Asked<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequestParts<App> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let query = Query::<T>::from_request_parts(parts, app).await;
        query.map(|Query(value)| Self(value)).map_err(|error| Problem::bad(error.body_text()))
    }
}

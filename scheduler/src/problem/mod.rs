//! Every way to refuse a call, as problem JSON (RFC 9457). What a caller reads is made here and nowhere else; a
//! problem must never tell what the store or the host said beyond what the caller may know.

mod kind;

use std::borrow::Cow;

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use dayfly_jobs::state::Refused;
use dayfly_jobs::wire;

pub(crate) use kind::Kind;

use crate::store::StoreError;

/// A refused call.
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    pub(crate) kind: Kind,
    detail: String,
    fix: Option<Cow<'static, str>>,
    retry_after: Option<u64>,
}

impl Problem {
    pub(crate) fn new(kind: Kind, detail: impl Into<String>) -> Self {
        let fix = kind.fix().map(Cow::Borrowed);
        Self { kind, detail: detail.into(), fix, retry_after: kind.retry_after() }
    }

    /// With advice for this one case.
    pub(crate) fn fix(self, fix: impl Into<Cow<'static, str>>) -> Self {
        Self { fix: Some(fix.into()), ..self }
    }

    /// To be tried again after so many seconds.
    pub(crate) fn after(self, seconds: u64) -> Self {
        Self { retry_after: Some(seconds.max(1)), ..self }
    }

    pub(crate) fn unknown(what: &str, name: impl std::fmt::Display) -> Self {
        Self::not_found(what, format!("there is no {what} '{name}'"))
    }

    fn not_found(what: &str, detail: String) -> Self {
        let problem = Self::new(Kind::NotFound, detail);
        if what == "job" {
            problem.fix("list the jobs there are: dayfly status, or GET /v1/jobs")
        } else {
            problem
        }
    }

    pub(crate) fn bad(detail: impl Into<String>) -> Self {
        Self::new(Kind::BadRequest, detail)
    }

    /// Something of ours broke: the cause goes to the log, the caller gets a number to find it by.
    pub(crate) fn internal(cause: impl std::fmt::Display) -> Self {
        let number = format!("{:016x}", crate::chance::number());
        tracing::error!(number, %cause, "a call failed");
        Self::new(Kind::Internal, format!("the scheduler failed; its log has the cause under {number}"))
    }

    pub(crate) fn body(&self) -> wire::Problem {
        wire::Problem {
            kind: format!("{}{}", wire::Problem::URN, self.kind.name()).into(),
            title: self.kind.title().into(),
            status: self.kind.status().as_u16(),
            detail: self.detail.clone(),
            fix: self.fix.clone(),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        // Text and numbers cannot fail to be written as JSON.
        let body = serde_json::to_vec(&self.body()).unwrap_or_default();
        let json = HeaderValue::from_static("application/problem+json");
        let mut response = (self.kind.status(), [(header::CONTENT_TYPE, json)], body).into_response();
        let headers = response.headers_mut();
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.kind == Kind::Unauthorized {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"dayfly\""));
        }
        // The metrics and the limits of failed calls look at it.
        response.extensions_mut().insert(self.kind);
        response
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        let detail = error.to_string();
        match error {
            StoreError::Refused(refused) => Self::new(refusal(refused), detail),
            StoreError::Unknown { what, .. } => Self::not_found(what, detail),
            StoreError::Taken { .. } => Self::new(Kind::Taken, detail),
            StoreError::TooManyLanes { .. } => Self::new(Kind::QueueFull, detail),
            StoreError::KeyReused { .. } => Self::new(Kind::KeyReused, detail),
            StoreError::QueueFull { .. } => Self::new(Kind::QueueFull, detail),
            StoreError::LogGap { .. } => Self::new(Kind::LogGap, detail),
            StoreError::BadLog => Self::bad(detail),
            StoreError::NoSecret { name, .. } => {
                Self::new(Kind::NoSecret, detail).fix(format!("put it first: PUT /v1/secrets/{name}"))
            }
            StoreError::Full => Self::new(Kind::DiskFull, detail),
            StoreError::Busy => Self::new(Kind::Busy, detail),
            StoreError::Failed(cause) => Self::internal(cause),
        }
    }
}

const fn refusal(refused: Refused) -> Kind {
    match refused {
        Refused::Ended(_) => Kind::Ended,
        Refused::Stale { .. } => Kind::StaleAttempt,
        Refused::NotNow(_) => Kind::WrongState,
    }
}

#[cfg(test)]
mod tests;

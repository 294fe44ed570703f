//! Whether the scheduler lives and what it counts, for machines that watch it.

use std::net::IpAddr;

use axum::extract::{FromRequestParts, State};
use axum::http::header;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use dayfly_jobs::wire::Permission;

use super::{App, Peer};
use crate::metrics::Workers;
use crate::problem::{Kind, Problem};
use crate::service::Caller;

/// Whether the process answers.
#[utoipa::path(get, path = "/healthz", tag = "health",
    responses((status = 200, description = "It does", body = String, content_type = "text/plain")))]
pub(super) async fn healthz() -> &'static str {
    "ok\n"
}

/// Whether the store answers, so that calls make sense.
#[utoipa::path(get, path = "/readyz", tag = "health",
    responses((status = 200, description = "It does", body = String, content_type = "text/plain"),
        (status = 503, description = "It does not, or the scheduler is shutting down")))]
pub(super) async fn readyz(State(app): State<App>) -> Result<&'static str, Problem> {
    if app.closing.is_cancelled() {
        return Err(Problem::new(Kind::NotReady, "the scheduler is shutting down"));
    }
    app.store.queues().await.map_err(|error| {
        tracing::error!(%error, "not ready");
        Problem::new(Kind::NotReady, "the store does not answer")
    })?;
    Ok("ready\n")
}

/// Somebody who may see numbers about everybody: this machine, or an administrator.
pub(super) struct Watchman;

impl FromRequestParts<App> for Watchman {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        if !(Peer::of(&parts.extensions).is_loopback() && is_local(host(parts))) {
            Caller::from_request_parts(parts, app).await?.needs(Permission::Admin)?;
        }
        Ok(Self)
    }
}

fn host(parts: &Parts) -> &str {
    parts.headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default()
}

/// Whether a call was meant for this machine. A page in a browser can have its own name lead here, and would then
/// call from this machine too, but under that name.
fn is_local(host: &str) -> bool {
    let name =
        host.rsplit_once(':').map_or(host, |(name, port)| if port.ends_with(']') { host } else { name });
    let address = name.trim_start_matches('[').trim_end_matches(']');
    name == "localhost" || address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Metrics for Prometheus. From this machine without a token, else with one that permits `admin`.
#[utoipa::path(get, path = "/metrics", tag = "health",
    responses((status = 200, description = "Numbers", body = String, content_type = "text/plain"),
        (status = 401, description = "From another machine a token is needed"),
        (status = 403, description = "The token does not permit admin")))]
pub(super) async fn metrics(_: Watchman, State(app): State<App>) -> Result<Response, Problem> {
    let now = app.clock.now();
    let census = app.store.census(now).await?;
    let mut workers = Workers::default();
    for worker in app.store.workers(now).await? {
        match (worker.alive, worker.draining) {
            (false, _) => workers.gone += 1,
            (true, true) => workers.draining += 1,
            (true, false) => workers.alive += 1,
        }
    }
    let text = app.metrics.text(&census, &workers, now).map_err(Problem::internal)?;
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_machine_are_local() {
        for host in ["localhost", "localhost:80", "127.0.0.1:8080", "127.0.0.2", "[::1]:80", "[::1]"] {
            assert!(is_local(host), "{host}");
        }
        for host in [
            "",
            "example.org:8080",
            "localhost.example.org",
            "10.0.0.1:80",
            "[fe80::1]:80",
            "127.0.0.1.nip.io",
        ] {
            assert!(!is_local(host), "{host}");
        }
    }
}

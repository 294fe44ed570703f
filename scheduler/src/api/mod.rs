//! The HTTP API: one module for each kind of thing. A handler reads the call, asks the service, and writes the
//! answer; it decides nothing. Every route is described where it is written, and nothing is served that is not.

mod admin;
mod artifacts;
mod blobs;
mod body;
mod extract;
mod guard;
mod health;
mod jobs;
mod logs;
mod openapi;
mod places;
mod reports;
mod stream;
mod submit;
mod workers;

use std::sync::Arc;

use axum::Router;
use axum::http::Uri;
use axum::middleware::{from_fn, from_fn_with_state};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::problem::{Kind, Problem};
use crate::service::Service;

/// What handlers get.
type App = Arc<Service>;

pub(crate) use guard::Peer;

/// Everything that is served.
pub(crate) fn router(service: App) -> Router {
    let (router, description) = routes().split_for_parts();
    let description = openapi::finish(description);
    router
        .merge(openapi::pages(&description))
        .fallback(|uri: Uri| async move { Problem::unknown("address", uri.path()) })
        .method_not_allowed_fallback(|method: axum::http::Method, uri: Uri| async move {
            Problem::new(Kind::MethodNotAllowed, format!("{method} is not for {}", uri.path()))
        })
        .layer(from_fn(guard::unbroken))
        .layer(from_fn_with_state(Arc::clone(&service), places::bound))
        .layer(from_fn(guard::sizes))
        .layer(from_fn_with_state(Arc::clone(&service), guard::measure))
        .with_state(service)
}

/// What is served on a connection that is one too many.
pub(crate) fn crowded() -> Router {
    Router::new().fallback(|| async { Problem::new(Kind::Crowded, "there is no room for this connection") })
}

fn routes() -> OpenApiRouter<App> {
    let jobs = OpenApiRouter::new()
        .routes(routes!(submit::submit, jobs::list))
        .routes(routes!(submit::submit_many))
        .routes(routes!(jobs::get))
        .routes(routes!(jobs::cancel))
        .routes(routes!(submit::retry))
        .routes(routes!(jobs::explain))
        .routes(routes!(jobs::events))
        .routes(routes!(logs::read))
        .routes(routes!(artifacts::list))
        .routes(routes!(artifacts::download))
        .routes(routes!(blobs::put, blobs::get));
    let workers = OpenApiRouter::new()
        .routes(routes!(workers::register, workers::list))
        .routes(routes!(workers::drain))
        .routes(routes!(workers::remove))
        .routes(routes!(workers::lease))
        .routes(routes!(workers::renew))
        .routes(routes!(workers::progress))
        .routes(routes!(workers::log))
        .routes(routes!(workers::complete));
    let rest = OpenApiRouter::new()
        .routes(routes!(admin::tenants))
        .routes(routes!(admin::set_tenant))
        .routes(routes!(admin::queues))
        .routes(routes!(admin::set_queue))
        .routes(routes!(admin::add_token, admin::tokens))
        .routes(routes!(admin::remove_token))
        .routes(routes!(admin::secrets))
        .routes(routes!(admin::set_secret, admin::remove_secret))
        .routes(routes!(reports::make_key))
        .routes(routes!(reports::list))
        .routes(routes!(reports::redeliver))
        .routes(routes!(health::healthz))
        .routes(routes!(health::readyz))
        .routes(routes!(health::metrics));
    jobs.merge(workers).merge(rest)
}

#[cfg(test)]
mod tests;

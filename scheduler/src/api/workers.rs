//! What workers say, and what administrators say about them.

use axum::extract::{Request, State};
use axum::http::StatusCode;
use dayfly_jobs::wire::{
    Completed, Completion, LeaseRequest, Leases, LogPosition, Page, Progress, Registered, Registration,
    RenewRequest, Renewed, WorkerInfo,
};
use dayfly_jobs::{LeaseId, WorkerName};
use serde::Deserialize;

use super::App;
use super::body::{Answered, Json, LargeJson, created, ok, read_json, too_large, whole};
use super::extract::{Asked, At, FromWorker, MayAll, MayJoin};
use crate::problem::Problem;

/// Bytes of one piece of log.
const MOST_LOG: usize = 1 << 20;
/// Leases that are renewed at once.
const MOST_RENEWED: usize = 1024;
/// Bytes that say so: twice what so many leases with their samples take.
const MOST_RENEWAL: usize = 512 << 10;

/// Join as a worker.
///
/// With a token that permits `worker`. The answer has a token of the worker's own, for everything else it says. A
/// worker of the same name is replaced, and loses its leases.
#[utoipa::path(post, path = "/v1/workers", tag = "workers", request_body = ref("#/components/schemas/Registration"),
    responses((status = 201, description = "It may ask for jobs", body = ref("#/components/schemas/Registered"))))]
pub(super) async fn register(
    _: MayJoin,
    State(app): State<App>,
    LargeJson(registration): LargeJson<Registration>,
) -> Answered<Registered> {
    let token = app.register(&registration).await?;
    created(Registered {
        token: token.reveal().to_owned(),
        lease_ms: app.config.lease_ms,
        renew_ms: app.config.renew_ms,
    })
}

/// List workers.
#[utoipa::path(get, path = "/v1/workers", tag = "workers",
    responses((status = 200, description = "All of them", body = ref("#/components/schemas/PageOfWorkers"))))]
pub(super) async fn list(_: MayAll, State(app): State<App>) -> Answered<Page<WorkerInfo>> {
    ok(Page { items: app.store.workers(app.clock.now()).await?, next: None })
}

/// Whether a worker is to drain.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Drain {
    /// Whether it takes no more jobs.
    draining: bool,
}

/// Let a worker take no more jobs, or take jobs again.
#[utoipa::path(put, path = "/v1/workers/{name}/drain", tag = "workers",
    params(("name" = String, Path, description = "The worker")),
    request_body = ref("#/components/schemas/Drain"), responses((status = 204, description = "It will")))]
pub(super) async fn drain(
    _: MayAll,
    State(app): State<App>,
    At(name): At<WorkerName>,
    Json(drain): Json<Drain>,
) -> Result<StatusCode, Problem> {
    app.drain(&name, drain.draining).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Forget a worker. Its leases are lost and its jobs wait again.
#[utoipa::path(delete, path = "/v1/workers/{name}", tag = "workers",
    params(("name" = String, Path, description = "The worker")),
    responses((status = 204, description = "It is forgotten")))]
pub(super) async fn remove(
    _: MayAll,
    State(app): State<App>,
    At(name): At<WorkerName>,
) -> Result<StatusCode, Problem> {
    app.remove_worker(&name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ask for jobs, and wait for them up to 30 s.
#[utoipa::path(post, path = "/v1/leases", tag = "worker protocol",
    request_body = ref("#/components/schemas/LeaseRequest"),
    responses((status = 200, description = "Jobs, perhaps none", body = ref("#/components/schemas/Leases"))))]
pub(super) async fn lease(
    FromWorker(seat): FromWorker,
    State(app): State<App>,
    Json(request): Json<LeaseRequest>,
) -> Answered<Leases> {
    ok(app.lease(seat, request).await?)
}

/// Keep leases, tell what their jobs use, and hear which jobs are to be stopped.
#[utoipa::path(post, path = "/v1/leases/renew", tag = "worker protocol",
    request_body = ref("#/components/schemas/RenewRequest"),
    responses((status = 200, description = "In the order asked", body = ref("#/components/schemas/Renewed"))))]
pub(super) async fn renew(
    FromWorker(seat): FromWorker,
    State(app): State<App>,
    request: Request,
) -> Answered<Renewed> {
    let request: RenewRequest = read_json(&app, request, MOST_RENEWAL).await?;
    if request.leases.len().max(request.samples.len()) > MOST_RENEWED {
        return Err(too_large(format!("{MOST_RENEWED} leases, not so many")));
    }
    if let Some(told) = request.samples.iter().find(|told| !told.sample.is_possible()) {
        return Err(Problem::bad(format!("the sample of lease {} cannot have been measured", told.lease)));
    }
    ok(app.renew(&seat, &request).await?)
}

/// Tell which steps began or ended, in their order.
#[utoipa::path(post, path = "/v1/leases/{lease}/events", tag = "worker protocol",
    params(("lease" = String, Path, description = "JOB.ATTEMPT")),
    request_body = ref("#/components/schemas/ManyProgress"),
    responses((status = 204, description = "It is noted"),
        (status = 409, description = "The lease is lost, or the log has a gap")))]
pub(super) async fn progress(
    FromWorker(seat): FromWorker,
    State(app): State<App>,
    At(lease): At<LeaseId>,
    LargeJson(progress): LargeJson<Vec<Progress>>,
) -> Result<StatusCode, Problem> {
    app.progress(&seat.name, lease, progress).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Where a piece of log belongs.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Offset {
    offset: u64,
}

/// Append to the log of an attempt: at most 1 MiB at once.
#[utoipa::path(put, path = "/v1/leases/{lease}/log", tag = "worker protocol",
    params(("lease" = String, Path, description = "JOB.ATTEMPT"),
        ("offset" = u64, Query, description = "Where the piece belongs")),
    request_body(content = String, content_type = "application/octet-stream", description = "The bytes"),
    responses((status = 200, description = "It is kept", body = ref("#/components/schemas/LogPosition")),
        (status = 409, description = "The lease is lost, or the log has a gap")))]
pub(super) async fn log(
    FromWorker(seat): FromWorker,
    State(app): State<App>,
    At(lease): At<LeaseId>,
    Asked(at): Asked<Offset>,
    request: Request,
) -> Answered<LogPosition> {
    let bytes = whole(&app, request, MOST_LOG).await?;
    ok(app.append_log(&seat.name, lease, at.offset, &bytes).await?)
}

/// End an attempt. The same word again gets the same answer; that of an attempt that lost its lease is refused.
#[utoipa::path(post, path = "/v1/leases/{lease}/complete", tag = "worker protocol",
    params(("lease" = String, Path, description = "JOB.ATTEMPT")),
    request_body = ref("#/components/schemas/Completion"),
    responses((status = 200, description = "It counts", body = ref("#/components/schemas/Completed")),
        (status = 409, description = "The lease is lost, or the log has a gap")))]
pub(super) async fn complete(
    FromWorker(seat): FromWorker,
    State(app): State<App>,
    At(lease): At<LeaseId>,
    LargeJson(completion): LargeJson<Completion>,
) -> Answered<Completed> {
    ok(app.complete(&seat.name, lease, completion).await?)
}

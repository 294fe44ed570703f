//! Tenants, queues, tokens and secrets.

use axum::extract::State;
use axum::http::StatusCode;
use dayfly_jobs::wire::{Caps, Page, Queue, SecretInfo, Tenant, TokenCreated, TokenInfo, TokenRequest};
use dayfly_jobs::{QueueName, SecretName, TenantName};
use serde::Deserialize;

use super::App;
use super::body::{Answered, Json, created, ok};
use super::extract::{At, MayAll, MaySubmit};
use crate::problem::Problem;
use crate::secrets::purpose;

/// List tenants.
#[utoipa::path(get, path = "/v1/tenants", tag = "administration",
    responses((status = 200, description = "All of them", body = ref("#/components/schemas/PageOfTenants"))))]
pub(super) async fn tenants(_: MayAll, State(app): State<App>) -> Answered<Page<Tenant>> {
    ok(Page { items: app.store.tenants().await?, next: None })
}

/// A tenant's part and caps.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Share {
    /// Its part of the workers, relative to that of the others; 1 to 1000.
    #[schemars(range(min = 1, max = 1000))]
    weight: u32,
    /// Leased or running. With 0 nothing is given to workers.
    max_running: u32,
    /// Waiting.
    max_queued: u64,
}

/// How much a queue may have at once.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Room {
    /// Leased or running. With 0 nothing is given to workers.
    max_running: u32,
    /// Waiting.
    max_queued: u64,
}

/// Add a tenant, or change its weight and caps.
#[utoipa::path(put, path = "/v1/tenants/{name}", tag = "administration",
    params(("name" = String, Path, description = "The tenant")), request_body = ref("#/components/schemas/Share"),
    responses((status = 200, description = "As it is now", body = ref("#/components/schemas/Tenant"))))]
pub(super) async fn set_tenant(
    _: MayAll,
    State(app): State<App>,
    At(name): At<TenantName>,
    Json(share): Json<Share>,
) -> Answered<Tenant> {
    if !(1..=1000).contains(&share.weight) {
        return Err(Problem::bad(format!("weight is {}; it may be from 1 to 1000", share.weight)));
    }
    let caps = Caps { max_running: share.max_running, max_queued: share.max_queued };
    let tenant = Tenant { name, weight: share.weight, caps };
    app.store.set_tenant(&tenant).await?;
    app.wake_workers(None);
    ok(tenant)
}

/// List queues.
#[utoipa::path(get, path = "/v1/queues", tag = "administration",
    responses((status = 200, description = "All of them", body = ref("#/components/schemas/PageOfQueues"))))]
pub(super) async fn queues(_: MayAll, State(app): State<App>) -> Answered<Page<Queue>> {
    ok(Page { items: app.store.queues().await?, next: None })
}

/// Add a queue, or change its caps.
#[utoipa::path(put, path = "/v1/queues/{name}", tag = "administration",
    params(("name" = String, Path, description = "The queue")), request_body = ref("#/components/schemas/Room"),
    responses((status = 200, description = "As it is now", body = ref("#/components/schemas/Queue"))))]
pub(super) async fn set_queue(
    _: MayAll,
    State(app): State<App>,
    At(name): At<QueueName>,
    Json(Room { max_running, max_queued }): Json<Room>,
) -> Answered<Queue> {
    let queue = Queue { name, caps: Caps { max_running, max_queued } };
    app.store.set_queue(&queue).await?;
    app.wake_workers(None);
    ok(queue)
}

/// Make a token. It is shown in this answer and never again.
#[utoipa::path(post, path = "/v1/tokens", tag = "administration",
    request_body = ref("#/components/schemas/TokenRequest"),
    responses((status = 201, description = "The token", body = ref("#/components/schemas/TokenCreated")),
        (status = 409, description = "The name is taken")))]
pub(super) async fn add_token(
    _: MayAll,
    State(app): State<App>,
    Json(request): Json<TokenRequest>,
) -> Answered<TokenCreated> {
    // The rules of names are the same everywhere.
    if request.name.parse::<dayfly_jobs::Label>().is_err() {
        return Err(Problem::bad(format!("'{}' is no name for a token", request.name))
            .fix("1 to 64 of a-z, A-Z, 0-9, '.', '_' and '-', the first no '.' or '-'"));
    }
    if request.permits.is_empty() {
        return Err(Problem::bad("the token would permit nothing")
            .fix("name at least one of submit, read, cancel, worker, admin"));
    }
    created(app.mint(request).await?)
}

/// List tokens, without the tokens themselves.
#[utoipa::path(get, path = "/v1/tokens", tag = "administration",
    responses((status = 200, description = "All of them", body = ref("#/components/schemas/PageOfTokens"))))]
pub(super) async fn tokens(_: MayAll, State(app): State<App>) -> Answered<Page<TokenInfo>> {
    ok(Page { items: app.store.tokens().await?, next: None })
}

/// Revoke a token, at once.
#[utoipa::path(delete, path = "/v1/tokens/{name}", tag = "administration",
    params(("name" = String, Path, description = "The name of the token")),
    responses((status = 204, description = "It is good for nothing any more")))]
pub(super) async fn remove_token(
    _: MayAll,
    State(app): State<App>,
    At(name): At<String>,
) -> Result<StatusCode, Problem> {
    app.revoke(&name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// List the names of the tenant's secrets. Their values never come out.
#[utoipa::path(get, path = "/v1/secrets", tag = "secrets",
    responses((status = 200, description = "All of them", body = ref("#/components/schemas/PageOfSecrets"))))]
pub(super) async fn secrets(
    MaySubmit(token): MaySubmit,
    State(app): State<App>,
) -> Answered<Page<SecretInfo>> {
    ok(Page { items: app.store.secrets(&token.tenant).await?, next: None })
}

/// The value of a secret. No `Debug`.
#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SecretValue {
    /// The value; 1 byte to 48 KiB.
    #[schemars(length(min = 1, max = 49152))]
    value: Wiped,
}

/// A text that is wiped when it is dropped.
#[derive(Deserialize, schemars::JsonSchema)]
#[serde(transparent)]
struct Wiped(String);

impl Drop for Wiped {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.0);
    }
}

/// Put a secret of the tenant, or replace it.
#[utoipa::path(put, path = "/v1/secrets/{name}", tag = "secrets",
    params(("name" = String, Path, description = "The secret")), request_body = ref("#/components/schemas/SecretValue"),
    responses((status = 204, description = "It is kept, sealed")))]
pub(super) async fn set_secret(
    MaySubmit(token): MaySubmit,
    State(app): State<App>,
    At(name): At<SecretName>,
    Json(SecretValue { value }): Json<SecretValue>,
) -> Result<StatusCode, Problem> {
    if value.0.is_empty() || value.0.len() > 48 << 10 {
        return Err(Problem::bad("a secret has 1 byte to 48 KiB"));
    }
    let sealed =
        app.vault.seal(&purpose(&token.tenant, &name), value.0.as_bytes()).map_err(Problem::internal)?;
    app.store.set_secret(&token.tenant, &name, sealed, app.clock.now()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Forget a secret. A job that waits and needs it will fail for want of it.
#[utoipa::path(delete, path = "/v1/secrets/{name}", tag = "secrets",
    params(("name" = String, Path, description = "The secret")),
    responses((status = 204, description = "It is forgotten")))]
pub(super) async fn remove_secret(
    MaySubmit(token): MaySubmit,
    State(app): State<App>,
    At(name): At<SecretName>,
) -> Result<StatusCode, Problem> {
    app.store.remove_secret(&token.tenant, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}

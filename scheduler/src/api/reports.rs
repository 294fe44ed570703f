//! Webhooks: their key, and what became of deliveries.

use axum::extract::State;
use axum::http::StatusCode;
use dayfly_jobs::JobId;
use dayfly_jobs::wire::{Delivery, DeliveryId, Page, WebhookKey};

use super::App;
use super::body::{Answered, created, ok};
use super::extract::{At, MayRead, MaySubmit};
use crate::problem::Problem;
use crate::reports::Key;
use crate::secrets::webhook_purpose;
use crate::service::Caller;

/// Make the key that the tenant's webhooks are signed with, or replace it. It is shown in this answer and never again.
#[utoipa::path(post, path = "/v1/webhook-key", tag = "webhooks",
    responses((status = 201, description = "The key", body = ref("#/components/schemas/WebhookKey"))))]
pub(super) async fn make_key(MaySubmit(token): MaySubmit, State(app): State<App>) -> Answered<WebhookKey> {
    let key = Key::generate().map_err(Problem::internal)?;
    let sealed =
        app.vault.seal(&webhook_purpose(&token.tenant), key.as_bytes()).map_err(Problem::internal)?;
    app.store.set_webhook_key(&token.tenant, sealed).await?;
    created(WebhookKey { key: key.reveal().to_string() })
}

/// What became of the reports of a job.
#[utoipa::path(get, path = "/v1/jobs/{id}/deliveries", tag = "webhooks",
    params(("id" = String, Path, description = "The job")),
    responses((status = 200, description = "All of them", body = ref("#/components/schemas/PageOfDeliveries"))))]
pub(super) async fn list(
    MayRead(token): MayRead,
    State(app): State<App>,
    At(id): At<JobId>,
) -> Answered<Page<Delivery>> {
    ok(Page { items: app.store.deliveries(&Caller::scope(&token), id).await?, next: None })
}

/// Send a report again, whatever became of it.
#[utoipa::path(post, path = "/v1/jobs/{id}/deliveries/{report}/redeliver", tag = "webhooks",
    params(("id" = String, Path, description = "The job"),
        ("report" = u32, Path, description = "Its place in the job's `report`, from 0")),
    responses((status = 202, description = "It is sent now")))]
pub(super) async fn redeliver(
    MaySubmit(token): MaySubmit,
    State(app): State<App>,
    At((job, report)): At<(JobId, u32)>,
) -> Result<StatusCode, Problem> {
    app.store.redeliver(&Caller::scope(&token), DeliveryId { job, report }, app.clock.now()).await?;
    app.ring_reports();
    Ok(StatusCode::ACCEPTED)
}

//! Files that jobs left: which there are, and their content. They are sent as something to save, never as something
//! a browser would show: a job could put a page there that acts as the reader.

use axum::extract::State;
use axum::response::Response;
use dayfly_jobs::{Artifact, JobId};

use super::App;
use super::blobs;
use super::body::{Answered, ok};
use super::extract::{At, MayRead};
use super::jobs::find;
use crate::problem::Problem;
use dayfly_jobs::wire::Page;

/// List the artifacts of a job.
#[utoipa::path(get, path = "/v1/jobs/{id}/artifacts", tag = "jobs",
    params(("id" = String, Path, description = "The job")),
    responses((status = 200, description = "All of them", body = ref("#/components/schemas/PageOfArtifacts"))))]
pub(super) async fn list(
    MayRead(token): MayRead,
    State(app): State<App>,
    At(id): At<JobId>,
) -> Answered<Page<Artifact>> {
    let job = find(&app, &token, id).await?;
    ok(Page { items: job.result.map(|result| result.artifacts).unwrap_or_default(), next: None })
}

/// Download one artifact, by its place in the list.
#[utoipa::path(get, path = "/v1/jobs/{id}/artifacts/{place}", tag = "jobs",
    params(("id" = String, Path, description = "The job"),
        ("place" = usize, Path, description = "Its place in the list, from 0")),
    responses((status = 200, description = "Its content", body = String, content_type = "application/octet-stream")))]
pub(super) async fn download(
    MayRead(token): MayRead,
    State(app): State<App>,
    At((id, place)): At<(JobId, usize)>,
) -> Result<Response, Problem> {
    let job = find(&app, &token, id).await?;
    let artifacts = job.result.map(|result| result.artifacts).unwrap_or_default();
    let artifact = artifacts.into_iter().nth(place).ok_or_else(|| Problem::unknown("artifact", place))?;
    let name = artifact.path.rsplit('/').next().unwrap_or_default().to_owned();
    blobs::content(&app, artifact.digest, artifact.size, Some(&name)).await
}

//! Submitting jobs: one, many, or one again.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use dayfly_jobs::wire::{Page, Submitted};
use dayfly_jobs::{Format, JobId, JobSpec};

use super::App;
use super::body::{Answer, Answered, created, media_type, whole, wrong_type};
use super::extract::{At, MaySubmit};
use crate::problem::{Kind, Problem};
use crate::service::{Caller, Submission};

/// Jobs of one batch.
const MOST_JOBS: usize = 1000;
/// Characters of an `Idempotency-Key`.
const MOST_KEY: usize = 200;
const FORMATS: &str = "application/json, application/yaml or application/toml";

/// Submit a job.
///
/// The job is durable when the answer is sent. With an `Idempotency-Key` a call can be repeated: the same key with the
/// same job gets the first one's id.
#[utoipa::path(post, path = "/v1/jobs", tag = "jobs",
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 200 printable characters")),
    request_body(description = "A job file", content(
        (ref("#/components/schemas/Job") = "application/json"),
        (String = "application/yaml"), (String = "application/toml"))),
    responses((status = 201, description = "It is queued", body = ref("#/components/schemas/Submitted")),
        (status = 200, description = "It was queued before", body = ref("#/components/schemas/Submitted")),
        (status = 404, description = "There is no such queue, or no such blob"),
        (status = 422, description = "The job is not valid, a secret is missing, or the key belongs to another job")))]
pub(super) async fn submit(
    MaySubmit(token): MaySubmit,
    State(app): State<App>,
    request: Request,
) -> Answered<Submitted> {
    let (format, key) = (format(request.headers())?, key(request.headers())?);
    let bytes = whole(&app, request, app.config.http.job_bytes).await?;
    let text = std::str::from_utf8(&bytes).map_err(|_| Problem::bad("the body is no UTF-8"))?;
    let spec = JobSpec::parse(text, format).map_err(|error| bad_job(&error, None))?;
    let submitted = app.submit(&token.tenant, vec![Submission { spec, key, retry_of: None }]).await?;
    one(submitted)
}

/// Submit up to 1,000 jobs at once.
///
/// One job file in JSON on each line. All of them are queued, in one transaction, or none. With an
/// `Idempotency-Key` the whole batch can be repeated.
#[utoipa::path(post, path = "/v1/jobs/batch", tag = "jobs",
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 200 printable characters")),
    request_body(content = String, content_type = "application/x-ndjson", description = "Jobs, one on a line"),
    responses((status = 201, description = "In the order they were sent",
        body = ref("#/components/schemas/PageOfSubmitted")),
        (status = 404, description = "There is no such queue, or no such blob"),
        (status = 422, description = "A job is not valid, a secret is missing, or the key belongs to another batch")))]
pub(super) async fn submit_many(
    MaySubmit(token): MaySubmit,
    State(app): State<App>,
    request: Request,
) -> Answered<Page<Submitted>> {
    let kind = media_type(request.headers());
    if kind != "application/x-ndjson" {
        return Err(wrong_type(&kind, "application/x-ndjson"));
    }
    let key = key(request.headers())?;
    let bytes = whole(&app, request, app.config.http.batch_bytes).await?;
    let text = std::str::from_utf8(&bytes).map_err(|_| Problem::bad("the body is no UTF-8"))?;
    let items = app.submit(&token.tenant, batch(text, key.as_deref(), app.config.http.job_bytes)?).await?;
    created(Page { items, next: None })
}

fn batch(text: &str, key: Option<&str>, most_bytes: usize) -> Result<Vec<Submission>, Problem> {
    let mut jobs = Vec::new();
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let place = number + 1;
        if jobs.len() == MOST_JOBS {
            return Err(Problem::new(Kind::TooLarge, format!("a batch may have {MOST_JOBS} jobs"))
                .fix("send the rest in another batch"));
        }
        if line.len() > most_bytes {
            let detail = format!("the job on line {place} has more than {most_bytes} bytes");
            return Err(Problem::new(Kind::TooLarge, detail));
        }
        let spec = JobSpec::parse(line, Format::Json).map_err(|error| bad_job(&error, Some(place)))?;
        let key = key.map(|key| format!("{key}/{}", jobs.len()));
        jobs.push(Submission { spec, key, retry_of: None });
    }
    match jobs.is_empty() {
        true => Err(Problem::bad("the batch has no jobs")),
        false => Ok(jobs),
    }
}

/// Run a job again that has ended: a new job of the same content.
#[utoipa::path(post, path = "/v1/jobs/{id}/retry", tag = "jobs",
    params(("id" = String, Path, description = "The job"),
        ("Idempotency-Key" = Option<String>, Header, description = "1 to 200 printable characters")),
    responses((status = 201, description = "The new job", body = ref("#/components/schemas/Submitted")),
        (status = 200, description = "It was queued before", body = ref("#/components/schemas/Submitted")),
        (status = 409, description = "The job has not ended"),
        (status = 422, description = "A secret is missing, or the key belongs to another job")))]
pub(super) async fn retry(
    MaySubmit(token): MaySubmit,
    State(app): State<App>,
    At(id): At<JobId>,
    headers: HeaderMap,
) -> Answered<Submitted> {
    let key = key(&headers)?;
    let job = app.store.job(&Caller::scope(&token), id).await?.ok_or_else(|| Problem::unknown("job", id))?;
    if !job.summary.state.is_end() {
        return Err(Problem::new(Kind::NotEnded, format!("job {id} is {}", job.summary.state.name())));
    }
    let again = Submission { spec: job.spec, key, retry_of: Some(id) };
    one(app.submit(&job.summary.tenant, vec![again]).await?)
}

fn one(submitted: Vec<Submitted>) -> Answered<Submitted> {
    let one = submitted.into_iter().next().ok_or_else(|| Problem::internal("the store lost a job"))?;
    Ok(Answer(if one.created { StatusCode::CREATED } else { StatusCode::OK }, one))
}

fn bad_job(error: &dayfly_jobs::SpecError, line: Option<usize>) -> Problem {
    let place = line.map(|line| format!("line {line} of the batch: ")).unwrap_or_default();
    Problem::new(Kind::BadJob, format!("{place}{error}"))
}

fn format(headers: &HeaderMap) -> Result<Format, Problem> {
    let kind = media_type(headers);
    match kind.as_str() {
        "application/json" => Ok(Format::Json),
        "application/yaml" | "application/x-yaml" | "text/yaml" => Ok(Format::Yaml),
        "application/toml" => Ok(Format::Toml),
        other => Err(wrong_type(other, FORMATS)),
    }
}

fn key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get("idempotency-key") else { return Ok(None) };
    let text = value.to_str().ok().filter(|text| (1..=MOST_KEY).contains(&text.len()));
    let bad =
        || Problem::bad(format!("the header Idempotency-Key must hold 1 to {MOST_KEY} printable characters"));
    text.map(|text| Some(text.to_owned())).ok_or_else(bad)
}

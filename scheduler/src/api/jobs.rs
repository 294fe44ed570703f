//! Looking at jobs and ending them.

use std::collections::BTreeSet;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use dayfly_jobs::wire::{Explanation, JobDetail, JobEvent, JobSummary, Page, RunningStep, TokenInfo};
use dayfly_jobs::{JobId, QueueName, State as JobState};
use serde::Deserialize;

use super::App;
use super::body::{Answered, ok};
use super::extract::{Asked, At, MayCancel, MayRead};
use super::stream;
use crate::problem::Problem;
use crate::service::{Caller, explain as tell};
use crate::store::JobFilter;

/// Jobs and events on one page.
const PAGE: u32 = 100;
const MOST_PAGE: u32 = 500;
/// Events that `explain` looks at.
const STORY: usize = 5000;

/// Which jobs to list.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Wanted {
    state: Option<String>,
    queue: Option<QueueName>,
    name: Option<String>,
    limit: Option<u32>,
    cursor: Option<JobId>,
}

/// List jobs, newest first.
#[utoipa::path(get, path = "/v1/jobs", tag = "jobs",
    params(("state" = Option<String>, Query, description = "States, with commas between them"),
        ("queue" = Option<String>, Query, description = "Only in this queue"),
        ("name" = Option<String>, Query, description = "Only of this name"),
        ("limit" = Option<u32>, Query, description = "How many; 100 when not said, 500 at most"),
        ("cursor" = Option<String>, Query, description = "`next` of the page before")),
    responses((status = 200, description = "One page", body = ref("#/components/schemas/PageOfJobs"))))]
pub(super) async fn list(
    MayRead(token): MayRead,
    State(app): State<App>,
    Asked(wanted): Asked<Wanted>,
) -> Answered<Page<JobSummary>> {
    let filter = JobFilter {
        states: states(wanted.state.as_deref().unwrap_or_default())?,
        queue: wanted.queue,
        name: wanted.name,
        before: wanted.cursor,
        most: page(wanted.limit)?,
    };
    ok(app.store.jobs(&Caller::scope(&token), &filter).await?)
}

fn page(limit: Option<u32>) -> Result<u32, Problem> {
    match limit.unwrap_or(PAGE) {
        limit @ 1..=MOST_PAGE => Ok(limit),
        limit => Err(Problem::bad(format!("limit is {limit}; it may be from 1 to {MOST_PAGE}"))),
    }
}

fn states(text: &str) -> Result<BTreeSet<JobState>, Problem> {
    let names = text.split(',').filter(|name| !name.is_empty());
    names
        .map(|name| {
            let known = JobState::ALL.into_iter().find(|state| state.name() == name);
            let all = JobState::ALL.map(JobState::name).join(", ");
            known.ok_or_else(|| Problem::bad(format!("there is no state '{name}'; there are {all}")))
        })
        .collect()
}

/// One job, if the caller may see it.
pub(super) async fn find(app: &App, token: &TokenInfo, id: JobId) -> Result<JobDetail, Problem> {
    let job = app.store.job(&Caller::scope(token), id).await?;
    job.ok_or_else(|| Problem::unknown("job", id))
}

/// One job, with what was submitted and what became of it.
#[utoipa::path(get, path = "/v1/jobs/{id}", tag = "jobs", params(("id" = String, Path, description = "The job")),
    responses((status = 200, description = "The job", body = ref("#/components/schemas/JobDetail"))))]
pub(super) async fn get(
    MayRead(token): MayRead,
    State(app): State<App>,
    At(id): At<JobId>,
) -> Answered<JobDetail> {
    let mut job = find(&app, &token, id).await?;
    let running = app.running(id, job.spec.steps.len());
    let holds = |running: &RunningStep| {
        running.attempt == job.summary.attempt
            && matches!(job.summary.state, JobState::Leased | JobState::Running)
    };
    job.running = running.filter(holds);
    ok(job)
}

/// Cancel a job.
///
/// A job that waits ends at once; one that runs is stopped when its worker renews the lease. Cancelling again changes
/// nothing.
#[utoipa::path(post, path = "/v1/jobs/{id}/cancel", tag = "jobs",
    params(("id" = String, Path, description = "The job")),
    responses((status = 200, description = "How it stands now", body = ref("#/components/schemas/JobSummary")),
        (status = 409, description = "The job has ended otherwise")))]
pub(super) async fn cancel(
    MayCancel(token): MayCancel,
    State(app): State<App>,
    At(id): At<JobId>,
) -> Answered<JobSummary> {
    ok(app.cancel(&Caller::scope(&token), id).await?)
}

/// Why a job waits, where it ran, what became of it: as sentences.
#[utoipa::path(get, path = "/v1/jobs/{id}/explain", tag = "jobs",
    params(("id" = String, Path, description = "The job")),
    responses((status = 200, description = "Its story", body = ref("#/components/schemas/Explanation"))))]
pub(super) async fn explain(
    MayRead(token): MayRead,
    State(app): State<App>,
    At(id): At<JobId>,
) -> Answered<Explanation> {
    let job = find(&app, &token, id).await?;
    let events = story(&app, id).await?;
    let waiting = if job.summary.state == JobState::Queued { app.waiting(id).await? } else { None };
    ok(tell(&job, &events, waiting))
}

async fn story(app: &App, id: JobId) -> Result<Vec<JobEvent>, Problem> {
    let mut story: Vec<JobEvent> = Vec::new();
    while story.len() < STORY {
        let after = story.last().map_or(0, |event| event.seq);
        let page = app.store.events(id, after, MOST_PAGE).await?;
        if page.is_empty() {
            break;
        }
        story.extend(page);
    }
    Ok(story)
}

/// From where events are wanted.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct After {
    after: u64,
    limit: Option<u32>,
    follow: bool,
}

/// What happened to a job, in order.
///
/// With `follow=true` or `Accept: text/event-stream` as server-sent events that go on until the job has ended; the id
/// of each is its `seq`, and `Last-Event-ID` resumes after it. Between them come events of the type `usage`, which have
/// no id and are not kept: what the step that runs uses, as a `RunningStep`.
#[utoipa::path(get, path = "/v1/jobs/{id}/events", tag = "jobs",
    params(("id" = String, Path, description = "The job"),
        ("after" = Option<u64>, Query, description = "Only those after this `seq`"),
        ("limit" = Option<u32>, Query, description = "How many; 100 when not said, 500 at most"),
        ("follow" = Option<bool>, Query, description = "Whether to go on until the end"),
        ("Last-Event-ID" = Option<u64>, Header, description = "Resume after this one")),
    responses((status = 200, description = "One page, or a stream", content(
        (ref("#/components/schemas/PageOfEvents") = "application/json"), (String = "text/event-stream"))),
        (status = 204, description = "To a follower: the job has ended, and nothing follows")))]
pub(super) async fn events(
    MayRead(token): MayRead,
    State(app): State<App>,
    At(id): At<JobId>,
    Asked(after): Asked<After>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let job = find(&app, &token, id).await?;
    if after.follow || stream::is_wanted(&headers) {
        let last = stream::last_id(&headers)?.unwrap_or(after.after);
        if job.summary.state.is_end() && app.store.events(id, last, 1).await?.is_empty() {
            // Nothing will ever follow: a browser that gets this does not come again.
            return Ok(StatusCode::NO_CONTENT.into_response());
        }
        return Ok(stream::events(app, &job, last).into_response());
    }
    let most = page(after.limit)?;
    let items: Vec<JobEvent> = app.store.events(id, after.after, most).await?;
    let full = items.len() == usize::try_from(most).unwrap_or(usize::MAX);
    let next = items.last().filter(|_| full).map(|event| event.seq.to_string());
    ok(Page { items, next }).map(IntoResponse::into_response)
}

//! Jobs and their events, as they are shown.

use dayfly_jobs::wire::{JobDetail, JobEvent, JobSummary, Page};
use dayfly_jobs::{Attempt, JobId};
use sqlx::QueryBuilder;
use sqlx::sqlite::{Sqlite, SqliteConnection, SqliteRow};

use super::job::{Job, job_columns};
use super::rows::{Columns, int};
use crate::store::{JobFilter, Scope, StoreError};

/// The most jobs on one page.
const MOST: u32 = 500;

/// One job in full.
pub(super) async fn job(
    db: &mut SqliteConnection,
    scope: &Scope,
    id: JobId,
) -> Result<Option<JobDetail>, StoreError> {
    let row = sqlx::query(concat!(
        "SELECT ",
        job_columns!(),
        ", spec, result FROM jobs JOIN specs ON specs.job = id LEFT JOIN results ON results.job = id WHERE id = ?"
    ));
    let Some(row) = row.bind(id.to_string()).fetch_optional(db).await? else { return Ok(None) };
    let summary = Job::from_row(&row)?.summary();
    if !scope.covers(&summary.tenant) {
        return Ok(None);
    }
    Ok(Some(JobDetail {
        summary,
        spec: Columns(&row).json("spec")?,
        result: Columns(&row).json_if("result")?,
        running: None,
    }))
}

/// Jobs by filter, newest first.
pub(super) async fn jobs(
    db: &mut SqliteConnection,
    scope: &Scope,
    filter: &JobFilter,
) -> Result<Page<JobSummary>, StoreError> {
    let most = filter.most.clamp(1, MOST);
    let mut query = QueryBuilder::new("SELECT * FROM (");
    let states: Vec<_> = filter.states.iter().map(|state| Some(state.name())).collect();
    let states = if states.is_empty() { vec![None] } else { states };
    for (place, state) in states.into_iter().enumerate() {
        // One state at a time, so that each is the head of an index and nothing is sorted.
        query.push(if place > 0 { " UNION ALL SELECT * FROM (" } else { "" });
        query.push(concat!("SELECT ", job_columns!(), " FROM jobs WHERE 1 = 1"));
        conditions(&mut query, scope, filter, state);
        query.push(" ORDER BY id DESC LIMIT ").push_bind(most + 1).push(")");
    }
    query.push(" ORDER BY id DESC LIMIT ").push_bind(most + 1);
    let rows = query.build().fetch_all(db).await?;
    let jobs = rows.iter().map(|row| Ok(Job::from_row(row)?.summary()));
    let mut items = jobs.collect::<Result<Vec<JobSummary>, StoreError>>()?;
    let more = items.len() > usize::try_from(most).unwrap_or(usize::MAX);
    if more {
        items.pop();
    }
    let next = items.last().filter(|_| more).map(|last| last.id.to_string());
    Ok(Page { items, next })
}

fn conditions(
    query: &mut QueryBuilder<Sqlite>,
    scope: &Scope,
    filter: &JobFilter,
    state: Option<&'static str>,
) {
    if let Some(tenant) = scope.tenant() {
        query.push(" AND tenant = ").push_bind(tenant.to_string());
    }
    if let Some(state) = state {
        query.push(" AND state = ").push_bind(state);
    }
    if let Some(queue) = &filter.queue {
        query.push(" AND queue = ").push_bind(queue.to_string());
    }
    if let Some(name) = &filter.name {
        query.push(" AND name = ").push_bind(name.clone());
    }
    if let Some(before) = filter.before {
        query.push(" AND id < ").push_bind(before.to_string());
    }
}

/// The events of a job after one.
pub(super) async fn events(
    db: &mut SqliteConnection,
    id: JobId,
    after: u64,
    most: u32,
) -> Result<Vec<JobEvent>, StoreError> {
    let events = sqlx::query(
        "SELECT seq, at_ms, attempt, what FROM events WHERE job = ? AND seq > ? ORDER BY seq LIMIT ?",
    );
    let rows = events.bind(id.to_string()).bind(int(after)).bind(most).fetch_all(db).await?;
    let event = |row: &SqliteRow| {
        let row = Columns(row);
        let (seq, at_ms) = (row.number("seq")?, row.moment("at_ms")?);
        Ok(JobEvent { seq, at_ms, attempt: Attempt(row.number("attempt")?), what: row.json("what")? })
    };
    rows.iter().map(event).collect()
}

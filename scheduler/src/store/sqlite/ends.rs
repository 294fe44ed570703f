//! Ends that no worker tells of: a cancel, a wait that took too long, a lease that ran out.

use dayfly_jobs::state::Event;
use dayfly_jobs::wire::{Happened, JobSummary};
use dayfly_jobs::{JobId, LeaseId, State, Timestamp};
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use super::job::{Job, job_columns, unknown_job};
use super::rows::moment;
use super::writer::Change;
use crate::store::{Scope, StoreError, Ticked};

/// Wish the end of a job.
pub(super) struct Cancel {
    pub(super) scope: Scope,
    pub(super) id: JobId,
    pub(super) now: Timestamp,
}

impl Change for Cancel {
    type Answer = JobSummary;

    async fn apply(&self, db: &mut SqliteConnection) -> Result<Self::Answer, StoreError> {
        let mut job = Job::get(db, self.id).await?;
        if !self.scope.covers(&job.tenant) {
            return Err(unknown_job(self.id));
        }
        if job.standing.cancel {
            return Ok(job.summary());
        }
        if !job.standing.state.is_end() {
            job.note(&Happened::CancelRequested, self.now)?;
        }
        job.happen(db, Event::Cancel, self.now).await?;
        job.save(db).await?;
        Ok(job.summary())
    }
}

/// Do what is due.
pub(super) struct Tick {
    pub(super) now: Timestamp,
    pub(super) most: u32,
}

impl Change for Tick {
    type Answer = Ticked;

    async fn apply(&self, db: &mut SqliteConnection) -> Result<Self::Answer, StoreError> {
        let mut ticked = Ticked::default();
        for mut job in self.due(db).await? {
            if job.standing.state == State::Queued {
                job.reason = Some("no worker took it within its timeouts.queue".to_owned());
                job.happen(db, Event::QueueTimeout, self.now).await?;
                job.save(db).await?;
            } else {
                ticked.lost.push(lose(db, &mut job, self.now).await?);
            }
            if job.standing.state.is_end() {
                ticked.ended.push(job.id);
            }
        }
        let next: Option<i64> =
            sqlx::query_scalar("SELECT min(due_ms) FROM jobs WHERE due_ms IS NOT NULL").fetch_one(db).await?;
        ticked.next = next.and_then(|at| u64::try_from(at).ok()).map(Timestamp);
        Ok(ticked)
    }
}

impl Tick {
    async fn due(&self, db: &mut SqliteConnection) -> Result<Vec<Job>, StoreError> {
        let due = concat!("SELECT ", job_columns!(), " FROM jobs WHERE due_ms <= ? ORDER BY due_ms LIMIT ?");
        let rows = sqlx::query(due).bind(moment(self.now)).bind(self.most).fetch_all(db).await?;
        rows.iter().map(|row: &SqliteRow| Job::from_row(row)).collect()
    }
}

/// Takes a lease back from a worker that was not heard of, and saves the job.
pub(super) async fn lose(
    db: &mut SqliteConnection,
    job: &mut Job,
    now: Timestamp,
) -> Result<LeaseId, StoreError> {
    let attempt = job.standing.attempt;
    if let Some(worker) = job.worker.clone() {
        job.note(&Happened::Lost { worker }, now)?;
    }
    let strikes = job.standing.strikes + 1;
    job.reason = Some(format!("{strikes} of its attempts failed or lost their workers, the last one so"));
    job.happen(db, Event::Lose(attempt), now).await?;
    job.save(db).await?;
    Ok(LeaseId { job: job.id, attempt })
}

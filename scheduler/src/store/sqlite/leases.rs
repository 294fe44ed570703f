//! What workers say of the jobs they hold: that they live, what they saw, how it ended. A word for a lease that was
//! lost changes nothing, and becomes an event of the job.

use dayfly_jobs::state::{Event, Refused};
use dayfly_jobs::wire::{Completed, Completion, Happened, Progress, Renewal, Rest};
use dayfly_jobs::{JobResult, LeaseId, State, Timestamp, WorkerName};
use sqlx::sqlite::SqliteConnection;

use super::job::Job;
use super::logs::Piece;
use super::rows::{json, moment};
use super::writer::Change;
use super::{blobs, logs, workers};
use crate::store::StoreError;

/// Refusals of one job that are noted; more would let a broken worker fill the disk.
const REFUSALS: i64 = 20;

/// Prolong leases.
pub(super) struct Renew {
    pub(super) worker: WorkerName,
    pub(super) leases: Vec<LeaseId>,
    pub(super) until: Timestamp,
    pub(super) now: Timestamp,
}

impl Change for Renew {
    type Answer = Vec<Renewal>;

    async fn apply(&self, db: &mut SqliteConnection) -> Result<Self::Answer, StoreError> {
        workers::heard(db, &self.worker, self.now).await?;
        let mut renewals = Vec::with_capacity(self.leases.len());
        for lease in &self.leases {
            renewals.push(self.renew(db, *lease).await?);
        }
        Ok(renewals)
    }
}

impl Renew {
    async fn renew(&self, db: &mut SqliteConnection, lease: LeaseId) -> Result<Renewal, StoreError> {
        let Some(job) = Job::find(db, lease.job).await? else {
            return Ok(Renewal::Lost { latest: lease.attempt });
        };
        if !holds(&job, &self.worker, lease) {
            return Ok(Renewal::Lost { latest: job.standing.attempt });
        }
        sqlx::query("UPDATE jobs SET due_ms = ?2 WHERE id = ?1")
            .bind(lease.job.to_string())
            .bind(moment(self.until))
            .execute(db)
            .await?;
        Ok(Renewal::Kept { lasts_ms: self.until.millis_since(self.now), cancel: job.standing.cancel })
    }
}

/// Whether this worker has this lease now.
pub(super) fn holds(job: &Job, worker: &WorkerName, lease: LeaseId) -> bool {
    job.is_held() && job.standing.attempt == lease.attempt && job.worker.as_ref() == Some(worker)
}

/// Why a worker may not speak for a lease.
pub(super) fn refusal(job: &Job, lease: LeaseId) -> StoreError {
    let (state, latest) = (job.standing.state, job.standing.attempt);
    let refused =
        if state.is_end() { Refused::Ended(state) } else { Refused::Stale { given: lease.attempt, latest } };
    StoreError::Refused(refused)
}

/// Note that a word was refused, and answer with the reason.
async fn refuse(
    db: &mut SqliteConnection,
    mut job: Job,
    (worker, lease, what): (&WorkerName, LeaseId, &str),
    now: Timestamp,
) -> Result<StoreError, StoreError> {
    let noted: i64 =
        sqlx::query_scalar("SELECT count(*) FROM events WHERE job = ? AND what ->> 'event' = 'refused'")
            .bind(job.id.to_string())
            .fetch_one(&mut *db)
            .await?;
    let refusal = refusal(&job, lease);
    if noted < REFUSALS {
        let what = what.to_owned();
        job.note(&Happened::Refused { attempt: lease.attempt, worker: worker.clone(), what }, now)?;
        job.save(db).await?;
    }
    Ok(refusal)
}

/// Note what a worker saw.
pub(super) struct Tell {
    pub(super) worker: WorkerName,
    pub(super) lease: LeaseId,
    pub(super) progress: Vec<Progress>,
    pub(super) now: Timestamp,
}

impl Change for Tell {
    type Answer = Result<(), StoreError>;

    async fn apply(&self, db: &mut SqliteConnection) -> Result<Self::Answer, StoreError> {
        let mut job = Job::get(db, self.lease.job).await?;
        if !holds(&job, &self.worker, self.lease) {
            let word = (&self.worker, self.lease, "to tell of its steps");
            return refuse(db, job, word, self.now).await.map(Err);
        }
        note_progress(db, &mut job, &self.progress, self.now).await?;
        job.save(db).await?;
        Ok(Ok(()))
    }
}

/// Notes progress that was not noted before in this attempt.
async fn note_progress(
    db: &mut SqliteConnection,
    job: &mut Job,
    progress: &[Progress],
    now: Timestamp,
) -> Result<(), StoreError> {
    let mut known = if job.noted > 0 { noted(db, job).await? } else { Vec::new() };
    for seen in progress {
        let mark = mark(seen);
        if u64::try_from(mark.1).unwrap_or(u64::MAX) >= job.steps {
            return Err(StoreError::Unknown { what: "step", name: mark.1.to_string() });
        }
        if known.contains(&mark) {
            continue;
        }
        if job.standing.state == State::Leased {
            job.happen(db, Event::Start(job.standing.attempt), now).await?;
            job.started = Some(now);
        }
        if let Progress::StepEnded { result, .. } = seen {
            job.ran(result, now);
        }
        job.note(&happened(seen), now)?;
        job.noted += 1;
        known.push(mark);
    }
    Ok(())
}

/// What tells one piece of progress from another: begin or end, and of which step.
fn mark(progress: &Progress) -> (String, i64) {
    let (kind, step) = match progress {
        Progress::StepStarted { step, .. } => ("step_started", step),
        Progress::StepEnded { step, .. } => ("step_ended", step),
    };
    (kind.to_owned(), i64::try_from(*step).unwrap_or(i64::MAX))
}

fn happened(progress: &Progress) -> Happened {
    match progress.clone() {
        Progress::StepStarted { step, log_start } => Happened::StepStarted { step, log_start },
        Progress::StepEnded { step, result } => Happened::StepEnded { step, result },
    }
}

async fn noted(db: &mut SqliteConnection, job: &Job) -> Result<Vec<(String, i64)>, StoreError> {
    let marks = sqlx::query_as(
        "SELECT what ->> 'event', what ->> 'step' FROM events \
         WHERE job = ? AND attempt = ? AND what ->> 'event' IN ('step_started', 'step_ended')",
    );
    Ok(marks.bind(job.id.to_string()).bind(job.standing.attempt.0).fetch_all(db).await?)
}

/// End an attempt.
pub(super) struct Complete {
    pub(super) worker: WorkerName,
    pub(super) lease: LeaseId,
    pub(super) completion: Completion,
    /// The log that came with it.
    pub(super) rest: Option<Piece>,
    pub(super) now: Timestamp,
}

impl Change for Complete {
    type Answer = Result<Completed, StoreError>;

    async fn apply(&self, db: &mut SqliteConnection) -> Result<Self::Answer, StoreError> {
        let mut job = Job::get(db, self.lease.job).await?;
        if !holds(&job, &self.worker, self.lease) {
            return self.repeated(db, job).await;
        }
        let attempt = self.lease.attempt;
        match &self.completion {
            Completion::Finished { result, rest } => self.finish(db, &mut job, result, rest).await?,
            Completion::Stopped => job.happen(db, Event::Stopped(attempt), self.now).await?,
            Completion::Failed { error } => {
                job.note(&Happened::Failed { worker: self.worker.clone(), error: error.clone() }, self.now)?;
                job.reason = Some(error.clone());
                job.happen(db, Event::Fail(attempt), self.now).await?;
            }
            Completion::HandedBack => {
                job.note(&Happened::HandedBack { worker: self.worker.clone() }, self.now)?;
                job.happen(db, Event::HandBack(attempt), self.now).await?;
            }
        }
        job.save(db).await?;
        Ok(Ok(Completed { state: job.standing.state, repeated: false }))
    }
}

impl Complete {
    async fn finish(
        &self,
        db: &mut SqliteConnection,
        job: &mut Job,
        result: &JobResult,
        rest: &Rest,
    ) -> Result<(), StoreError> {
        note_progress(db, job, &rest.events, self.now).await?;
        result.steps.iter().for_each(|step| job.ran(step, self.now));
        if let Some(piece) = &self.rest {
            logs::append(db, job, piece).await?;
        }
        if job.log_bytes != result.log.bytes {
            return Err(StoreError::LogGap { next: job.log_bytes });
        }
        for artifact in &result.artifacts {
            blobs::name(db, job.id, None, artifact.digest, self.now).await?;
        }
        sqlx::query("INSERT INTO results (job, result) VALUES (?, ?)")
            .bind(job.id.to_string())
            .bind(json(result)?)
            .execute(&mut *db)
            .await?;
        job.exit_code = Some(result.verdict.exit_code());
        job.happen(db, Event::Complete(self.lease.attempt), self.now).await
    }

    /// The answer to a word that was said before, or the refusal of one that comes too late.
    async fn repeated(
        &self,
        db: &mut SqliteConnection,
        job: Job,
    ) -> Result<Result<Completed, StoreError>, StoreError> {
        let state = job.standing.state;
        let last = job.standing.attempt == self.lease.attempt && job.worker.as_ref() == Some(&self.worker);
        let said = match &self.completion {
            Completion::Finished { .. } => last && state == State::Finished,
            Completion::Stopped => last && state == State::Cancelled,
            Completion::Failed { .. } => self.said(db, "failed").await?,
            Completion::HandedBack => self.said(db, "handed_back").await?,
        };
        if said {
            return Ok(Ok(Completed { state, repeated: true }));
        }
        refuse(db, job, (&self.worker, self.lease, "to end it"), self.now).await.map(Err)
    }

    async fn said(&self, db: &mut SqliteConnection, event: &str) -> Result<bool, StoreError> {
        let said: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM events WHERE job = ? AND attempt = ? AND what ->> 'event' = ? \
             AND what ->> 'worker' = ?",
        )
        .bind(self.lease.job.to_string())
        .bind(self.lease.attempt.0)
        .bind(event)
        .bind(self.worker.as_str())
        .fetch_one(db)
        .await?;
        Ok(said > 0)
    }
}

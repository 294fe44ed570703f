//! One job as the database keeps it: loading it, what an event changes besides its state, saving it.

use dayfly_jobs::state::{Event, Standing};
use dayfly_jobs::wire::{Happened, JobSummary};
use dayfly_jobs::{Attempt, JobId, QueueName, State, StepResult, TenantName, Timestamp, WorkerName};
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use super::rows::{Columns, int, json, moment};
use super::{lanes, reports};
use crate::dispatch::Usage;
use crate::store::StoreError;

macro_rules! job_columns {
    () => {
        "id, tenant, queue, name, priority, state, attempt, strikes, cancel, max_attempts, worker, reason, \
         exit_code, submitted_ms, leased_ms, started_ms, ended_ms, retry_of, lane, rank, due_ms, waits_ms, \
         patience_ms, reports, steps, events, noted, log_bytes, kept_bytes"
    };
}
pub(super) use job_columns;

/// A job, without what is long.
#[derive(Debug, Clone)]
pub(super) struct Job {
    pub(super) id: JobId,
    pub(super) tenant: TenantName,
    pub(super) queue: QueueName,
    pub(super) name: String,
    pub(super) priority: i8,
    pub(super) standing: Standing,
    pub(super) max_attempts: u32,
    pub(super) worker: Option<WorkerName>,
    pub(super) reason: Option<String>,
    pub(super) exit_code: Option<u8>,
    pub(super) submitted: Timestamp,
    pub(super) leased: Option<Timestamp>,
    pub(super) started: Option<Timestamp>,
    pub(super) ended: Option<Timestamp>,
    pub(super) retry_of: Option<JobId>,
    pub(super) lane: i64,
    pub(super) rank: i64,
    pub(super) due: Option<Timestamp>,
    pub(super) waits: Timestamp,
    pub(super) patience_ms: Option<u64>,
    pub(super) reports: u32,
    pub(super) steps: u64,
    pub(super) events: u64,
    pub(super) noted: u64,
    pub(super) log_bytes: u64,
    pub(super) kept_bytes: u64,
    /// Events that are not saved yet: number, moment, attempt, what.
    fresh: Vec<(u64, u64, u32, String)>,
    /// What its lane does not know yet.
    moved: Option<lanes::Moved>,
    /// What its tenant has used with it, which is not saved yet.
    charged: Option<Usage>,
}

impl Job {
    pub(super) fn from_row(row: &SqliteRow) -> Result<Self, StoreError> {
        let row = Columns(row);
        Ok(Self {
            id: row.parsed("id")?,
            tenant: row.parsed("tenant")?,
            queue: row.parsed("queue")?,
            name: row.text("name")?,
            priority: row.number("priority")?,
            standing: Standing {
                state: row.state("state")?,
                attempt: Attempt(row.number("attempt")?),
                strikes: row.number("strikes")?,
                cancel: row.flag("cancel")?,
            },
            max_attempts: row.number("max_attempts")?,
            worker: row.parsed_if("worker")?,
            reason: row.text_if("reason")?,
            exit_code: row.number_if("exit_code")?,
            submitted: row.moment("submitted_ms")?,
            leased: row.moment_if("leased_ms")?,
            started: row.moment_if("started_ms")?,
            ended: row.moment_if("ended_ms")?,
            retry_of: row.parsed_if("retry_of")?,
            lane: row.number("lane")?,
            rank: row.number("rank")?,
            due: row.moment_if("due_ms")?,
            waits: row.moment("waits_ms")?,
            patience_ms: row.number_if("patience_ms")?,
            reports: row.number("reports")?,
            steps: row.number("steps")?,
            events: row.number("events")?,
            noted: row.number("noted")?,
            log_bytes: row.number("log_bytes")?,
            kept_bytes: row.number("kept_bytes")?,
            fresh: Vec::new(),
            moved: None,
            charged: None,
        })
    }

    /// The job of this id, if there is one.
    pub(super) async fn find(db: &mut SqliteConnection, id: JobId) -> Result<Option<Self>, StoreError> {
        let query = sqlx::query(concat!("SELECT ", job_columns!(), " FROM jobs WHERE id = ?"));
        let row = query.bind(id.to_string()).fetch_optional(db).await?;
        row.as_ref().map(Self::from_row).transpose()
    }

    /// The job of this id.
    pub(super) async fn get(db: &mut SqliteConnection, id: JobId) -> Result<Self, StoreError> {
        Self::find(db, id).await?.ok_or_else(|| unknown_job(id))
    }

    pub(super) fn summary(self) -> JobSummary {
        let Standing { state, attempt, strikes, cancel } = self.standing;
        JobSummary {
            id: self.id,
            name: self.name,
            tenant: self.tenant,
            queue: self.queue,
            priority: self.priority,
            state,
            attempt,
            strikes,
            cancel,
            worker: self.worker,
            reason: self.reason,
            exit_code: self.exit_code,
            submitted_ms: self.submitted,
            leased_ms: self.leased,
            started_ms: self.started,
            ended_ms: self.ended,
            retry_of: self.retry_of,
        }
    }

    /// Whether a worker has it.
    pub(super) fn is_held(&self) -> bool {
        is_held(self.standing.state)
    }

    /// Adds to the list of what happened to it.
    pub(super) fn note(&mut self, what: &Happened, now: Timestamp) -> Result<(), StoreError> {
        self.events += 1;
        self.fresh.push((self.events, now.0, self.standing.attempt.0, json(what)?));
        Ok(())
    }

    /// Corrects when its first step began by a step that has ended by `now`: the word of a beginning takes its time to
    /// come. What a worker says moves it to its lease at most.
    pub(super) fn ran(&mut self, step: &StepResult, now: Timestamp) {
        let since = step.end().as_micros().div_ceil(1000);
        let began = Timestamp(now.0.saturating_sub(since)).max(self.leased.unwrap_or(now));
        self.started = self.started.map(|told| told.min(began));
    }

    /// Lets an event happen, with everything that follows from it: counts of its lane, what its tenant used, what is
    /// due next, and at its end the reports. The caller has noted the event and set the reason for the case that
    /// the job ends by it, and saves afterwards.
    pub(super) async fn happen(
        &mut self,
        db: &mut SqliteConnection,
        event: Event,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let before = self.standing.state;
        self.standing = self.standing.after(event, self.max_attempts)?;
        let after = self.standing.state;
        if before == after || is_held(before) && is_held(after) {
            return Ok(());
        }
        self.moved = Some(lanes::moved(self, before, now));
        if is_held(before) {
            self.charged = Some(lanes::charge(db, self, now).await?);
        }
        match after {
            State::Queued => self.wait(now),
            State::Leased | State::Running => {}
            State::Finished | State::Cancelled | State::InfrastructureError | State::Quarantined => {
                self.end(db, now).await?;
            }
        }
        Ok(())
    }

    fn wait(&mut self, now: Timestamp) {
        self.reason = None;
        self.waits = now;
        self.due = self.patience_ms.map(|left| now.plus_millis(left));
    }

    async fn end(&mut self, db: &mut SqliteConnection, now: Timestamp) -> Result<(), StoreError> {
        self.ended = Some(now);
        self.due = None;
        self.reason = match self.standing.state {
            State::Finished => None,
            State::Cancelled if self.standing.cancel => Some("cancelled by its owner".to_owned()),
            State::Queued
            | State::Leased
            | State::Running
            | State::Cancelled
            | State::InfrastructureError
            | State::Quarantined => self.reason.take(),
        };
        let ended = Happened::Ended { state: self.standing.state, reason: self.reason.clone() };
        self.note(&ended, now)?;
        if self.reports > 0 {
            reports::queue(db, self.id, now).await?;
        }
        Ok(())
    }

    /// Saves what can change, the events that are new, and what has changed for its lane and its tenant: all of it
    /// handed to the database at once, for that is what a statement costs.
    pub(super) async fn save(&mut self, db: &mut SqliteConnection) -> Result<(), StoreError> {
        let Standing { state, attempt, strikes, cancel } = self.standing;
        let (lane, moved) =
            (self.moved.is_some().then_some(self.lane), self.moved.take().unwrap_or_default());
        let (charged, fresh) = (self.charged.take(), json(&std::mem::take(&mut self.fresh))?);
        sqlx::query(SAVE)
            .bind(moved.queued)
            .bind(moved.running)
            .bind(moved.leased_sum_ms)
            .bind(moved.queued)
            .bind(moved.queued)
            .bind(moved.running)
            .bind(lane)
            .bind(charged.map(|usage| usage.amount))
            .bind(charged.map(|usage| moment(usage.at)))
            .bind(charged.map(|_| self.tenant.as_str()))
            .bind(state.name())
            .bind(attempt.0)
            .bind(strikes)
            .bind(cancel)
            .bind(self.worker.as_ref().map(WorkerName::as_str))
            .bind(self.reason.as_deref())
            .bind(self.exit_code)
            .bind(self.leased.map(moment))
            .bind(self.started.map(moment))
            .bind(self.ended.map(moment))
            .bind(self.due.map(moment))
            .bind(moment(self.waits))
            .bind(self.patience_ms.map(int))
            .bind(int(self.events))
            .bind(int(self.noted))
            .bind(int(self.log_bytes))
            .bind(int(self.kept_bytes))
            .bind(self.id.to_string())
            .bind(self.id.to_string())
            .bind(fresh)
            .execute(db)
            .await?;
        Ok(())
    }
}

/// A lane or a tenant that is NULL is none.
const SAVE: &str = "UPDATE lanes SET queued = queued + ?, running = running + ?, leased_sum_ms = leased_sum_ms + ?, \
     newcomer = (newcomer OR queued = 0 AND ? > 0) AND NOT (? < 0 AND ? > 0) WHERE id = ?; \
     UPDATE tenants SET usage = ?, usage_ms = ? WHERE name = ?; \
     UPDATE jobs SET state = ?, attempt = ?, strikes = ?, cancel = ?, worker = ?, reason = ?, exit_code = ?, \
     leased_ms = ?, started_ms = ?, ended_ms = ?, due_ms = ?, waits_ms = ?, patience_ms = ?, events = ?, noted = ?, \
     log_bytes = ?, kept_bytes = ? WHERE id = ?; \
     INSERT INTO events (job, seq, at_ms, attempt, what) \
     SELECT ?, value ->> 0, value ->> 1, value ->> 2, value ->> 3 FROM json_each(?)";

/// Whether a worker has a job in this state.
pub(super) fn is_held(state: State) -> bool {
    match state {
        State::Leased | State::Running => true,
        State::Queued
        | State::Finished
        | State::Cancelled
        | State::InfrastructureError
        | State::Quarantined => false,
    }
}

pub(super) fn unknown_job(id: JobId) -> StoreError {
    StoreError::Unknown { what: "job", name: id.to_string() }
}

//! Workers: who they are, when they were heard of, what they hold.

use dayfly_jobs::wire::{Capacity, Registration, WorkerInfo};
use dayfly_jobs::{Attempt, LeaseId, Timestamp, WorkerName};
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use super::ends::lose;
use super::job::{Job, job_columns};
use super::rows::{Columns, json, moment};
use super::writer::Change;
use crate::store::StoreError;

/// A worker that was not heard of for this long counts as gone. An idle one is heard of when its long poll ends, which
/// takes up to 30 s.
pub(super) const ALIVE_MS: u64 = 45_000;

/// How exactly it is known when a worker was heard of; saying it each time would be a write for each word.
const SEEN_MS: u64 = 5000;

/// What a claim needs to know of its worker.
pub(super) struct Heard {
    pub(super) capacity: Capacity,
    pub(super) draining: bool,
    /// Whether any job waits at all.
    pub(super) work: bool,
}

/// Notes that a worker was heard of.
pub(super) async fn heard(
    db: &mut SqliteConnection,
    name: &WorkerName,
    now: Timestamp,
) -> Result<Heard, StoreError> {
    let row = sqlx::query(
        "SELECT registration -> 'capacity' AS capacity, draining, seen_ms, \
         EXISTS (SELECT 1 FROM lanes WHERE queued > 0) AS work FROM workers WHERE name = ?",
    )
    .bind(name.as_str())
    .fetch_optional(&mut *db)
    .await?
    .ok_or_else(|| unknown(name))?;
    let row = Columns(&row);
    if now.millis_since(row.moment("seen_ms")?) >= SEEN_MS {
        sqlx::query("UPDATE workers SET seen_ms = ?2 WHERE name = ?1")
            .bind(name.as_str())
            .bind(moment(now))
            .execute(db)
            .await?;
    }
    Ok(Heard { capacity: row.json("capacity")?, draining: row.flag("draining")?, work: row.flag("work")? })
}

/// Note a worker.
pub(super) struct Register {
    pub(super) registration: Registration,
    pub(super) token: [u8; 32],
    pub(super) now: Timestamp,
}

impl Change for Register {
    type Answer = ();

    async fn apply(&self, db: &mut SqliteConnection) -> Result<(), StoreError> {
        lose_all(db, &self.registration.name, self.now).await?;
        sqlx::query(
            "INSERT OR REPLACE INTO workers (name, registration, token, seen_ms) VALUES (?, ?, ?, ?)",
        )
        .bind(self.registration.name.as_str())
        .bind(json(&self.registration)?)
        .bind(self.token.as_slice())
        .bind(moment(self.now))
        .execute(db)
        .await?;
        Ok(())
    }
}

/// Tell a worker to take no more jobs, or to take jobs again.
pub(super) struct Drain {
    pub(super) worker: WorkerName,
    pub(super) drain: bool,
}

impl Change for Drain {
    type Answer = ();

    async fn apply(&self, db: &mut SqliteConnection) -> Result<(), StoreError> {
        let drain = sqlx::query("UPDATE workers SET draining = ?2 WHERE name = ?1");
        let done = drain.bind(self.worker.as_str()).bind(self.drain).execute(db).await?;
        if done.rows_affected() == 0 { Err(unknown(&self.worker)) } else { Ok(()) }
    }
}

/// Forget a worker.
pub(super) struct Remove {
    pub(super) worker: WorkerName,
    pub(super) now: Timestamp,
}

impl Change for Remove {
    type Answer = ();

    async fn apply(&self, db: &mut SqliteConnection) -> Result<(), StoreError> {
        lose_all(db, &self.worker, self.now).await?;
        let remove = sqlx::query("DELETE FROM workers WHERE name = ?");
        let done = remove.bind(self.worker.as_str()).execute(db).await?;
        if done.rows_affected() == 0 { Err(unknown(&self.worker)) } else { Ok(()) }
    }
}

async fn lose_all(db: &mut SqliteConnection, worker: &WorkerName, now: Timestamp) -> Result<(), StoreError> {
    let held = concat!(
        "SELECT ",
        job_columns!(),
        " FROM jobs WHERE worker = ? AND state IN ('leased', 'running') ORDER BY id"
    );
    for row in sqlx::query(held).bind(worker.as_str()).fetch_all(&mut *db).await? {
        lose(db, &mut Job::from_row(&row)?, now).await?;
    }
    Ok(())
}

/// One worker, or all by name.
pub(super) async fn list(
    db: &mut SqliteConnection,
    name: Option<&WorkerName>,
    now: Timestamp,
) -> Result<Vec<WorkerInfo>, StoreError> {
    let workers = sqlx::query(
        "SELECT registration, seen_ms, draining FROM workers WHERE ?1 IS NULL OR name = ?1 ORDER BY name",
    );
    let rows = workers.bind(name.map(WorkerName::as_str)).fetch_all(&mut *db).await?;
    let mut workers = Vec::with_capacity(rows.len());
    for row in &rows {
        workers.push(info(db, row, now).await?);
    }
    Ok(workers)
}

async fn info(db: &mut SqliteConnection, row: &SqliteRow, now: Timestamp) -> Result<WorkerInfo, StoreError> {
    let row = Columns(row);
    let registration: Registration = row.json("registration")?;
    let seen_ms = row.moment("seen_ms")?;
    let alive = now.millis_since(seen_ms) < ALIVE_MS;
    let leases = leases(db, &registration.name).await?;
    Ok(WorkerInfo { registration, seen_ms, alive, draining: row.flag("draining")?, leases })
}

async fn leases(db: &mut SqliteConnection, worker: &WorkerName) -> Result<Vec<LeaseId>, StoreError> {
    let held = "SELECT id, attempt FROM jobs WHERE worker = ? AND state IN ('leased', 'running') ORDER BY id";
    let rows = sqlx::query(held).bind(worker.as_str()).fetch_all(db).await?;
    let lease = |row: &SqliteRow| {
        let row = Columns(row);
        Ok(LeaseId { job: row.parsed("id")?, attempt: Attempt(row.number("attempt")?) })
    };
    rows.iter().map(lease).collect()
}

fn unknown(worker: &WorkerName) -> StoreError {
    StoreError::Unknown { what: "worker", name: worker.to_string() }
}

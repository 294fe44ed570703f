//! Logs of attempts. Small pieces are in the database; large ones are appended to a file of their attempt, at the same
//! place as in the log, and synced before the row that makes them count is committed.

use dayfly_jobs::wire::LogPosition;
use dayfly_jobs::{Attempt, JobId, LeaseId, WorkerName};
use sqlx::sqlite::{SqliteConnection, SqlitePool, SqliteRow};

use super::files::LogFiles;
use super::job::Job;
use super::leases::{holds, refusal};
use super::reserve::Room;
use super::rows::{Columns, int};
use super::writer::{Change, Writer};
use crate::store::{LogPart, StoreError};

/// Pieces up to this size are kept in the database.
const SMALL: usize = 16 << 10;

/// The most that one read gives.
const MOST_READ: u64 = 4 << 20;

/// A piece of a log, ready to be noted.
#[derive(Debug, Clone)]
pub(super) struct Piece {
    /// Where it begins.
    offset: u64,
    length: u64,
    /// Its bytes, if they are not in the file.
    bytes: Option<Vec<u8>>,
}

/// Append a piece.
pub(super) struct Append {
    pub(super) worker: WorkerName,
    pub(super) lease: LeaseId,
    pub(super) piece: Piece,
}

impl Change for Append {
    type Answer = LogPosition;
    const ADDS: bool = true;

    async fn apply(&self, db: &mut SqliteConnection) -> Result<Self::Answer, StoreError> {
        let mut job = Job::get(db, self.lease.job).await?;
        if !holds(&job, &self.worker, self.lease) {
            return Err(refusal(&job, self.lease));
        }
        let before = job.log_bytes;
        append(db, &mut job, &self.piece).await?;
        if job.log_bytes > before {
            sqlx::query("UPDATE jobs SET log_bytes = ?2, kept_bytes = ?3 WHERE id = ?1")
                .bind(job.id.to_string())
                .bind(int(job.log_bytes))
                .bind(int(job.kept_bytes))
                .execute(db)
                .await?;
        }
        Ok(LogPosition { next: job.log_bytes })
    }
}

/// Makes the bytes durable that are too many for a row, if this worker may append them.
pub(super) async fn stage(
    writer: &Writer,
    readers: &SqlitePool,
    files: &LogFiles,
    (worker, lease): (&WorkerName, LeaseId),
    (offset, bytes): (u64, &[u8]),
) -> Result<Piece, StoreError> {
    let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    if bytes.len() <= SMALL {
        return Ok(Piece { offset, length, bytes: Some(bytes.to_vec()) });
    }
    writer.make(Room).await?;
    let mut db = readers.acquire().await?;
    let job = Job::get(&mut db, lease.job).await?;
    drop(db);
    if !holds(&job, worker, lease) {
        return Err(refusal(&job, lease));
    }
    if offset > job.log_bytes {
        return Err(StoreError::LogGap { next: job.log_bytes });
    }
    // What counts already is not written again.
    let known = usize::try_from(job.log_bytes - offset).unwrap_or(usize::MAX).min(bytes.len());
    files.write(lease, job.log_bytes, bytes[known..].to_vec()).await?;
    Ok(Piece { offset, length, bytes: None })
}

/// Notes what of a piece is new. A gap before it is refused.
pub(super) async fn append(
    db: &mut SqliteConnection,
    job: &mut Job,
    piece: &Piece,
) -> Result<(), StoreError> {
    let (known, end) = (job.log_bytes, piece.offset.saturating_add(piece.length));
    if piece.offset > known {
        return Err(StoreError::LogGap { next: known });
    }
    if end <= known {
        return Ok(());
    }
    let from = usize::try_from(known - piece.offset).unwrap_or(usize::MAX);
    let bytes = piece.bytes.as_ref().map(|bytes| bytes.get(from..).unwrap_or_default());
    sqlx::query(
        "INSERT INTO logs (job, attempt, start, length, bytes) VALUES (?, ?, ?, ?, ?); \
         UPDATE totals SET bytes = bytes + ? WHERE name = ?",
    )
    .bind(job.id.to_string())
    .bind(job.standing.attempt.0)
    .bind(int(known))
    .bind(int(end - known))
    .bind(bytes)
    .bind(int(end - known))
    .bind(super::totals::LOGS)
    .execute(db)
    .await?;
    job.log_bytes = end;
    job.kept_bytes = job.kept_bytes.saturating_add(end - known);
    Ok(())
}

/// Part of the log of a job's latest attempt.
pub(super) async fn read(
    readers: &SqlitePool,
    files: &LogFiles,
    id: JobId,
    offset: u64,
    most: u64,
) -> Result<LogPart, StoreError> {
    let mut db = readers.acquire().await?;
    let job = Job::get(&mut db, id).await?;
    let attempt = job.standing.attempt;
    let end = offset.saturating_add(most.min(MOST_READ)).min(job.log_bytes);
    let pieces = pieces(&mut db, id, attempt, offset, end).await?;
    drop(db);
    let mut bytes = Vec::new();
    for piece in pieces {
        let (from, to) = (piece.offset.max(offset), (piece.offset + piece.length).min(end));
        match piece.bytes {
            Some(inside) => bytes.extend_from_slice(slice(&inside, from - piece.offset, to - piece.offset)),
            None => bytes.extend(files.read(LeaseId { job: id, attempt }, from, to - from).await?),
        }
    }
    Ok(LogPart { offset, bytes, length: job.log_bytes, open: !job.standing.state.is_end(), attempt })
}

fn slice(bytes: &[u8], from: u64, to: u64) -> &[u8] {
    let place = |at| usize::try_from(at).unwrap_or(usize::MAX);
    bytes.get(place(from)..place(to)).unwrap_or_default()
}

async fn pieces(
    db: &mut SqliteConnection,
    job: JobId,
    attempt: Attempt,
    from: u64,
    to: u64,
) -> Result<Vec<Piece>, StoreError> {
    let rows = sqlx::query(
        "SELECT start, length, bytes FROM logs WHERE job = ?1 AND attempt = ?2 AND start < ?4 AND start >= \
         coalesce((SELECT max(start) FROM logs WHERE job = ?1 AND attempt = ?2 AND start <= ?3), 0) ORDER BY start",
    )
    .bind(job.to_string())
    .bind(attempt.0)
    .bind(int(from))
    .bind(int(to))
    .fetch_all(db)
    .await?;
    let piece = |row: &SqliteRow| {
        let row = Columns(row);
        Ok(Piece {
            offset: row.number("start")?,
            length: row.number("length")?,
            bytes: row.bytes_if("bytes")?,
        })
    };
    rows.iter().map(piece).collect()
}

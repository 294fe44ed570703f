//! Removing what is too old or too much, a bounded amount in one transaction. Files are deleted after the transaction
//! that made them superfluous; their names are kept until they are, so that a crash between the two leaves nothing.

use dayfly_jobs::{Digest, Timestamp};
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use super::rows::{Columns, int, moment};
use super::writer::Change;
use super::{files, totals};
use crate::store::{Collected, Retention, StoreError};

/// Jobs, blobs, keys and deliveries of each kind that one collection removes at most.
const AT_ONCE: u32 = 200;

/// Remove what retention allows to remove.
pub(super) struct Collect {
    pub(super) retention: Retention,
    pub(super) now: Timestamp,
}

impl Change for Collect {
    type Answer = (Collected, Vec<String>);

    async fn apply(&self, db: &mut SqliteConnection) -> Result<Self::Answer, StoreError> {
        let mut most = self.small_things(db).await?;
        let old = self.old_jobs(db).await?;
        for (job, kept) in &old {
            remove_job(db, job, *kept).await?;
        }
        let blobs = self.unused_blobs(db).await?;
        for (digest, size) in &blobs {
            remove_blob(db, digest, *size).await?;
        }
        let blobs_gone = removals(db, "blob").await?;
        let logs = removals(db, "log").await?;
        most = most.max(old.len()).max(blobs.len()).max(logs.len());
        let digests = blobs_gone.iter().map(|name| parse(name)).collect::<Result<_, _>>()?;
        let (jobs, full) =
            (u64::try_from(old.len()).unwrap_or(0), usize::try_from(AT_ONCE).unwrap_or(usize::MAX));
        Ok((Collected { jobs, blobs: digests, more: most >= full }, logs))
    }
}

fn parse(name: &str) -> Result<Digest, StoreError> {
    name.parse().map_err(|error| super::rows::damaged("name", error))
}

impl Collect {
    /// The moment before which something that is kept so long is too old.
    fn before(&self, kept_ms: u64) -> i64 {
        moment(Timestamp(self.now.0.saturating_sub(kept_ms)))
    }

    /// Keys, deliveries, lanes: the most of one kind that was removed.
    async fn small_things(&self, db: &mut SqliteConnection) -> Result<usize, StoreError> {
        let keys = "DELETE FROM keys WHERE (tenant, key) IN \
                    (SELECT tenant, key FROM keys WHERE used_ms < ?1 ORDER BY used_ms LIMIT ?2)";
        let deliveries = "DELETE FROM deliveries WHERE (job, report) IN (SELECT job, report FROM deliveries \
                          WHERE state <> 'pending' AND next_ms < ?1 ORDER BY next_ms LIMIT ?2)";
        let lanes = "DELETE FROM lanes WHERE id IN \
                     (SELECT id FROM lanes WHERE queued = 0 AND running = 0 AND ?1 >= 0 LIMIT ?2)";
        let mut most = 0;
        for (delete, kept) in
            [(keys, self.retention.keys_ms), (deliveries, self.retention.deliveries_ms), (lanes, 0)]
        {
            let done = sqlx::query(delete).bind(self.before(kept)).bind(AT_ONCE).execute(&mut *db).await?;
            most = most.max(usize::try_from(done.rows_affected()).unwrap_or(usize::MAX));
        }
        Ok(most)
    }

    /// Ended jobs that are too old, or the oldest of them while too much is kept.
    async fn old_jobs(&self, db: &mut SqliteConnection) -> Result<Vec<(String, u64)>, StoreError> {
        let old = self.before(self.retention.jobs_ms);
        let mut over = totals::all(db).await?.saturating_sub(self.retention.bytes);
        let rows = sqlx::query(
            "SELECT id, ended_ms < ?1 AS old, kept_bytes, kept_bytes + (SELECT coalesce(sum(size), 0) FROM blob_uses \
             JOIN blobs USING (digest) WHERE job = id AND uses = 1) AS freed FROM jobs WHERE ended_ms < ?3 AND NOT EXISTS \
             (SELECT 1 FROM deliveries WHERE job = id AND deliveries.state = 'pending') ORDER BY ended_ms LIMIT ?2",
        )
        .bind(old)
        .bind(AT_ONCE)
        .bind(if over > 0 { i64::MAX } else { old })
        .fetch_all(db)
        .await?;
        let mut jobs = Vec::new();
        for row in &rows {
            let row = Columns(row);
            if row.flag("old")? || over > 0 {
                over = over.saturating_sub(row.number("freed")?);
                jobs.push((row.text("id")?, row.number("kept_bytes")?));
            }
        }
        Ok(jobs)
    }

    async fn unused_blobs(&self, db: &mut SqliteConnection) -> Result<Vec<(String, u64)>, StoreError> {
        let rows = sqlx::query(
            "SELECT digest, size FROM blobs WHERE uses = 0 AND used_ms < ? ORDER BY used_ms LIMIT ?",
        )
        .bind(self.before(self.retention.blobs_ms))
        .bind(AT_ONCE)
        .fetch_all(db)
        .await?;
        let blob = |row: &SqliteRow| Ok((Columns(row).text("digest")?, Columns(row).number("size")?));
        rows.iter().map(blob).collect()
    }
}

async fn remove_job(db: &mut SqliteConnection, job: &str, kept: u64) -> Result<(), StoreError> {
    let attempts: Vec<u32> =
        sqlx::query_scalar("SELECT DISTINCT attempt FROM logs WHERE job = ? AND bytes IS NULL")
            .bind(job)
            .fetch_all(&mut *db)
            .await?;
    for attempt in attempts {
        superfluous(db, "log", &files::name_of(job, attempt)).await?;
    }
    sqlx::query(
        "UPDATE blobs SET uses = uses - 1 WHERE digest IN (SELECT digest FROM blob_uses WHERE job = ?)",
    )
    .bind(job)
    .execute(&mut *db)
    .await?;
    totals::add(db, totals::LOGS, -int(kept)).await?;
    sqlx::query("DELETE FROM jobs WHERE id = ?").bind(job).execute(db).await?;
    Ok(())
}

async fn remove_blob(db: &mut SqliteConnection, digest: &str, size: u64) -> Result<(), StoreError> {
    superfluous(db, "blob", digest).await?;
    totals::add(db, totals::BLOBS, -int(size)).await?;
    sqlx::query("DELETE FROM blobs WHERE digest = ?").bind(digest).execute(db).await?;
    Ok(())
}

async fn superfluous(db: &mut SqliteConnection, kind: &str, name: &str) -> Result<(), StoreError> {
    sqlx::query("INSERT OR IGNORE INTO removals (kind, name) VALUES (?, ?)")
        .bind(kind)
        .bind(name)
        .execute(db)
        .await?;
    Ok(())
}

async fn removals(db: &mut SqliteConnection, kind: &str) -> Result<Vec<String>, StoreError> {
    let names = sqlx::query_scalar("SELECT name FROM removals WHERE kind = ? ORDER BY name LIMIT ?");
    Ok(names.bind(kind).bind(AT_ONCE).fetch_all(db).await?)
}

/// Note that files of logs were deleted.
pub(super) struct LogsDeleted(pub(super) Vec<String>);

impl Change for LogsDeleted {
    type Answer = ();

    async fn apply(&self, db: &mut SqliteConnection) -> Result<(), StoreError> {
        for name in &self.0 {
            sqlx::query("DELETE FROM removals WHERE kind = 'log' AND name = ?")
                .bind(name)
                .execute(&mut *db)
                .await?;
        }
        Ok(())
    }
}

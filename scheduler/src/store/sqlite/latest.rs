//! Until when the store knows what time it was: a scheduler whose host's clock was set back goes on from there.

use dayfly_jobs::Timestamp;
use sqlx::sqlite::SqliteConnection;

use crate::store::StoreError;

/// The latest moment that is noted where few rows have to be looked at: the newest job, the last end, what runs, and
/// when workers and tenants were looked at last.
pub(super) async fn latest(db: &mut SqliteConnection) -> Result<Timestamp, StoreError> {
    let at: Option<i64> = sqlx::query_scalar(
        "SELECT max(at) FROM (SELECT max(ended_ms) AS at FROM jobs \
         UNION ALL SELECT submitted_ms FROM (SELECT submitted_ms FROM jobs ORDER BY id DESC LIMIT 1) \
         UNION ALL SELECT max(max(leased_ms, coalesce(started_ms, 0))) FROM jobs WHERE state IN ('leased', 'running') \
         UNION ALL SELECT max(seen_ms) FROM workers UNION ALL SELECT max(usage_ms) FROM tenants)",
    )
    .fetch_one(db)
    .await?;
    Ok(Timestamp(at.and_then(|at| u64::try_from(at).ok()).unwrap_or_default()))
}

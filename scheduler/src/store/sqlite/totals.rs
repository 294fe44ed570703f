//! How many bytes are kept, so that retention need not add up every job.

use sqlx::sqlite::SqliteConnection;

use crate::store::StoreError;

/// Bytes of logs.
pub(super) const LOGS: &str = "logs";
/// Bytes of blobs.
pub(super) const BLOBS: &str = "blobs";

/// Adds to a total, or takes away.
pub(super) async fn add(db: &mut SqliteConnection, name: &str, bytes: i64) -> Result<(), StoreError> {
    sqlx::query("UPDATE totals SET bytes = bytes + ?2 WHERE name = ?1")
        .bind(name)
        .bind(bytes)
        .execute(db)
        .await?;
    Ok(())
}

/// All of them together.
pub(super) async fn all(db: &mut SqliteConnection) -> Result<u64, StoreError> {
    let bytes: i64 = sqlx::query_scalar("SELECT coalesce(sum(bytes), 0) FROM totals").fetch_one(db).await?;
    Ok(u64::try_from(bytes).unwrap_or(0))
}

//! Where tenants begin who want more: what a turn changes of it, kept for the next board.

use sqlx::sqlite::SqliteConnection;

use super::rows::moment;
use crate::dispatch::{Lane, Turned, Usage};
use crate::store::StoreError;

/// Keeps what a turn of this lane has changed.
pub(super) async fn keep(db: &mut SqliteConnection, lane: &Lane, turned: Turned) -> Result<(), StoreError> {
    if let Some(handicap) = turned.handicap {
        keep_handicap(db, lane, handicap).await?;
    }
    if let Some(furthest) = turned.furthest {
        sqlx::query("UPDATE queues SET furthest = ?2, furthest_ms = ?3 WHERE name = ?1")
            .bind(lane.queue.as_str())
            .bind(furthest.amount)
            .bind(moment(furthest.at))
            .execute(&mut *db)
            .await?;
    }
    if turned.steps_back {
        sqlx::query("UPDATE lanes SET newcomer = 1 WHERE tenant = ? AND (queued > 0 OR running > 0)")
            .bind(lane.tenant.as_str())
            .execute(db)
            .await?;
    }
    Ok(())
}

async fn keep_handicap(db: &mut SqliteConnection, lane: &Lane, handicap: Usage) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO handicaps (tenant, queue, part, at_ms) VALUES (?1, ?2, ?3, ?4) \
         ON CONFLICT (tenant, queue) DO UPDATE SET part = ?3, at_ms = ?4",
    )
    .bind(lane.tenant.as_str())
    .bind(lane.queue.as_str())
    .bind(handicap.amount)
    .bind(moment(handicap.at))
    .execute(db)
    .await?;
    Ok(())
}

//! Deliveries: queued when a job ends, taken when due, settled when they arrived or were given up.

use dayfly_jobs::{JobId, JobSpec, Report, TenantName, Timestamp};
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use super::rows::{Columns, damaged, moment};
use super::tenants;
use super::writer::Change;
use crate::store::reports::receiver;
use crate::store::{Attempted, Delivery, DeliveryId, DeliveryState, Due, Room, Scope, StoreError};

/// Queues a delivery for each report of a job that has ended.
pub(super) async fn queue(db: &mut SqliteConnection, job: JobId, now: Timestamp) -> Result<(), StoreError> {
    let row =
        sqlx::query("SELECT spec FROM specs WHERE job = ?").bind(job.to_string()).fetch_one(&mut *db).await?;
    let spec: JobSpec = Columns(&row).json("spec")?;
    for (place, report) in (0_u32..).zip(&spec.report) {
        let Report::Webhook(url) = report;
        sqlx::query(
            "INSERT INTO deliveries (job, report, url, host, state, created_ms, next_ms) \
             VALUES (?1, ?2, ?3, ?5, 'pending', ?4, ?4)",
        )
        .bind(job.to_string())
        .bind(place)
        .bind(url)
        .bind(moment(now))
        .bind(receiver(url))
        .execute(&mut *db)
        .await?;
    }
    Ok(())
}

/// When the next delivery is due, if one waits.
pub(super) async fn next(db: &mut SqliteConnection) -> Result<Option<Timestamp>, StoreError> {
    let next: Option<i64> = sqlx::query_scalar("SELECT min(next_ms) FROM deliveries WHERE state = 'pending'")
        .fetch_one(db)
        .await?;
    Ok(next.and_then(|at| u64::try_from(at).ok()).map(Timestamp))
}

/// Take what is due.
pub(super) struct TakeDue {
    pub(super) room: Room,
    pub(super) again: Timestamp,
    pub(super) now: Timestamp,
}

impl Change for TakeDue {
    type Answer = Due;

    async fn apply(&self, db: &mut SqliteConnection) -> Result<Due, StoreError> {
        let now = self.due(db).await?;
        for delivery in &now {
            sqlx::query("UPDATE deliveries SET next_ms = ?3 WHERE job = ?1 AND report = ?2")
                .bind(delivery.id.job.to_string())
                .bind(delivery.id.report)
                .bind(moment(self.again))
                .execute(&mut *db)
                .await?;
        }
        let next: Option<i64> =
            sqlx::query_scalar("SELECT min(next_ms) FROM deliveries WHERE state = 'pending' AND next_ms > ?")
                .bind(moment(self.now))
                .fetch_one(db)
                .await?;
        Ok(Due { now, next: next.and_then(|at| u64::try_from(at).ok()).map(Timestamp) })
    }
}

impl TakeDue {
    /// The oldest ones, passing over those whose receiver has as many as it may.
    async fn due(&self, db: &mut SqliteConnection) -> Result<Vec<Delivery>, StoreError> {
        let rows = sqlx::query(
            "SELECT due.*, tenant FROM (SELECT *, row_number() OVER (PARTITION BY host ORDER BY next_ms, job, report) AS place \
             FROM deliveries WHERE state = 'pending' AND next_ms <= ?1 AND host NOT IN \
             (SELECT key FROM json_each(?2) WHERE value >= ?3)) AS due JOIN jobs ON jobs.id = job \
             WHERE place + coalesce((SELECT value FROM json_each(?2) WHERE key = host), 0) <= ?3 \
             ORDER BY next_ms, job, report LIMIT ?4",
        )
        .bind(moment(self.now))
        .bind(super::rows::json(&self.room.busy)?)
        .bind(self.room.each)
        .bind(self.room.most)
        .fetch_all(db)
        .await?;
        rows.iter().map(delivery).collect()
    }
}

/// Note what became of an attempt.
pub(super) struct Settle {
    pub(super) delivery: DeliveryId,
    pub(super) what: Attempted,
    pub(super) now: Timestamp,
}

impl Change for Settle {
    type Answer = ();

    async fn apply(&self, db: &mut SqliteConnection) -> Result<(), StoreError> {
        let (state, next, error) = match &self.what {
            Attempted::Delivered => (DeliveryState::Delivered, self.now, None),
            Attempted::Later { at, error } => (DeliveryState::Pending, *at, Some(error)),
            Attempted::Dead { error } => (DeliveryState::Dead, self.now, Some(error)),
        };
        let settled = sqlx::query(
            "UPDATE deliveries SET state = ?3, next_ms = ?4, error = ?5, attempts = attempts + 1 \
             WHERE job = ?1 AND report = ?2",
        )
        .bind(self.delivery.job.to_string())
        .bind(self.delivery.report)
        .bind(name(state))
        .bind(moment(next))
        .bind(error)
        .execute(db)
        .await?;
        if settled.rows_affected() == 0 { Err(unknown(self.delivery)) } else { Ok(()) }
    }
}

/// Make a delivery due again.
pub(super) struct Redeliver {
    pub(super) scope: Scope,
    pub(super) delivery: DeliveryId,
    pub(super) now: Timestamp,
}

impl Change for Redeliver {
    type Answer = ();

    async fn apply(&self, db: &mut SqliteConnection) -> Result<(), StoreError> {
        let due = sqlx::query(
            "UPDATE deliveries SET state = 'pending', attempts = 0, next_ms = ?3 WHERE job = ?1 AND report = ?2 \
             AND EXISTS (SELECT 1 FROM jobs WHERE id = ?1 AND (?4 IS NULL OR tenant = ?4))",
        )
        .bind(self.delivery.job.to_string())
        .bind(self.delivery.report)
        .bind(moment(self.now))
        .bind(self.scope.tenant().map(TenantName::as_str))
        .execute(db)
        .await?;
        if due.rows_affected() == 0 { Err(unknown(self.delivery)) } else { Ok(()) }
    }
}

/// Set the key of a tenant's webhooks.
pub(super) struct SetWebhookKey {
    pub(super) tenant: TenantName,
    pub(super) ciphertext: Vec<u8>,
}

impl Change for SetWebhookKey {
    type Answer = ();

    async fn apply(&self, db: &mut SqliteConnection) -> Result<(), StoreError> {
        tenants::ensure(db, &self.tenant).await?;
        let set = sqlx::query("UPDATE tenants SET webhook_key = ?2 WHERE name = ?1");
        set.bind(self.tenant.as_str()).bind(self.ciphertext.as_slice()).execute(db).await?;
        Ok(())
    }
}

/// The key of a tenant's webhooks.
pub(super) async fn webhook_key(
    db: &mut SqliteConnection,
    tenant: &TenantName,
) -> Result<Option<Vec<u8>>, StoreError> {
    let key = sqlx::query_scalar("SELECT webhook_key FROM tenants WHERE name = ?");
    Ok(key.bind(tenant.as_str()).fetch_optional(db).await?.flatten())
}

/// The deliveries of a job.
pub(super) async fn list(
    db: &mut SqliteConnection,
    scope: &Scope,
    job: JobId,
) -> Result<Vec<Delivery>, StoreError> {
    let list = "SELECT deliveries.*, tenant FROM deliveries JOIN jobs ON jobs.id = job \
                WHERE job = ?1 AND (?2 IS NULL OR tenant = ?2) ORDER BY report";
    let tenant = scope.tenant().map(TenantName::as_str);
    sqlx::query(list).bind(job.to_string()).bind(tenant).fetch_all(db).await?.iter().map(delivery).collect()
}

fn delivery(row: &SqliteRow) -> Result<Delivery, StoreError> {
    let row = Columns(row);
    Ok(Delivery {
        id: DeliveryId { job: row.parsed("job")?, report: row.number("report")? },
        tenant: row.parsed("tenant")?,
        url: row.text("url")?,
        state: state(&row.text("state")?)?,
        attempts: row.number("attempts")?,
        created_ms: row.moment("created_ms")?,
        next_ms: row.moment("next_ms")?,
        error: row.text_if("error")?,
    })
}

const fn name(state: DeliveryState) -> &'static str {
    match state {
        DeliveryState::Pending => "pending",
        DeliveryState::Delivered => "delivered",
        DeliveryState::Dead => "dead",
    }
}

fn state(text: &str) -> Result<DeliveryState, StoreError> {
    let all = [DeliveryState::Pending, DeliveryState::Delivered, DeliveryState::Dead];
    all.into_iter().find(|state| name(*state) == text).ok_or_else(|| damaged("state", text))
}

fn unknown(delivery: DeliveryId) -> StoreError {
    StoreError::Unknown { what: "delivery", name: format!("{}.{}", delivery.job, delivery.report) }
}

//! Tenants and queues.

use dayfly_jobs::{QueueName, TenantName};
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use super::rows::{Columns, int};
use super::submit::Room;
use super::writer::Change;
use crate::store::{Caps, Queue, StoreError, Tenant};

/// Add or change a tenant.
pub(super) struct SetTenant(pub(super) Tenant);

impl Change for SetTenant {
    type Answer = ();

    async fn apply(&self, db: &mut SqliteConnection) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO tenants (name, weight, max_running, max_queued) VALUES (?1, ?2, ?3, ?4) \
             ON CONFLICT (name) DO UPDATE SET weight = ?2, max_running = ?3, max_queued = ?4",
        )
        .bind(self.0.name.as_str())
        .bind(self.0.weight)
        .bind(self.0.caps.max_running)
        .bind(int(self.0.caps.max_queued))
        .execute(db)
        .await?;
        Ok(())
    }
}

/// Add or change a queue.
pub(super) struct SetQueue(pub(super) Queue);

impl Change for SetQueue {
    type Answer = ();

    async fn apply(&self, db: &mut SqliteConnection) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO queues (name, max_running, max_queued) VALUES (?1, ?2, ?3) \
             ON CONFLICT (name) DO UPDATE SET max_running = ?2, max_queued = ?3",
        )
        .bind(self.0.name.as_str())
        .bind(self.0.caps.max_running)
        .bind(int(self.0.caps.max_queued))
        .execute(db)
        .await?;
        Ok(())
    }
}

/// Makes a tenant of which nothing was said, if it is new.
pub(super) async fn ensure(db: &mut SqliteConnection, name: &TenantName) -> Result<(), StoreError> {
    let caps = Caps::default();
    sqlx::query("INSERT OR IGNORE INTO tenants (name, weight, max_running, max_queued) VALUES (?, ?, ?, ?)")
        .bind(name.as_str())
        .bind(Tenant::WEIGHT)
        .bind(caps.max_running)
        .bind(int(caps.max_queued))
        .execute(db)
        .await?;
    Ok(())
}

/// How many jobs of a tenant and in a queue wait and may wait, asked before more are queued. A tenant of which nothing
/// was said is made.
pub(super) async fn rooms(
    db: &mut SqliteConnection,
    tenant: &TenantName,
    queue: &QueueName,
) -> Result<[Room; 2], StoreError> {
    let caps = Caps::default();
    let row = sqlx::query(
        "INSERT OR IGNORE INTO tenants (name, weight, max_running, max_queued) VALUES (?, ?, ?, ?); \
         SELECT tenants.max_queued AS most, (SELECT coalesce(sum(queued), 0) FROM lanes WHERE tenant = tenants.name \
         AND (queued > 0 OR running > 0)) AS waiting, queues.max_queued AS queue_most, \
         (SELECT coalesce(sum(queued), 0) FROM lanes WHERE queue = queues.name \
         AND (queued > 0 OR running > 0)) AS queue_waiting FROM tenants JOIN queues WHERE tenants.name = ? AND queues.name = ?",
    )
    .bind(tenant.as_str())
    .bind(Tenant::WEIGHT)
    .bind(caps.max_running)
    .bind(int(caps.max_queued))
    .bind(tenant.as_str())
    .bind(queue.as_str())
    .fetch_optional(db)
    .await?
    .ok_or_else(|| StoreError::Unknown { what: "queue", name: queue.to_string() })?;
    let row = Columns(&row);
    let room =
        |waiting, most| Ok::<_, StoreError>(Room { waiting: row.number(waiting)?, most: row.number(most)? });
    Ok([room("waiting", "most")?, room("queue_waiting", "queue_most")?])
}

/// Every tenant, by name.
pub(super) async fn tenants(db: &mut SqliteConnection) -> Result<Vec<Tenant>, StoreError> {
    let rows = sqlx::query("SELECT * FROM tenants ORDER BY name").fetch_all(db).await?;
    let tenant = |row: &SqliteRow| {
        let columns = Columns(row);
        Ok(Tenant { name: columns.parsed("name")?, weight: columns.number("weight")?, caps: caps(&columns)? })
    };
    rows.iter().map(tenant).collect()
}

/// Every queue, by name.
pub(super) async fn queues(db: &mut SqliteConnection) -> Result<Vec<Queue>, StoreError> {
    let rows = sqlx::query("SELECT * FROM queues ORDER BY name").fetch_all(db).await?;
    let queue = |row: &SqliteRow| {
        let columns = Columns(row);
        Ok(Queue { name: columns.parsed("name")?, caps: caps(&columns)? })
    };
    rows.iter().map(queue).collect()
}

fn caps(row: &Columns<'_>) -> Result<Caps, StoreError> {
    Ok(Caps { max_running: row.number("max_running")?, max_queued: row.number("max_queued")? })
}

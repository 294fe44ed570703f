//! Tenants and queues.

use dayfly_jobs::TenantName;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use super::rows::{Columns, int};
use super::submit::{Room, Whose};
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

/// How many jobs of a tenant or queue wait and may wait, asked before more are queued.
pub(super) async fn room(db: &mut SqliteConnection, whose: &Whose) -> Result<Room, StoreError> {
    let (query, name) = match whose {
        Whose::Tenant(name) => {
            ensure(db, name).await?;
            let room = "SELECT max_queued, (SELECT coalesce(sum(queued), 0) FROM lanes WHERE tenant = name \
                        AND (queued > 0 OR running > 0)) AS waiting FROM tenants WHERE name = ?";
            (room, name.as_str())
        }
        Whose::Queue(name) => {
            let room = "SELECT max_queued, (SELECT coalesce(sum(queued), 0) FROM lanes WHERE queue = name \
                        AND (queued > 0 OR running > 0)) AS waiting FROM queues WHERE name = ?";
            (room, name.as_str())
        }
    };
    let unknown = || StoreError::Unknown { what: "queue", name: name.to_owned() };
    let row = sqlx::query(query).bind(name).fetch_optional(db).await?.ok_or_else(unknown)?;
    Ok(Room { waiting: Columns(&row).number("waiting")?, most: Columns(&row).number("max_queued")? })
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

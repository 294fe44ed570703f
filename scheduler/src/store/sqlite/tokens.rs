//! Tokens by their hashes.

use dayfly_jobs::{Timestamp, WorkerName};
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use super::rows::{Columns, json, moment};
use super::tenants;
use super::writer::Change;
use crate::store::{NewToken, StoreError, TokenInfo};

/// Add a token.
pub(super) struct AddToken {
    pub(super) token: NewToken,
    pub(super) now: Timestamp,
}

impl Change for AddToken {
    type Answer = ();
    const ADDS: bool = true;

    async fn apply(&self, db: &mut SqliteConnection) -> Result<(), StoreError> {
        let NewToken { hash, info } = &self.token;
        tenants::ensure(db, &info.tenant).await?;
        let added = sqlx::query(
            "INSERT INTO tokens (name, hash, tenant, permits, created_ms, expires_ms) VALUES (?, ?, ?, ?, ?, ?) \
             ON CONFLICT DO NOTHING",
        )
        .bind(&info.name)
        .bind(hash.as_slice())
        .bind(info.tenant.as_str())
        .bind(json(&info.permits)?)
        .bind(moment(self.now))
        .bind(info.expires_ms.map(moment))
        .execute(db)
        .await?;
        if added.rows_affected() == 0 {
            return Err(StoreError::Taken { what: "token", name: info.name.clone() });
        }
        Ok(())
    }
}

/// Make a token invalid.
pub(super) struct RemoveToken(pub(super) String);

impl Change for RemoveToken {
    type Answer = ();

    async fn apply(&self, db: &mut SqliteConnection) -> Result<(), StoreError> {
        let removed = sqlx::query("DELETE FROM tokens WHERE name = ?").bind(&self.0).execute(db).await?;
        if removed.rows_affected() == 0 {
            return Err(StoreError::Unknown { what: "token", name: self.0.clone() });
        }
        Ok(())
    }
}

/// The token of this hash, if it is valid.
pub(super) async fn find(
    db: &mut SqliteConnection,
    hash: &[u8; 32],
    now: Timestamp,
) -> Result<Option<TokenInfo>, StoreError> {
    let token = sqlx::query("SELECT * FROM tokens WHERE hash = ? AND (expires_ms IS NULL OR expires_ms > ?)");
    let row = token.bind(hash.as_slice()).bind(moment(now)).fetch_optional(db).await?;
    row.as_ref().map(info).transpose()
}

/// Every token, by name.
pub(super) async fn list(db: &mut SqliteConnection) -> Result<Vec<TokenInfo>, StoreError> {
    sqlx::query("SELECT * FROM tokens ORDER BY name").fetch_all(db).await?.iter().map(info).collect()
}

fn info(row: &SqliteRow) -> Result<TokenInfo, StoreError> {
    let row = Columns(row);
    Ok(TokenInfo {
        name: row.text("name")?,
        tenant: row.parsed("tenant")?,
        permits: row.json("permits")?,
        created_ms: row.moment("created_ms")?,
        expires_ms: row.moment_if("expires_ms")?,
    })
}

/// The worker that was registered with this token.
pub(super) async fn worker(
    db: &mut SqliteConnection,
    hash: &[u8; 32],
) -> Result<Option<WorkerName>, StoreError> {
    let worker = sqlx::query("SELECT name FROM workers WHERE token = ?");
    let row = worker.bind(hash.as_slice()).fetch_optional(db).await?;
    row.map(|row| Columns(&row).parsed("name")).transpose()
}

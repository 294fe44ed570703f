//! Secrets, as ciphertext.

use std::collections::BTreeMap;

use dayfly_jobs::{SecretName, SecretUse, TenantName, Timestamp};
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use super::rows::{Columns, moment};
use super::tenants;
use super::writer::Change;
use crate::store::{SecretInfo, StoreError};

/// Add or replace a secret.
pub(super) struct SetSecret {
    pub(super) tenant: TenantName,
    pub(super) name: SecretName,
    pub(super) ciphertext: Vec<u8>,
    pub(super) now: Timestamp,
}

impl Change for SetSecret {
    type Answer = ();
    const ADDS: bool = true;

    async fn apply(&self, db: &mut SqliteConnection) -> Result<(), StoreError> {
        tenants::ensure(db, &self.tenant).await?;
        sqlx::query("INSERT OR REPLACE INTO secrets (tenant, name, ciphertext, set_ms) VALUES (?, ?, ?, ?)")
            .bind(self.tenant.as_str())
            .bind(self.name.as_str())
            .bind(self.ciphertext.as_slice())
            .bind(moment(self.now))
            .execute(db)
            .await?;
        Ok(())
    }
}

/// Forget a secret.
pub(super) struct RemoveSecret {
    pub(super) tenant: TenantName,
    pub(super) name: SecretName,
}

impl Change for RemoveSecret {
    type Answer = ();

    async fn apply(&self, db: &mut SqliteConnection) -> Result<(), StoreError> {
        let remove = sqlx::query("DELETE FROM secrets WHERE tenant = ? AND name = ?");
        let done = remove.bind(self.tenant.as_str()).bind(self.name.as_str()).execute(db).await?;
        let unknown = || StoreError::Unknown { what: "secret", name: self.name.to_string() };
        if done.rows_affected() == 0 { Err(unknown()) } else { Ok(()) }
    }
}

fn missing(tenant: &TenantName, name: &SecretName) -> StoreError {
    StoreError::NoSecret { tenant: tenant.clone(), name: name.clone() }
}

/// Refuses a job that asks for what its tenant does not have.
pub(super) async fn check(
    db: &mut SqliteConnection,
    tenant: &TenantName,
    uses: &[SecretUse],
) -> Result<(), StoreError> {
    for asked in uses {
        ciphertext(db, tenant, &asked.name).await?;
    }
    Ok(())
}

async fn ciphertext(
    db: &mut SqliteConnection,
    tenant: &TenantName,
    name: &SecretName,
) -> Result<Vec<u8>, StoreError> {
    let secret = sqlx::query_scalar("SELECT ciphertext FROM secrets WHERE tenant = ? AND name = ?");
    let found = secret.bind(tenant.as_str()).bind(name.as_str()).fetch_optional(db).await?;
    found.ok_or_else(|| missing(tenant, name))
}

/// The ciphertexts of these secrets.
pub(super) async fn ciphertexts(
    db: &mut SqliteConnection,
    tenant: &TenantName,
    names: &[SecretName],
) -> Result<BTreeMap<SecretName, Vec<u8>>, StoreError> {
    let mut secrets = BTreeMap::new();
    for name in names {
        secrets.insert(name.clone(), ciphertext(db, tenant, name).await?);
    }
    Ok(secrets)
}

/// The names of a tenant's secrets.
pub(super) async fn list(
    db: &mut SqliteConnection,
    tenant: &TenantName,
) -> Result<Vec<SecretInfo>, StoreError> {
    let secrets = sqlx::query("SELECT name, set_ms FROM secrets WHERE tenant = ? ORDER BY name");
    let rows = secrets.bind(tenant.as_str()).fetch_all(db).await?;
    let info = |row: &SqliteRow| {
        Ok(SecretInfo { name: Columns(row).parsed("name")?, set_ms: Columns(row).moment("set_ms")? })
    };
    rows.iter().map(info).collect()
}

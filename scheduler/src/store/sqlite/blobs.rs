//! What is known of blobs: who has them, which jobs name them.

use dayfly_jobs::{Bytes, Digest, JobId, TenantName, Timestamp};
use sqlx::sqlite::SqliteConnection;

use super::rows::{Columns, int, moment};
use super::writer::Change;
use super::{tenants, totals};
use crate::store::{BlobInfo, Scope, StoreError};

/// Note that a tenant has a blob.
pub(super) struct AddBlob {
    pub(super) tenant: TenantName,
    pub(super) digest: Digest,
    pub(super) size: Bytes,
    pub(super) now: Timestamp,
}

impl Change for AddBlob {
    type Answer = ();
    const ADDS: bool = true;

    async fn apply(&self, db: &mut SqliteConnection) -> Result<(), StoreError> {
        let digest = self.digest.to_string();
        tenants::ensure(db, &self.tenant).await?;
        sqlx::query("DELETE FROM removals WHERE kind = 'blob' AND name = ?")
            .bind(&digest)
            .execute(&mut *db)
            .await?;
        let size = int(self.size.get());
        let added = sqlx::query("INSERT OR IGNORE INTO blobs (digest, size, used_ms) VALUES (?, ?, 0)");
        if added.bind(&digest).bind(size).execute(&mut *db).await?.rows_affected() > 0 {
            totals::add(db, totals::BLOBS, size).await?;
        }
        sqlx::query("UPDATE blobs SET used_ms = max(used_ms, ?2) WHERE digest = ?1")
            .bind(&digest)
            .bind(moment(self.now))
            .execute(&mut *db)
            .await?;
        sqlx::query("INSERT OR IGNORE INTO blob_owners (digest, tenant) VALUES (?, ?)")
            .bind(&digest)
            .bind(self.tenant.as_str())
            .execute(db)
            .await?;
        Ok(())
    }
}

/// Note that files of blobs were deleted.
pub(super) struct BlobsDeleted(pub(super) Vec<Digest>);

impl Change for BlobsDeleted {
    type Answer = ();

    async fn apply(&self, db: &mut SqliteConnection) -> Result<(), StoreError> {
        for digest in &self.0 {
            let done = sqlx::query("DELETE FROM removals WHERE kind = 'blob' AND name = ?");
            done.bind(digest.to_string()).execute(&mut *db).await?;
        }
        Ok(())
    }
}

/// A blob that someone in `scope` has.
pub(super) async fn find(
    db: &mut SqliteConnection,
    scope: &Scope,
    digest: Digest,
) -> Result<Option<BlobInfo>, StoreError> {
    let row = sqlx::query(
        "SELECT size, used_ms FROM blobs WHERE digest = ?1 AND (?2 IS NULL OR EXISTS \
         (SELECT 1 FROM blob_owners WHERE blob_owners.digest = ?1 AND tenant = ?2))",
    )
    .bind(digest.to_string())
    .bind(scope.tenant().map(TenantName::as_str))
    .fetch_optional(db)
    .await?;
    row.map(|row| {
        let row = Columns(&row);
        Ok(BlobInfo { digest, size: Bytes::new(row.number("size")?), used_ms: row.moment("used_ms")? })
    })
    .transpose()
}

/// Notes that a job names a blob, which its tenant must have if one is given; the blob stays as long as the job.
pub(super) async fn name(
    db: &mut SqliteConnection,
    job: JobId,
    tenant: Option<&TenantName>,
    digest: Digest,
    now: Timestamp,
) -> Result<(), StoreError> {
    let scope = tenant.map_or(Scope::All, |tenant| Scope::Tenant(tenant.clone()));
    if find(db, &scope, digest).await?.is_none() {
        return Err(StoreError::Unknown { what: "blob", name: digest.to_string() });
    }
    let named = sqlx::query("INSERT OR IGNORE INTO blob_uses (job, digest) VALUES (?, ?)");
    let named = named.bind(job.to_string()).bind(digest.to_string()).execute(&mut *db).await?;
    sqlx::query("UPDATE blobs SET uses = uses + ?2, used_ms = max(used_ms, ?3) WHERE digest = ?1")
        .bind(digest.to_string())
        .bind(int(named.rows_affected()))
        .bind(moment(now))
        .execute(db)
        .await?;
    Ok(())
}

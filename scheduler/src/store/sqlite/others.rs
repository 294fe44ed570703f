//! What is kept besides jobs: tokens, tenants and queues, secrets, blobs, reports.

use std::collections::BTreeMap;

use async_trait::async_trait;
use dayfly_jobs::{Bytes, Digest, JobId, SecretName, TenantName, Timestamp, WorkerName};

use super::{SqliteStore, blobs, reports, secrets, tenants, tokens};
use crate::store::{
    Attempted, BlobInfo, Blobs, Delivery, DeliveryId, Due, NewToken, Queue, Reports, Room, Scope, SecretInfo,
    Secrets, StoreError, Tenant, Tenants, TokenInfo, Tokens,
};

#[async_trait]
impl Tokens for SqliteStore {
    async fn add_token(&self, token: NewToken, now: Timestamp) -> Result<(), StoreError> {
        self.writer.make(tokens::AddToken { token, now }).await
    }

    async fn token(&self, hash: &[u8; 32], now: Timestamp) -> Result<Option<TokenInfo>, StoreError> {
        tokens::find(&mut *self.reader().await?, hash, now).await
    }

    async fn tokens(&self) -> Result<Vec<TokenInfo>, StoreError> {
        tokens::list(&mut *self.reader().await?).await
    }

    async fn remove_token(&self, name: &str) -> Result<(), StoreError> {
        self.writer.make(tokens::RemoveToken(name.to_owned())).await
    }

    async fn worker_of(&self, hash: &[u8; 32]) -> Result<Option<WorkerName>, StoreError> {
        tokens::worker(&mut *self.reader().await?, hash).await
    }
}

#[async_trait]
impl Tenants for SqliteStore {
    async fn tenants(&self) -> Result<Vec<Tenant>, StoreError> {
        tenants::tenants(&mut *self.reader().await?).await
    }

    async fn set_tenant(&self, tenant: &Tenant) -> Result<(), StoreError> {
        self.writer.make(tenants::SetTenant(tenant.clone())).await
    }

    async fn queues(&self) -> Result<Vec<Queue>, StoreError> {
        tenants::queues(&mut *self.reader().await?).await
    }

    async fn set_queue(&self, queue: &Queue) -> Result<(), StoreError> {
        self.writer.make(tenants::SetQueue(queue.clone())).await
    }
}

#[async_trait]
impl Secrets for SqliteStore {
    async fn set_secret(
        &self,
        tenant: &TenantName,
        name: &SecretName,
        ciphertext: Vec<u8>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let (tenant, name) = (tenant.clone(), name.clone());
        self.writer.make(secrets::SetSecret { tenant, name, ciphertext, now }).await
    }

    async fn remove_secret(&self, tenant: &TenantName, name: &SecretName) -> Result<(), StoreError> {
        self.writer.make(secrets::RemoveSecret { tenant: tenant.clone(), name: name.clone() }).await
    }

    async fn secrets(&self, tenant: &TenantName) -> Result<Vec<SecretInfo>, StoreError> {
        secrets::list(&mut *self.reader().await?, tenant).await
    }

    async fn ciphertexts(
        &self,
        tenant: &TenantName,
        names: &[SecretName],
    ) -> Result<BTreeMap<SecretName, Vec<u8>>, StoreError> {
        secrets::ciphertexts(&mut *self.reader().await?, tenant, names).await
    }
}

#[async_trait]
impl Blobs for SqliteStore {
    async fn add_blob(
        &self,
        tenant: &TenantName,
        digest: Digest,
        size: Bytes,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.writer.make(blobs::AddBlob { tenant: tenant.clone(), digest, size, now }).await
    }

    async fn blobs_deleted(&self, digests: &[Digest]) -> Result<(), StoreError> {
        self.writer.make(blobs::BlobsDeleted(digests.to_vec())).await
    }

    async fn blob(&self, scope: &Scope, digest: Digest) -> Result<Option<BlobInfo>, StoreError> {
        blobs::find(&mut *self.reader().await?, scope, digest).await
    }
}

#[async_trait]
impl Reports for SqliteStore {
    async fn due(&self, room: &Room, again: Timestamp, now: Timestamp) -> Result<Due, StoreError> {
        // Most jobs have no reports, and the end of each of them asks.
        let next = reports::next(&mut *self.reader().await?).await?;
        if next.is_none_or(|next| next > now) {
            return Ok(Due { now: Vec::new(), next });
        }
        self.writer.make(reports::TakeDue { room: room.clone(), again, now }).await
    }

    async fn attempted(
        &self,
        delivery: DeliveryId,
        what: Attempted,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.writer.make(reports::Settle { delivery, what, now }).await
    }

    async fn deliveries(&self, scope: &Scope, job: JobId) -> Result<Vec<Delivery>, StoreError> {
        reports::list(&mut *self.reader().await?, scope, job).await
    }

    async fn redeliver(&self, scope: &Scope, delivery: DeliveryId, now: Timestamp) -> Result<(), StoreError> {
        self.writer.make(reports::Redeliver { scope: scope.clone(), delivery, now }).await
    }

    async fn webhook_key(&self, tenant: &TenantName) -> Result<Option<Vec<u8>>, StoreError> {
        reports::webhook_key(&mut *self.reader().await?, tenant).await
    }

    async fn set_webhook_key(&self, tenant: &TenantName, ciphertext: Vec<u8>) -> Result<(), StoreError> {
        self.writer.make(reports::SetWebhookKey { tenant: tenant.clone(), ciphertext }).await
    }
}

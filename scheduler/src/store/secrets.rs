//! Secrets of tenants, as ciphertext: who calls encrypts and decrypts, the store never sees what they say.

use std::collections::BTreeMap;

use async_trait::async_trait;
pub use dayfly_jobs::wire::SecretInfo;
use dayfly_jobs::{SecretName, TenantName, Timestamp};

use super::StoreError;

/// The secrets of a scheduler.
#[async_trait]
pub trait Secrets {
    /// Adds or replaces a secret.
    async fn set_secret(
        &self,
        tenant: &TenantName,
        name: &SecretName,
        ciphertext: Vec<u8>,
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// Forgets a secret. A queued job that needs it will fail for want of it.
    async fn remove_secret(&self, tenant: &TenantName, name: &SecretName) -> Result<(), StoreError>;

    /// The names of a tenant's secrets.
    async fn secrets(&self, tenant: &TenantName) -> Result<Vec<SecretInfo>, StoreError>;

    /// The ciphertexts of these secrets; one that does not exist is refused.
    async fn ciphertexts(
        &self,
        tenant: &TenantName,
        names: &[SecretName],
    ) -> Result<BTreeMap<SecretName, Vec<u8>>, StoreError>;
}

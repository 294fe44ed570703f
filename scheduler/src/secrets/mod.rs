//! Secrets at rest: sealed with a key that lies in a file of its own beside the database. What is in the clear has
//! no `Debug`, is wiped when dropped, and is never written to a log or a listing.

mod key;

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

use crate::SchedulerError;

/// Seals and opens. Whoever has it can read every secret.
pub(crate) struct Vault(XChaCha20Poly1305);

/// The first byte of everything sealed.
const VERSION: u8 = 1;
const NONCE: usize = 24;

impl Vault {
    /// With the key of a data folder, which is made if there is none.
    pub(crate) fn open(data: &std::path::Path) -> Result<Self, SchedulerError> {
        let key = key::load_or_make(&data.join("secret.key"))?;
        Ok(Self(XChaCha20Poly1305::new((&*key).into())))
    }

    /// Seals a value so that it opens only under the same `purpose`: a row that is copied to another name or
    /// tenant is worth nothing.
    pub(crate) fn seal(&self, purpose: &str, value: &[u8]) -> Result<Vec<u8>, SchedulerError> {
        let nonce = crate::chance::bytes::<NONCE>()?;
        let payload = Payload { msg: value, aad: purpose.as_bytes() };
        let sealed = self.0.encrypt(&XNonce::from(nonce), payload).map_err(|_| SchedulerError::Unsealable)?;
        Ok([&[VERSION], nonce.as_slice(), &sealed].concat())
    }

    /// What was sealed.
    pub(crate) fn open_sealed(
        &self,
        purpose: &str,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, SchedulerError> {
        let rest = sealed.strip_prefix(&[VERSION]).ok_or(SchedulerError::Unsealable)?;
        let (nonce, sealed) = rest.split_first_chunk::<NONCE>().ok_or(SchedulerError::Unsealable)?;
        let payload = Payload { msg: sealed, aad: purpose.as_bytes() };
        let value = self.0.decrypt(&XNonce::from(*nonce), payload).map_err(|_| SchedulerError::Unsealable)?;
        Ok(Zeroizing::new(value))
    }
}

/// What a tenant's secret is sealed for.
pub(crate) fn purpose(tenant: &dayfly_jobs::TenantName, name: &dayfly_jobs::SecretName) -> String {
    format!("secret {tenant} {name}")
}

/// What a tenant's webhook key is sealed for.
pub(crate) fn webhook_purpose(tenant: &dayfly_jobs::TenantName) -> String {
    format!("webhook {tenant}")
}

#[cfg(test)]
mod tests;

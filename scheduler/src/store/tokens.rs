//! Who may do what: tokens, known by their SHA-256 only.

use std::collections::BTreeSet;

use async_trait::async_trait;
use dayfly_jobs::{TenantName, Timestamp, WorkerName};
use serde::{Deserialize, Serialize};

use super::StoreError;

/// The tokens of a scheduler.
#[async_trait]
pub trait Tokens {
    /// Adds a token, created now; its tenant is made if it is new. A name that is taken is refused.
    async fn add_token(&self, token: NewToken, now: Timestamp) -> Result<(), StoreError>;

    /// The token with this SHA-256, if it exists and has not expired.
    async fn token(&self, hash: &[u8; 32], now: Timestamp) -> Result<Option<TokenInfo>, StoreError>;

    /// Every token, by name.
    async fn tokens(&self) -> Result<Vec<TokenInfo>, StoreError>;

    /// Makes a token invalid at once.
    async fn remove_token(&self, name: &str) -> Result<(), StoreError>;

    /// The worker that was registered with this token, if it was not removed.
    async fn worker_of(&self, hash: &[u8; 32]) -> Result<Option<WorkerName>, StoreError>;
}

/// A token to be added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewToken {
    /// The SHA-256 of it.
    pub hash: [u8; 32],
    /// What it is.
    pub info: TokenInfo,
}

/// What is known of a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenInfo {
    /// For people; unique.
    pub name: String,
    /// Whose jobs it is about.
    pub tenant: TenantName,
    /// What it permits.
    pub permits: BTreeSet<Permission>,
    /// When it was made.
    pub created_ms: Timestamp,
    /// When it becomes invalid; never without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_ms: Option<Timestamp>,
}

/// What a token permits. Workers have tokens of their own, see [`Tokens::worker_of`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Permission {
    /// To submit jobs of its tenant and to upload what they need.
    Submit,
    /// To see jobs of its tenant.
    Read,
    /// To end jobs of its tenant.
    Cancel,
    /// To register workers.
    Worker,
    /// Everything, for every tenant.
    Admin,
}

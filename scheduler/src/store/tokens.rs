//! Who may do what: tokens, known by their SHA-256 only.

use async_trait::async_trait;
pub use dayfly_jobs::wire::{Permission, TokenInfo};
use dayfly_jobs::{Timestamp, WorkerName};

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

//! Why the scheduler cannot start or go on.

use std::path::PathBuf;

/// A fault of the scheduler or of its host.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SchedulerError {
    /// A file or folder of the data folder.
    #[error("cannot {what} {path}: {source}")]
    File {
        /// `create`, `read`, `write`.
        what: &'static str,
        /// Which.
        path: PathBuf,
        /// What the kernel said.
        source: std::io::Error,
    },
    /// The key file is not one.
    #[error(
        "{path} is no key of Dayfly: {problem}; secrets that were put before can only be read with the old key"
    )]
    Key {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A sealed secret was changed or belongs to another key.
    #[error("a secret cannot be opened: it was changed, or sealed with another key")]
    Unsealable,
    /// The kernel gave no random bytes.
    #[error("the kernel gives no random bytes")]
    NoRandomness,
    /// The store.
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
    /// The client for webhooks cannot be made.
    #[error("cannot make the client for webhooks: {0}")]
    Client(String),
    /// The metrics contradict each other.
    #[error("cannot register a metric: {0}")]
    Metrics(#[from] prometheus::Error),
    /// The listener.
    #[error("cannot listen: {0}")]
    Listen(std::io::Error),
}

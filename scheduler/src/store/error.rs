//! What a store answers when it does not do what it was asked.

use dayfly_jobs::state::Refused;
use dayfly_jobs::{SecretName, TenantName};

/// The store refused or failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The state of the job does not allow it.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// No such thing.
    #[error("there is no {what} '{name}'")]
    Unknown {
        /// `job`, `worker`, `queue`, `secret`, `blob`, `lease`, `step`, `token`, `delivery`, `tenant`.
        what: &'static str,
        /// The name that was given.
        name: String,
    },
    /// The name is taken.
    #[error("there is a {what} '{name}' already; choose another name")]
    Taken {
        /// `token`.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// A key was used before for something else.
    #[error("the Idempotency-Key '{key}' was used before for another job; choose another key")]
    KeyReused {
        /// The key.
        key: String,
    },
    /// Too many jobs wait.
    #[error("{of} has {most} jobs waiting, which is all it may have; try again later")]
    QueueFull {
        /// `tenant NAME` or `queue NAME`.
        of: String,
        /// The cap.
        most: u64,
    },
    /// A tenant's waiting jobs differ too much in what they ask of a worker; each difference is work for everybody's
    /// dispatch.
    #[error(
        "jobs of tenant {tenant} wait in {most} different combinations of queue, labels, policy, processors and \
         memory, which is as many as one tenant may have; use the same ones for more jobs, or try again later"
    )]
    TooManyLanes {
        /// Whose.
        tenant: TenantName,
        /// How many there may be.
        most: u64,
    },
    /// Log pieces must follow each other.
    #[error("the log is {next} bytes long; the next piece must begin there")]
    LogGap {
        /// Where the next piece must begin.
        next: u64,
    },
    /// A piece of log that came as text cannot be read.
    #[error("the log is not valid base64")]
    BadLog,
    /// A secret that the job asks for does not exist.
    #[error("tenant {tenant} has no secret '{name}'")]
    NoSecret {
        /// Whose.
        tenant: TenantName,
        /// Which.
        name: SecretName,
    },
    /// The disk is full. Nothing was changed.
    #[error("the disk of the scheduler is full")]
    Full,
    /// Too much at once. Nothing was changed.
    #[error("the store is busy; try again")]
    Busy,
    /// The database failed.
    #[error("the store failed: {0}")]
    Failed(String),
}

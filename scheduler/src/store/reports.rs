//! Reports to the outside: a delivery for each webhook of a job is queued in the transaction that ends the job, so
//! that none is forgotten. Sending is the caller's.

use async_trait::async_trait;
use dayfly_jobs::{JobId, TenantName, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Scope, StoreError};

/// The deliveries of a scheduler.
#[async_trait]
pub trait Reports {
    /// Deliveries that are due, at most `most`. They are not due again before `again`, so that one that was taken by
    /// a scheduler that was killed is sent once more.
    async fn due(&self, most: u32, again: Timestamp, now: Timestamp) -> Result<Due, StoreError>;

    /// Notes what became of an attempt to deliver.
    async fn attempted(
        &self,
        delivery: DeliveryId,
        what: Attempted,
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// The deliveries of a job, in the order of its spec.
    async fn deliveries(&self, scope: &Scope, job: JobId) -> Result<Vec<Delivery>, StoreError>;

    /// Makes a delivery due again, whatever became of it.
    async fn redeliver(&self, scope: &Scope, delivery: DeliveryId, now: Timestamp) -> Result<(), StoreError>;

    /// The ciphertext of the key a tenant's webhooks are signed with, if it has one.
    async fn webhook_key(&self, tenant: &TenantName) -> Result<Option<Vec<u8>>, StoreError>;

    /// Sets that key.
    async fn set_webhook_key(&self, tenant: &TenantName, ciphertext: Vec<u8>) -> Result<(), StoreError>;
}

/// One report of one job: `JOB` and its place in `report`, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct DeliveryId {
    /// The job.
    pub job: JobId,
    /// Which of its reports.
    pub report: u32,
}

/// Deliveries to be tried.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Due {
    /// Now.
    pub now: Vec<Delivery>,
    /// When the next one is due after these.
    pub next: Option<Timestamp>,
}

/// A report and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// Which.
    pub id: DeliveryId,
    /// Whose.
    pub tenant: TenantName,
    /// To which address.
    pub url: String,
    /// How it stands.
    pub state: DeliveryState,
    /// How often it was tried since it was queued or redelivered.
    pub attempts: u32,
    /// When it was queued.
    pub created_ms: Timestamp,
    /// When it is tried next, or was settled.
    pub next_ms: Timestamp,
    /// What went wrong last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// How a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// It is tried until it succeeds or is given up.
    Pending,
    /// It arrived.
    Delivered,
    /// It was given up; it can be redelivered.
    Dead,
}

/// What became of one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attempted {
    /// It arrived.
    Delivered,
    /// It did not, and is tried again.
    Later {
        /// When.
        at: Timestamp,
        /// What went wrong.
        error: String,
    },
    /// It did not, and is given up.
    Dead {
        /// What went wrong.
        error: String,
    },
}

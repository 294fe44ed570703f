//! Reports to the outside: a delivery for each webhook of a job is queued in the transaction that ends the job, so
//! that none is forgotten. Sending is the caller's.

use std::collections::BTreeMap;

use async_trait::async_trait;
pub use dayfly_jobs::wire::{Delivery, DeliveryId, DeliveryState};
use dayfly_jobs::{JobId, TenantName, Timestamp};
use reqwest::Url;

use super::{Scope, StoreError};

/// The deliveries of a scheduler.
#[async_trait]
pub trait Reports {
    /// Deliveries that are due and for which there is room. They are not due again before `again`, so that one that
    /// was taken by a scheduler that was killed is sent once more.
    async fn due(&self, room: &Room, again: Timestamp, now: Timestamp) -> Result<Due, StoreError>;

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

/// How many more deliveries may be tried at the same time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Room {
    /// In all.
    pub most: u32,
    /// To one receiver, those under way included.
    pub each: u32,
    /// Those under way, by receiver.
    pub busy: BTreeMap<String, u32>,
}

/// Whom a delivery to this address goes to.
pub(crate) fn receiver(url: &str) -> String {
    let host = Url::parse(url).ok().and_then(|url| url.host_str().map(str::to_owned));
    host.unwrap_or_else(|| url.to_owned())
}

/// Deliveries to be tried.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Due {
    /// Now.
    pub now: Vec<Delivery>,
    /// When the next one will be due; those that are due and have no room do not count.
    pub next: Option<Timestamp>,
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

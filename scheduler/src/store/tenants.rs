//! Tenants and queues: who shares the workers, and how.

use async_trait::async_trait;
pub use dayfly_jobs::wire::{Caps, Queue, Tenant};

use super::StoreError;

/// The tenants and queues of a scheduler.
#[async_trait]
pub trait Tenants {
    /// Every tenant, by name. One is made by its first token or job.
    async fn tenants(&self) -> Result<Vec<Tenant>, StoreError>;

    /// Adds a tenant, or changes its weight and caps. What runs or waits already stays.
    async fn set_tenant(&self, tenant: &Tenant) -> Result<(), StoreError>;

    /// Every queue, by name. `default` is always there.
    async fn queues(&self) -> Result<Vec<Queue>, StoreError>;

    /// Adds a queue, or changes its caps. What runs or waits already stays.
    async fn set_queue(&self, queue: &Queue) -> Result<(), StoreError>;
}

//! Tenants and queues: who shares the workers, and how.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{QueueName, TenantName};

/// Someone whose jobs compete with those of others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Tenant {
    /// Its name.
    pub name: TenantName,
    /// Its part of the workers, relative to that of the others; 1 to 1000.
    pub weight: u32,
    /// How much it may have at once.
    #[serde(flatten)]
    pub caps: Caps,
}

impl Tenant {
    /// The weight of a tenant nobody said anything about.
    pub const WEIGHT: u32 = 100;
}

/// Where jobs wait.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Queue {
    /// Its name.
    pub name: QueueName,
    /// How much it may hold at once.
    #[serde(flatten)]
    pub caps: Caps,
}

/// How many jobs there may be at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Caps {
    /// Leased or running. With 0 nothing is given to workers.
    pub max_running: u32,
    /// Waiting.
    pub max_queued: u64,
}

impl Default for Caps {
    /// 10,000 running, 1,000,000 waiting.
    fn default() -> Self {
        Self { max_running: 10_000, max_queued: 1_000_000 }
    }
}

//! `[scheduler]` and `[worker]`: what the services can be told. Everything has a default of its own in the crate that
//! uses it.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;

use dayfly_jobs::{Bytes, Label, QueueName, WallTime, WorkerName};
use serde::Deserialize;

use crate::limits::{number, text};

/// `[scheduler]`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct SchedulerConfig {
    /// Where to listen.
    pub(crate) listen: Option<SocketAddr>,
    /// The data folder.
    pub(crate) data: Option<PathBuf>,
    /// How long a worker may be silent.
    #[serde(deserialize_with = "text")]
    pub(crate) lease: Option<WallTime>,
    /// How long ended jobs are kept.
    #[serde(deserialize_with = "text")]
    pub(crate) keep_jobs: Option<WallTime>,
    /// How much logs and blobs may take.
    #[serde(deserialize_with = "text")]
    pub(crate) keep_bytes: Option<Bytes>,
    /// Addresses that reports may go to.
    pub(crate) webhook_allow: Vec<WebhookRange>,
}

/// A range of addresses, checked when it is read.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct WebhookRange(dayfly_scheduler::Network);

impl TryFrom<String> for WebhookRange {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse().map(Self).map_err(|error: dayfly_scheduler::BadNetwork| error.to_string())
    }
}

impl SchedulerConfig {
    /// Sets what is set here.
    pub(crate) fn apply(&self, config: &mut dayfly_scheduler::Config) {
        let millis = |time: WallTime| time.as_micros() / 1000;
        if let Some(lease) = self.lease {
            config.set_lease_ms(millis(lease));
        }
        if let Some(keep) = self.keep_jobs {
            config.retention.jobs_ms = millis(keep);
        }
        if let Some(bytes) = self.keep_bytes {
            config.retention.bytes = bytes.get();
        }
        config.webhooks.allow.extend(self.webhook_allow.iter().map(|range| range.0));
    }
}

/// `[worker]`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct WorkerConfig {
    /// Jobs at the same time.
    #[serde(deserialize_with = "number")]
    pub(crate) slots: Option<NonZeroU32>,
    /// Memory for all jobs together.
    #[serde(deserialize_with = "text")]
    pub(crate) memory: Option<Bytes>,
    /// What jobs can ask for.
    pub(crate) labels: Vec<Label>,
    /// The queues it serves.
    pub(crate) queues: Vec<QueueName>,
    /// Its name.
    pub(crate) name: Option<WorkerName>,
    /// Where blobs are cached.
    pub(crate) cache: Option<PathBuf>,
    /// How much of them.
    #[serde(deserialize_with = "text")]
    pub(crate) cache_size: Option<Bytes>,
    /// How much of a log is kept.
    #[serde(deserialize_with = "text")]
    pub(crate) log: Option<Bytes>,
    /// How long jobs may go on after the end began.
    #[serde(deserialize_with = "text")]
    pub(crate) grace: Option<WallTime>,
}

impl WorkerConfig {
    /// Sets what is set here.
    pub(crate) fn apply(&self, config: &mut dayfly_worker::Config) {
        if let Some(slots) = self.slots {
            config.set_slots(slots);
        }
        let set = |to: &mut Bytes, value: Option<Bytes>| *to = value.unwrap_or(*to);
        set(&mut config.capacity.memory, self.memory);
        set(&mut config.cache_size, self.cache_size);
        set(&mut config.log_limit, self.log);
        if let Some(grace) = self.grace {
            config.grace = grace.as_duration();
        }
        config.labels.extend(self.labels.iter().cloned());
        config.queues.extend(self.queues.iter().cloned());
    }
}

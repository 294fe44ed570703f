//! Reports to the outside, and why a job waits.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{JobId, TenantName, Timestamp};

/// One report of one job: `JOB` and its place in `report`, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct DeliveryId {
    /// The job.
    pub job: JobId,
    /// Which of its reports.
    pub report: u32,
}

/// A report and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// It is tried until it succeeds or is given up.
    Pending,
    /// It arrived.
    Delivered,
    /// It was given up; it can be redelivered.
    Dead,
}

/// Why a queued job waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "because", rename_all = "snake_case")]
pub enum Waiting {
    /// No worker was heard of lately.
    NoWorkers,
    /// Workers there are, but none has what it asks for.
    NoFit {
        /// What is missing at the worker that comes closest, in words.
        missing: Vec<String>,
    },
    /// Its tenant or queue runs as much as it may.
    Cap {
        /// Whose: `tenant NAME` or `queue NAME`.
        of: String,
        /// How many may run.
        most: u32,
    },
    /// Its turn has not come.
    Turn {
        /// Jobs before it that could go to the same workers; a lower bound when large.
        ahead: u64,
    },
}

/// What became of a job and why, in words: `GET /v1/jobs/{id}/explain`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Explanation {
    /// The job.
    pub id: JobId,
    /// Where it stands.
    pub state: crate::State,
    /// The one thing to know.
    pub summary: String,
    /// Why it waits, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting: Option<Waiting>,
    /// What happened to it, oldest first.
    pub story: Vec<StoryLine>,
}

/// One thing that happened to a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StoryLine {
    /// When.
    pub at_ms: Timestamp,
    /// What, as a sentence.
    pub text: String,
}

//! What workers and the scheduler say to each other.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    Attempt, Bytes, HostReport, JobResult, JobSpec, Label, LeaseId, QueueName, Sample, SecretName,
    StepResult, TenantName, Timestamp, WorkerName,
};

/// A worker introduces itself: `POST /v1/workers` with a join token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Registration {
    /// Its name; a second worker of the same name takes the first one's place.
    pub name: WorkerName,
    /// What it has.
    pub labels: BTreeSet<Label>,
    /// The queues it serves; all when empty.
    #[serde(default)]
    pub queues: BTreeSet<QueueName>,
    /// The policies it has.
    pub policies: BTreeSet<String>,
    /// How much it can run at once.
    pub capacity: Capacity,
    /// What its host can do.
    pub report: HostReport,
    /// Its version of Dayfly.
    pub version: String,
}

/// How much a worker can run, or can still run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Capacity {
    /// Jobs.
    pub slots: u32,
    /// Thousandths of a processor.
    pub cpus_milli: u32,
    /// Memory for jobs.
    #[serde(rename = "memory_bytes")]
    pub memory: Bytes,
}

/// The answer: the worker's own token and how often it must be heard of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Registered {
    /// To be sent with everything else.
    pub token: String,
    /// How long a lease lasts.
    pub lease_ms: u64,
    /// How often to renew.
    pub renew_ms: u64,
}

/// A worker with room asks for jobs: `POST /v1/leases`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct LeaseRequest {
    /// The room it has.
    pub free: Capacity,
    /// How many jobs it wants at most.
    pub max: u32,
    /// How long the answer may take when there is nothing to do; at most 30 s.
    pub wait_ms: u64,
}

/// Jobs to run, perhaps none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Leases {
    /// One for each job.
    pub leases: Vec<Lease>,
    /// Whether the worker should take no more jobs and end when it has none.
    #[serde(default)]
    pub drain: bool,
}

/// The right and the duty to run one job until the deadline, which renewing moves.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Lease {
    /// Which job, which attempt.
    pub id: LeaseId,
    /// Whose it is.
    pub tenant: TenantName,
    /// What to run.
    pub spec: JobSpec,
    /// The secrets it may use.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub secrets: BTreeMap<SecretName, String>,
    /// How long it is good for from the moment the answer was sent.
    pub lasts_ms: u64,
}

impl fmt::Debug for Lease {
    /// Everything but what the secrets say.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let secrets: Vec<_> = self.secrets.keys().collect();
        f.debug_struct("Lease")
            .field("id", &self.id)
            .field("tenant", &self.tenant)
            .field("spec", &self.spec)
            .field("secrets", &secrets)
            .field("lasts_ms", &self.lasts_ms)
            .finish()
    }
}

/// A worker is alive and wants to keep these: `POST /v1/leases/renew`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct RenewRequest {
    /// The leases it holds.
    pub leases: Vec<LeaseId>,
    /// What the steps that run use: at most one for each lease, none for a step younger than a second.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub samples: Vec<LeaseSample>,
}

/// What a step that runs uses. That of a lease which is lost counts no more than any other word of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct LeaseSample {
    /// Which job, which attempt.
    pub lease: LeaseId,
    /// Its place among the steps, from 0.
    pub step: usize,
    /// What it uses.
    pub sample: Sample,
}

/// What became of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Renewed {
    /// In the order they were asked for.
    pub leases: Vec<Renewal>,
    /// Whether the worker should take no more jobs and end when it has none.
    #[serde(default)]
    pub drain: bool,
    /// Whether somebody watches one of the jobs, so that a worker that can should renew every second.
    #[serde(default)]
    pub watched: bool,
}

/// What became of one lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Renewal {
    /// Good for so long from the moment the answer was sent.
    Kept {
        /// Milliseconds.
        lasts_ms: u64,
        /// Whether the job is to be stopped.
        cancel: bool,
    },
    /// Lost: stop the job, say no more about it.
    Lost {
        /// The latest attempt.
        latest: Attempt,
    },
}

/// Something a worker saw; `POST /v1/leases/{lease}/events` takes a list of them. Sent again, each counts once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Progress {
    /// A step began.
    StepStarted {
        /// Its place among the steps, from 0.
        step: usize,
        /// Where its output begins in the log.
        log_start: u64,
    },
    /// A step ended.
    StepEnded {
        /// Its place among the steps, from 0.
        step: usize,
        /// Its result.
        result: Box<StepResult>,
    },
}

/// The end of an attempt: `POST /v1/leases/{lease}/complete`. Sent again, it is answered again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "end", rename_all = "snake_case")]
pub enum Completion {
    /// It has a verdict. The log must be complete by then.
    Finished {
        /// The result.
        result: Box<JobResult>,
        /// Progress that was not told before, and the rest of the log, for jobs so short that one call does.
        #[serde(default)]
        rest: Rest,
    },
    /// It was stopped because it is to be cancelled.
    Stopped,
    /// It cannot be run here, for no fault of the job.
    Failed {
        /// Why.
        error: String,
    },
    /// It was not finished and may run elsewhere: the worker ends.
    HandedBack,
}

/// What of a short job can go with its completion.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Rest {
    /// Events in their order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<Progress>,
    /// The last chunk of the log, in base64; at most 64 KiB of bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<LogChunk>,
}

/// A piece of a log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct LogChunk {
    /// Where it belongs.
    pub offset: u64,
    /// The bytes in base64.
    pub base64: String,
}

/// The answer to a completion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Completed {
    /// Where the job stands now.
    pub state: crate::State,
    /// Whether the job had been completed by this attempt before.
    pub repeated: bool,
}

/// The answer to a piece of log: `PUT /v1/leases/{lease}/log?offset=N` with the bytes as body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct LogPosition {
    /// Where the next piece must begin. A piece before it is known already; one beyond it is refused (409).
    pub next: u64,
}

/// A worker in a listing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct WorkerInfo {
    /// What it said of itself.
    #[serde(flatten)]
    pub registration: Registration,
    /// When it was heard of last.
    pub seen_ms: Timestamp,
    /// Whether it was heard of within the time of a lease.
    pub alive: bool,
    /// Whether it takes no more jobs.
    pub draining: bool,
    /// What it runs.
    pub leases: Vec<LeaseId>,
}

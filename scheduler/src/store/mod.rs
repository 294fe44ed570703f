//! Where everything is kept that a restart must not lose.
//!
//! Each operation is one transaction, durable when it returns. Time is an argument. Whether a change of a job's
//! state is allowed is decided by [`dayfly_jobs::state`] inside the transaction, so that whatever races, a job has
//! one history. Every implementation passes the same contract suite.

use std::collections::BTreeSet;
use std::fmt::Debug;

use async_trait::async_trait;
use dayfly_jobs::state::Refused;
use dayfly_jobs::wire::{
    Capacity, Completed, Completion, JobDetail, JobEvent, JobSummary, LogPosition, Page, Progress,
    Registration, Renewal, Submitted, WorkerInfo,
};
use dayfly_jobs::{
    Digest, JobId, JobSpec, Label, LeaseId, QueueName, SecretName, State, TenantName, Timestamp, WorkerName,
};

/// The store of a scheduler.
#[async_trait]
pub trait Store: Send + Sync + Debug {
    /// Queues jobs, all or none. A job whose key was used before by its tenant (for the same spec, within the
    /// retention of keys) is not queued again: the first one's id comes back.
    async fn submit(&self, jobs: Vec<NewJob>, now: Timestamp) -> Result<Vec<Submitted>, StoreError>;

    /// One job, if it exists and belongs to `scope`.
    async fn job(&self, scope: &Scope, id: JobId) -> Result<Option<JobDetail>, StoreError>;

    /// Jobs by filter, newest first.
    async fn jobs(&self, scope: &Scope, filter: &JobFilter) -> Result<Page<JobSummary>, StoreError>;

    /// The events of a job after `seq`, at most `most`.
    async fn events(&self, id: JobId, after: u64, most: u32) -> Result<Vec<JobEvent>, StoreError>;

    /// Wishes the end of a job; ends it at once if it is queued. No error when it is wished already.
    async fn cancel(&self, scope: &Scope, id: JobId, now: Timestamp) -> Result<JobSummary, StoreError>;

    /// Why a queued job still waits.
    async fn waiting(&self, id: JobId, now: Timestamp) -> Result<Option<Waiting>, StoreError>;

    /// Gives a worker jobs that fit into what it has free, in the order of [`crate::dispatch`]; their leases last
    /// until `now + lease_ms`.
    async fn claim(&self, claim: &Claim, now: Timestamp) -> Result<Vec<Claimed>, StoreError>;

    /// Prolongs leases; in the order they were asked for.
    async fn renew(
        &self,
        worker: &WorkerName,
        leases: &[LeaseId],
        until: Timestamp,
        now: Timestamp,
    ) -> Result<Vec<Renewal>, StoreError>;

    /// Notes what a worker saw. What was noted before is not noted twice.
    async fn progress(
        &self,
        worker: &WorkerName,
        lease: LeaseId,
        progress: Vec<Progress>,
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// Ends an attempt. The same word again gets the same answer; a stale one is refused, and the refusal is an
    /// event of the job.
    async fn complete(
        &self,
        worker: &WorkerName,
        lease: LeaseId,
        completion: Completion,
        now: Timestamp,
    ) -> Result<Completed, StoreError>;

    /// Appends to the log of an attempt. A piece that is there already counts as appended; a gap is refused.
    async fn append_log(
        &self,
        worker: &WorkerName,
        lease: LeaseId,
        offset: u64,
        bytes: &[u8],
        now: Timestamp,
    ) -> Result<LogPosition, StoreError>;

    /// At most `most` bytes of the log of a job's latest attempt from `offset`, and how long the log is now.
    async fn read_log(&self, id: JobId, offset: u64, most: u64) -> Result<LogPart, StoreError>;

    /// Does what is due: takes back leases that ran out, ends jobs that waited too long, at most `most` of them.
    async fn tick(&self, now: Timestamp, most: u32) -> Result<Ticked, StoreError>;

    /// Removes what retention allows to remove, a bounded amount at a time; tells whether there is more.
    async fn collect(&self, retention: &Retention, now: Timestamp) -> Result<Collected, StoreError>;

    /// Notes a worker; one of the same name is replaced and loses its leases.
    async fn register(
        &self,
        worker: &Registration,
        token: &[u8; 32],
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// Every worker that was not removed.
    async fn workers(&self, now: Timestamp) -> Result<Vec<WorkerInfo>, StoreError>;

    /// Tells a worker to take no more jobs, or to take jobs again.
    async fn drain(&self, worker: &WorkerName, drain: bool) -> Result<(), StoreError>;

    /// Forgets a worker; its leases are lost.
    async fn remove_worker(&self, worker: &WorkerName, now: Timestamp) -> Result<(), StoreError>;

    /// Numbers for metrics and pages.
    async fn census(&self, now: Timestamp) -> Result<Census, StoreError>;
}

/// A job to be queued.
#[derive(Debug, Clone)]
pub struct NewJob {
    /// Its id; chosen by the caller.
    pub id: JobId,
    /// Whose it is.
    pub tenant: TenantName,
    /// What to run.
    pub spec: JobSpec,
    /// The client's `Idempotency-Key`.
    pub key: Option<String>,
    /// The job it is another try of.
    pub retry_of: Option<JobId>,
}

/// Whose jobs a caller may see and touch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// Everybody's.
    All,
    /// Those of one tenant.
    Tenant(TenantName),
}

/// Which jobs to list.
#[derive(Debug, Clone, Default)]
pub struct JobFilter {
    /// In one of these states; any when empty.
    pub states: BTreeSet<State>,
    /// In this queue.
    pub queue: Option<QueueName>,
    /// Of this name.
    pub name: Option<String>,
    /// Before this one, for the next page.
    pub before: Option<JobId>,
    /// How many; at most 500.
    pub most: u32,
}

/// A worker asks for jobs.
#[derive(Debug, Clone)]
pub struct Claim {
    /// Who.
    pub worker: WorkerName,
    /// What it has.
    pub labels: BTreeSet<Label>,
    /// The queues it serves; all when empty.
    pub queues: BTreeSet<QueueName>,
    /// The policies it has.
    pub policies: BTreeSet<String>,
    /// The room it has.
    pub free: Capacity,
    /// How many jobs at most.
    pub max: u32,
    /// When the leases run out.
    pub until: Timestamp,
}

/// A job that was given to a worker.
#[derive(Debug, Clone)]
pub struct Claimed {
    /// Which job, which attempt.
    pub lease: LeaseId,
    /// Whose it is.
    pub tenant: TenantName,
    /// What to run.
    pub spec: JobSpec,
    /// When it was submitted.
    pub submitted: Timestamp,
}

/// Part of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogPart {
    /// Where the bytes begin: what was asked for.
    pub offset: u64,
    /// The bytes.
    pub bytes: Vec<u8>,
    /// How long the log is now.
    pub length: u64,
    /// Whether it can still grow.
    pub open: bool,
}

/// Why a queued job waits.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
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

/// What a tick did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ticked {
    /// Leases that ran out.
    pub lost: Vec<LeaseId>,
    /// Jobs that ended by it, for watchers and reports.
    pub ended: Vec<JobId>,
    /// When the next thing is due.
    pub next: Option<Timestamp>,
}

/// How long things are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Ended jobs with their events and logs, in milliseconds.
    pub jobs_ms: u64,
    /// Bytes of logs and blobs altogether; the oldest ended jobs go first.
    pub bytes: u64,
}

/// What a collection removed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Collected {
    /// Jobs.
    pub jobs: u64,
    /// Blobs that nothing refers to any more; the caller deletes their files.
    pub blobs: Vec<Digest>,
    /// Whether there is more to do at once.
    pub more: bool,
}

/// Numbers at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Census {
    /// For each queue and tenant: how many wait, since when the oldest, how many run.
    pub lanes: Vec<LaneCount>,
}

/// One queue and tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaneCount {
    /// The queue.
    pub queue: QueueName,
    /// The tenant.
    pub tenant: TenantName,
    /// Jobs that wait.
    pub queued: u64,
    /// When the oldest of them was submitted.
    pub oldest: Option<Timestamp>,
    /// Jobs that are leased or run.
    pub running: u64,
}

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
        /// `job`, `worker`, `queue`, `secret`.
        what: &'static str,
        /// The name that was given.
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
    /// Log pieces must follow each other.
    #[error("the log is {next} bytes long; the next piece must begin there")]
    LogGap {
        /// Where the next piece must begin.
        next: u64,
    },
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

//! What goes into the queue and what comes out of it.

use std::collections::BTreeSet;

use dayfly_jobs::wire::Capacity;
pub use dayfly_jobs::wire::Waiting;
use dayfly_jobs::{
    Attempt, JobId, JobSpec, Label, LeaseId, QueueName, State, TenantName, Timestamp, WorkerName,
};

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

impl Scope {
    /// The tenant it is limited to.
    pub const fn tenant(&self) -> Option<&TenantName> {
        match self {
            Self::All => None,
            Self::Tenant(tenant) => Some(tenant),
        }
    }

    /// Whether what belongs to this tenant is in it.
    pub fn covers(&self, tenant: &TenantName) -> bool {
        self.tenant().is_none_or(|only| only == tenant)
    }
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
    /// Whose log it is: that of this attempt. Another attempt's begins at 0 again.
    pub attempt: Attempt,
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

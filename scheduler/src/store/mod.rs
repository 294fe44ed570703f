//! Where everything is kept that a restart must not lose.
//!
//! Each operation is one transaction, durable when it returns. Time is an argument. Whether a change of a job's
//! state is allowed is decided by [`dayfly_jobs::state`] inside the transaction, so that whatever races, a job has
//! one history. Every implementation passes the same contract suite.

mod blobs;
#[cfg(test)]
mod contract;
mod error;
mod queue;
pub(crate) mod reports;
mod retention;
mod secrets;
mod sqlite;
mod tenants;
mod tokens;

use std::fmt::Debug;

use async_trait::async_trait;
use dayfly_jobs::wire::{
    Completed, Completion, JobDetail, JobEvent, JobSummary, LogPosition, Page, Progress, Registration,
    Renewal, Submitted, WorkerInfo,
};
use dayfly_jobs::{JobId, LeaseId, Timestamp, WorkerName};

pub use blobs::{BlobInfo, Blobs};
pub use error::StoreError;
pub use queue::{Census, Claim, Claimed, JobFilter, LaneCount, LogPart, NewJob, Scope, Ticked, Waiting};
pub use reports::{Attempted, Delivery, DeliveryId, DeliveryState, Due, Reports, Room};
pub use retention::{Collected, Retention};
pub use secrets::{SecretInfo, Secrets};
pub use sqlite::SqliteStore;
pub use tenants::{Caps, Queue, Tenant, Tenants};
pub use tokens::{NewToken, Permission, TokenInfo, Tokens};

/// The store of a scheduler.
#[async_trait]
pub trait Store: Tokens + Tenants + Secrets + Blobs + Reports + Send + Sync + Debug {
    /// Queues jobs, all or none. A job whose key was used before by its tenant (for the same spec, within the
    /// retention of keys) is not queued again: the first one's id comes back. Its queue must exist, and the secrets
    /// and blobs it names must be its tenant's.
    async fn submit(&self, jobs: Vec<NewJob>, now: Timestamp) -> Result<Vec<Submitted>, StoreError> {
        self.submit_telling(jobs, now, &|| {}).await
    }

    /// The same, and calls `in_line` as soon as every claim that is asked for from then on sees the jobs, which may be
    /// before they are durable. What becomes of them is not known by then.
    async fn submit_telling(
        &self,
        jobs: Vec<NewJob>,
        now: Timestamp,
        in_line: &(dyn Fn() + Send + Sync),
    ) -> Result<Vec<Submitted>, StoreError>;

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
    /// until `claim.until`. A worker that drains gets none.
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

    /// One worker, if it was not removed.
    async fn worker(&self, name: &WorkerName, now: Timestamp) -> Result<Option<WorkerInfo>, StoreError>;

    /// Every worker that was not removed.
    async fn workers(&self, now: Timestamp) -> Result<Vec<WorkerInfo>, StoreError>;

    /// Tells a worker to take no more jobs, or to take jobs again.
    async fn drain(&self, worker: &WorkerName, drain: bool) -> Result<(), StoreError>;

    /// Forgets a worker; its leases are lost.
    async fn remove_worker(&self, worker: &WorkerName, now: Timestamp) -> Result<(), StoreError>;

    /// Whether there is room on the disk for more: [`StoreError::Full`] when there is not. To be asked before a file is
    /// written that the store does not write itself.
    async fn room(&self) -> Result<(), StoreError>;

    /// Numbers for metrics and pages.
    async fn census(&self, now: Timestamp) -> Result<Census, StoreError>;

    /// The latest moment it knows of, or one shortly before: time must not go back behind it when a scheduler is
    /// started on a host whose clock was set.
    async fn latest(&self) -> Result<Timestamp, StoreError>;

    /// Finishes what was asked for and lets go of what it holds. Without it nothing is lost either.
    async fn close(&self);
}

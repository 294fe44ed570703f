//! [`Store`]: each method is a change or a reading; what it does is in the file of its concept.

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use dayfly_jobs::wire::{
    Completed, Completion, JobDetail, JobEvent, JobSummary, LogPosition, Page, Progress, Registration,
    Renewal, Submitted, WorkerInfo,
};
use dayfly_jobs::{JobId, LeaseId, Timestamp, WorkerName};

use super::SqliteStore;
use super::logs::Piece;
use super::{claim, collect, ends, explain, latest, leases, listing, logs, reserve, submit, workers};
use crate::store::{
    Census, Claim, Claimed, Collected, JobFilter, LogPart, NewJob, Retention, Scope, Store, StoreError,
    Ticked, Waiting,
};

#[async_trait]
impl Store for SqliteStore {
    async fn submit_telling(
        &self,
        jobs: Vec<NewJob>,
        now: Timestamp,
        in_line: &(dyn Fn() + Send + Sync),
    ) -> Result<Vec<Submitted>, StoreError> {
        self.writer.make_telling(submit::Submit { jobs, now }, in_line).await
    }

    async fn job(&self, scope: &Scope, id: JobId) -> Result<Option<JobDetail>, StoreError> {
        listing::job(&mut *self.reader().await?, scope, id).await
    }

    async fn jobs(&self, scope: &Scope, filter: &JobFilter) -> Result<Page<JobSummary>, StoreError> {
        listing::jobs(&mut *self.reader().await?, scope, filter).await
    }

    async fn events(&self, id: JobId, after: u64, most: u32) -> Result<Vec<JobEvent>, StoreError> {
        listing::events(&mut *self.reader().await?, id, after, most).await
    }

    async fn cancel(&self, scope: &Scope, id: JobId, now: Timestamp) -> Result<JobSummary, StoreError> {
        self.writer.make(ends::Cancel { scope: scope.clone(), id, now }).await
    }

    async fn waiting(&self, id: JobId, now: Timestamp) -> Result<Option<Waiting>, StoreError> {
        explain::waiting(&mut *self.reader().await?, id, now).await
    }

    async fn claim(&self, claim: &Claim, now: Timestamp) -> Result<Vec<Claimed>, StoreError> {
        self.writer.make(claim::Claim { claim: claim.clone(), now }).await
    }

    async fn renew(
        &self,
        worker: &WorkerName,
        leases: &[LeaseId],
        until: Timestamp,
        now: Timestamp,
    ) -> Result<Vec<Renewal>, StoreError> {
        let (worker, leases) = (worker.clone(), leases.to_vec());
        self.writer.make(leases::Renew { worker, leases, until, now }).await
    }

    async fn progress(
        &self,
        worker: &WorkerName,
        lease: LeaseId,
        progress: Vec<Progress>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.writer.make(leases::Tell { worker: worker.clone(), lease, progress, now }).await?
    }

    async fn complete(
        &self,
        worker: &WorkerName,
        lease: LeaseId,
        completion: Completion,
        now: Timestamp,
    ) -> Result<Completed, StoreError> {
        let rest = self.rest(worker, lease, &completion).await?;
        self.writer.make(leases::Complete { worker: worker.clone(), lease, completion, rest, now }).await?
    }

    async fn append_log(
        &self,
        worker: &WorkerName,
        lease: LeaseId,
        offset: u64,
        bytes: &[u8],
        _now: Timestamp,
    ) -> Result<LogPosition, StoreError> {
        let piece = self.stage(worker, lease, offset, bytes).await?;
        self.writer.make(logs::Append { worker: worker.clone(), lease, piece }).await
    }

    async fn read_log(&self, id: JobId, offset: u64, most: u64) -> Result<LogPart, StoreError> {
        logs::read(&self.readers, &self.logs, id, offset, most).await
    }

    async fn tick(&self, now: Timestamp, most: u32) -> Result<Ticked, StoreError> {
        self.writer.make(ends::Tick { now, most }).await
    }

    async fn collect(&self, retention: &Retention, now: Timestamp) -> Result<Collected, StoreError> {
        let (collected, files) = self.writer.make(collect::Collect { retention: *retention, now }).await?;
        if !files.is_empty() {
            self.logs.delete(files.clone()).await?;
            self.writer.make(collect::LogsDeleted(files)).await?;
        }
        Ok(collected)
    }

    async fn register(
        &self,
        worker: &Registration,
        token: &[u8; 32],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.writer.make(workers::Register { registration: worker.clone(), token: *token, now }).await
    }

    async fn worker(&self, name: &WorkerName, now: Timestamp) -> Result<Option<WorkerInfo>, StoreError> {
        Ok(workers::list(&mut *self.reader().await?, Some(name), now).await?.pop())
    }

    async fn workers(&self, now: Timestamp) -> Result<Vec<WorkerInfo>, StoreError> {
        workers::list(&mut *self.reader().await?, None, now).await
    }

    async fn drain(&self, worker: &WorkerName, drain: bool) -> Result<(), StoreError> {
        self.writer.make(workers::Drain { worker: worker.clone(), drain }).await
    }

    async fn remove_worker(&self, worker: &WorkerName, now: Timestamp) -> Result<(), StoreError> {
        self.writer.make(workers::Remove { worker: worker.clone(), now }).await
    }

    async fn room(&self) -> Result<(), StoreError> {
        self.writer.make(reserve::Room).await
    }

    async fn census(&self, _now: Timestamp) -> Result<Census, StoreError> {
        explain::census(&mut *self.reader().await?).await
    }

    async fn latest(&self) -> Result<Timestamp, StoreError> {
        latest::latest(&mut *self.reader().await?).await
    }

    async fn close(&self) {
        Self::close(self).await;
    }
}

impl SqliteStore {
    async fn stage(
        &self,
        worker: &WorkerName,
        lease: LeaseId,
        offset: u64,
        bytes: &[u8],
    ) -> Result<Piece, StoreError> {
        logs::stage(&self.writer, &self.readers, &self.logs, (worker, lease), (offset, bytes)).await
    }

    /// The log that came with a completion, ready to be noted. When the lease was lost there is nothing to note; the
    /// completion is refused, or answered again, by the change itself.
    async fn rest(
        &self,
        worker: &WorkerName,
        lease: LeaseId,
        completion: &Completion,
    ) -> Result<Option<Piece>, StoreError> {
        let Completion::Finished { rest, .. } = completion else { return Ok(None) };
        let Some(chunk) = &rest.log else { return Ok(None) };
        let bytes = STANDARD.decode(&chunk.base64).map_err(|_| StoreError::BadLog)?;
        match self.stage(worker, lease, chunk.offset, &bytes).await {
            Err(StoreError::Refused(_)) => Ok(None),
            staged => staged.map(Some),
        }
    }
}

//! How jobs go out to workers and come back. Whether a worker may still speak for a job is the store's to decide.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use dayfly_jobs::wire::{
    Completed, Completion, Lease, LeaseRequest, Leases, LogPosition, Progress, RenewRequest, Renewal, Renewed,
};
use dayfly_jobs::{LeaseId, SecretName, State, Verdict, WorkerName};
use tokio::sync::oneshot;

use super::Service;
use super::access::Seat;
use crate::problem::Problem;
use crate::store::{Claim, Claimed, StoreError};

/// The longest a poll may take.
const LONGEST_POLL: Duration = Duration::from_secs(30);
/// A poll asks the store again after this time, even if nobody woke it: a cap may have been lifted elsewhere.
const ASK_AGAIN: Duration = Duration::from_secs(10);
/// Leases one poll may ask for.
const MOST_LEASES: u32 = 64;

impl Service {
    /// Jobs for a worker, waiting for some if there are none. Goes on when the caller is gone and then gives back
    /// what it got: a job must not be lost with a broken connection.
    pub(crate) async fn lease(
        self: &Arc<Self>,
        seat: Arc<Seat>,
        request: LeaseRequest,
    ) -> Result<Leases, Problem> {
        let (answer, answered) = oneshot::channel();
        let own = Arc::clone(self);
        tokio::spawn(async move {
            let mut answer = answer;
            let leases = tokio::select! {
                leases = own.poll(&seat, &request) => leases,
                () = answer.closed() => return,
            };
            if let Err(Ok(unheard)) = answer.send(leases) {
                own.take_back(&seat.name, &unheard).await;
            }
        });
        answered.await.map_err(|_| Problem::internal("a poll ended without an answer"))?
    }

    /// Any change of the worker ends its polls, so that it is asked anew who it is.
    async fn poll(&self, seat: &Arc<Seat>, request: &LeaseRequest) -> Result<Leases, Problem> {
        let until = Instant::now() + LONGEST_POLL.min(Duration::from_millis(request.wait_ms));
        loop {
            let place = self.waiters.enter(seat.offer(request.free));
            let now_seat = self.seat(&seat.name).await?;
            if now_seat.draining || !Arc::ptr_eq(seat, &now_seat) {
                return Ok(Leases { leases: Vec::new(), drain: now_seat.draining });
            }
            let leases = self.claim(seat, request).await?;
            let now = Instant::now();
            if !leases.is_empty() || now >= until {
                return Ok(Leases { leases, drain: false });
            }
            tokio::select! {
                () = place.woken() => place.looked(),
                () = tokio::time::sleep_until(until.min(now + ASK_AGAIN).into()) => {}
                () = self.closing.cancelled() => return Ok(Leases { leases: Vec::new(), drain: false }),
            }
        }
    }

    async fn claim(&self, seat: &Seat, request: &LeaseRequest) -> Result<Vec<Lease>, Problem> {
        let now = self.clock.now();
        let until = now.plus_millis(self.config.lease_ms);
        let claim = Claim {
            worker: seat.name.clone(),
            labels: seat.labels.clone(),
            queues: seat.queues.clone(),
            policies: seat.policies.clone(),
            free: request.free,
            max: request.max.clamp(1, MOST_LEASES),
            until,
        };
        let begin = Instant::now();
        let claimed = self.store.claim(&claim, now).await;
        self.metrics.stored("claim", begin);
        let claimed = claimed?;
        if !claimed.is_empty() {
            self.due.at_latest(until);
        }
        let mut leases = Vec::with_capacity(claimed.len());
        for job in claimed {
            self.metrics.waited(now.millis_since(job.submitted));
            self.watchers.touch(job.lease.job);
            leases.extend(self.hand_out(&seat.name, job).await);
        }
        Ok(leases)
    }

    /// With its secrets; a job whose secrets cannot be had fails for want of them.
    async fn hand_out(&self, worker: &WorkerName, job: Claimed) -> Option<Lease> {
        match self.secrets(&job).await {
            Ok(secrets) => Some(Lease {
                id: job.lease,
                tenant: job.tenant,
                spec: job.spec,
                secrets,
                lasts_ms: self.config.lease_ms,
            }),
            Err(error) => {
                let failed = Completion::Failed { error };
                if let Err(problem) = self.complete(worker, job.lease, failed).await {
                    tracing::error!(lease = %job.lease, ?problem, "cannot fail a job whose secrets are missing");
                }
                None
            }
        }
    }

    async fn secrets(&self, job: &Claimed) -> Result<BTreeMap<SecretName, String>, String> {
        let names: Vec<SecretName> = job.spec.secrets.iter().map(|secret| secret.name.clone()).collect();
        if names.is_empty() {
            return Ok(BTreeMap::new());
        }
        let sealed = self.store.ciphertexts(&job.tenant, &names).await.map_err(|error| error.to_string())?;
        let mut secrets = BTreeMap::new();
        for (name, sealed) in sealed {
            let value = self.vault.open_sealed(&crate::secrets::purpose(&job.tenant, &name), &sealed);
            let value = value.map_err(|error| format!("secret '{name}': {error}"))?;
            let text = std::str::from_utf8(&value).map_err(|_| format!("secret '{name}' is no text"))?;
            secrets.insert(name, text.to_owned());
        }
        Ok(secrets)
    }

    async fn take_back(&self, worker: &WorkerName, unheard: &Leases) {
        for lease in &unheard.leases {
            if let Err(problem) = self.complete(worker, lease.id, Completion::HandedBack).await {
                tracing::warn!(lease = %lease.id, ?problem, "cannot take back a lease nobody heard of; it will run out");
            }
        }
    }

    pub(crate) async fn renew(&self, seat: &Seat, request: &RenewRequest) -> Result<Renewed, Problem> {
        let now = self.clock.now();
        let until = now.plus_millis(self.config.lease_ms);
        let leases: Vec<Renewal> = self.store.renew(&seat.name, &request.leases, until, now).await?;
        let kept: BTreeSet<LeaseId> = request
            .leases
            .iter()
            .zip(&leases)
            .filter(|(_, renewal)| matches!(renewal, Renewal::Kept { .. }))
            .map(|(lease, _)| *lease)
            .collect();
        for told in request.samples.iter().filter(|told| kept.contains(&told.lease)) {
            self.gauges.note(told, now, until);
            self.gauge_watchers.touch(told.lease.job);
        }
        let watched = kept.iter().any(|lease| self.gauge_watchers.watched(lease.job));
        Ok(Renewed { leases, drain: seat.draining, watched })
    }

    pub(crate) async fn progress(
        &self,
        worker: &WorkerName,
        lease: LeaseId,
        progress: Vec<Progress>,
    ) -> Result<(), Problem> {
        self.store.progress(worker, lease, progress, self.clock.now()).await?;
        self.watchers.touch(lease.job);
        Ok(())
    }

    pub(crate) async fn append_log(
        &self,
        worker: &WorkerName,
        lease: LeaseId,
        offset: u64,
        bytes: &[u8],
    ) -> Result<LogPosition, Problem> {
        let position = self.store.append_log(worker, lease, offset, bytes, self.clock.now()).await?;
        self.metrics.log_bytes.inc_by(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        self.watchers.touch(lease.job);
        Ok(position)
    }

    /// Ends an attempt, and tells who needs to know.
    pub(crate) async fn complete(
        &self,
        worker: &WorkerName,
        lease: LeaseId,
        completion: Completion,
    ) -> Result<Completed, Problem> {
        let (begin, said) = (Instant::now(), Said::by(&completion));
        let completed = self.store.complete(worker, lease, completion, self.clock.now()).await;
        self.metrics.stored("complete", begin);
        if matches!(completed, Err(StoreError::Refused(_))) {
            self.metrics.refused.inc();
            self.watchers.touch(lease.job);
        }
        let completed = completed?;
        if completed.repeated {
            return Ok(completed);
        }
        self.metrics.ended(completed.state);
        if let Some(Said { verdict, log_bytes }) = said {
            self.metrics.judged(&verdict);
            self.metrics.log_bytes.inc_by(log_bytes);
        }
        if completed.state == State::Queued {
            self.requeued(lease.job).await;
        } else {
            self.ended(lease.job);
        }
        Ok(completed)
    }
}

/// What a job that ran to its end said last.
struct Said {
    verdict: Verdict,
    /// Bytes of the log that came with it.
    log_bytes: u64,
}

impl Said {
    fn by(completion: &Completion) -> Option<Self> {
        let Completion::Finished { result, rest } = completion else { return None };
        // Three bytes of each four characters; the last ones may stand for less.
        let text = rest.log.as_ref().map_or("", |chunk| chunk.base64.trim_end_matches('='));
        let log_bytes = u64::try_from(text.len() * 3 / 4).unwrap_or(u64::MAX);
        Some(Self { verdict: result.verdict.clone(), log_bytes })
    }
}

//! What a worker does to be known to its scheduler: introduces itself, and keeps its leases. It must not know what the
//! leases are for.

use std::time::{Duration, Instant};

use dayfly_jobs::wire::{Registered, Registration};
use tokio_util::sync::CancellationToken;

use crate::client::CallError;
use crate::error::WorkerError;
use crate::held::Which;
use crate::retry::Backoff;
use crate::run::Worker;
use crate::stop::Why;

/// How soon to try again after leases could not be renewed.
const RENEW_AGAIN: Duration = Duration::from_secs(1);
/// How often while somebody watches a job: what it uses goes with the renewal.
const WATCHED: Duration = Duration::from_secs(1);
/// How soon after a renewal the next one may be that is ahead of its time.
const AHEAD: Duration = Duration::from_secs(1);

impl Worker {
    /// Introduces itself, for as long as the scheduler is away; `None` when it is to end before that.
    pub(crate) async fn enlist(
        &self,
        shutdown: &CancellationToken,
    ) -> Result<Option<Registered>, WorkerError> {
        let config = &self.bench.config;
        let who = Registration {
            name: config.name.clone(),
            labels: config.labels.clone(),
            queues: config.queues.clone(),
            policies: config.policies.iter().map(|policy| policy.name().to_owned()).collect(),
            capacity: config.capacity,
            report: self.report.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        let mut backoff = Backoff::default();
        loop {
            let call = self.bench.client.register(&config.join_token.0, &who);
            let answer = tokio::select! {
                () = shutdown.cancelled() => return Ok(None),
                answer = call => answer,
            };
            match answer {
                Ok(registered) => return Ok(Some(registered)),
                Err(CallError::Away { why, after }) => {
                    tracing::warn!(why, "the scheduler is away; trying again");
                    tokio::select! {
                        () = shutdown.cancelled() => return Ok(None),
                        () = backoff.pause(after) => {}
                    }
                }
                Err(error) => return Err(WorkerError::Unwanted { reason: error.to_string() }),
            }
        }
    }

    /// Renews all leases again and again, and new ones once ahead of the others; never ends.
    pub(crate) async fn renew(&self, every: Duration) {
        let mut all = Instant::now() + every;
        let mut soonest = Instant::now();
        loop {
            let changed = self.held.changed();
            let Some(at) = self.held.next_renewal(all, soonest) else {
                changed.await;
                all = Instant::now() + every;
                continue;
            };
            tokio::select! {
                // Perhaps a lease that is to be renewed sooner.
                () = changed => continue,
                () = tokio::time::sleep_until(at.into()) => {}
            }
            let which = if at < all { Which::First } else { Which::All };
            let next = self.renew_once(every, which).await;
            // A few that were renewed ahead do not put off the others.
            all = if which == Which::All { next } else { all.min(next) };
            soonest = Instant::now() + AHEAD;
        }
    }

    /// Renews leases, and tells when to do it again.
    async fn renew_once(&self, every: Duration, which: Which) -> Instant {
        let since = Instant::now();
        let request = self.held.renewal(since, which);
        let wait = match self.bench.client.renew(&request, every.max(RENEW_AGAIN)).await {
            Ok(renewed) => {
                if renewed.drain {
                    self.retired.cancel();
                }
                let answers = request.leases.into_iter().zip(renewed.leases);
                answers.for_each(|(lease, renewal)| self.held.apply(lease, renewal, since));
                if renewed.watched { every.min(WATCHED) } else { every }
            }
            Err(CallError::Unauthorized { .. }) => {
                self.held.stop_all(Why::Lost);
                every
            }
            Err(error) => {
                tracing::warn!(%error, "the leases could not be renewed");
                every.min(RENEW_AGAIN)
            }
        };
        Instant::now() + wait
    }
}

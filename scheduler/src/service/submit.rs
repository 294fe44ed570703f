//! How a job comes in: checked, committed, and a worker woken for it. The answer is given after the commit.

use std::time::Instant;

use dayfly_jobs::wire::Submitted;
use dayfly_jobs::{InputSource, JobId, JobSpec, Report, TenantName};

use super::{Service, Wanted};
use crate::problem::{Kind, Problem};
use crate::store::NewJob;

/// Calls with more jobs than this wake nobody before their commit.
const WOKEN_EARLY: usize = 8;

/// A job as it was asked for.
#[derive(Debug)]
pub(crate) struct Submission {
    pub(crate) spec: JobSpec,
    pub(crate) key: Option<String>,
    pub(crate) retry_of: Option<JobId>,
}

impl Service {
    /// Queues jobs of one tenant, all or none.
    pub(crate) async fn submit(
        &self,
        tenant: &TenantName,
        submissions: Vec<Submission>,
    ) -> Result<Vec<Submitted>, Problem> {
        for submission in &submissions {
            self.check(&submission.spec)?;
        }
        if submissions.iter().any(|submission| !submission.spec.report.is_empty()) {
            self.check_webhook_key(tenant).await?;
        }
        let now = self.clock.now();
        let wanted: Vec<Wanted> = submissions.iter().map(|submission| Wanted::by(&submission.spec)).collect();
        let patience = submissions.iter().filter_map(|submission| submission.spec.timeouts.queue).min();
        let jobs = submissions.into_iter().map(|submission| NewJob {
            id: JobId::new(now, crate::chance::number()),
            tenant: tenant.clone(),
            spec: submission.spec,
            key: submission.key,
            retry_of: submission.retry_of,
        });
        let begin = Instant::now();
        // Whoever is woken early asks after the jobs are in line, and so is answered with them by the same commit. That
        // they will be there is not known yet, so only few are woken for nothing by jobs that are not new.
        let is_early = wanted.len() <= WOKEN_EARLY;
        let wake = || {
            for wanted in wanted.iter().filter(|_| is_early) {
                self.waiters.wake(wanted.clone());
            }
        };
        let submitted = self.store.submit_telling(jobs.collect(), now, &wake).await;
        self.metrics.stored("submit", begin);
        let submitted = submitted?;
        for (_, wanted) in submitted.iter().zip(&wanted).filter(|(submitted, _)| submitted.created) {
            self.metrics.submitted.inc();
            if !is_early {
                self.waiters.wake(wanted.clone());
            }
        }
        if let Some(patience) = patience {
            self.due.at_latest(now.plus_millis(patience.as_micros() / 1000));
        }
        Ok(submitted)
    }

    /// What the store does not look at.
    fn check(&self, spec: &JobSpec) -> Result<(), Problem> {
        for input in &spec.inputs {
            if let InputSource::File(file) = &input.source {
                let detail = format!("input '{}' is the file '{file}', which only its owner has", input.path);
                return Err(Problem::new(Kind::BadJob, detail)
                    .fix("upload it with PUT /v1/blobs/SHA256 and name the blob, or use `dayfly submit`"));
            }
        }
        for Report::Webhook(address) in &spec.report {
            self.rules.check(address).map_err(|detail| {
                Problem::new(Kind::BadJob, detail).fix("name an address that anyone can reach")
            })?;
        }
        Ok(())
    }

    async fn check_webhook_key(&self, tenant: &TenantName) -> Result<(), Problem> {
        if self.store.webhook_key(tenant).await?.is_some() {
            return Ok(());
        }
        let detail = format!("tenant {tenant} has no key to sign its webhooks with");
        Err(Problem::new(Kind::BadJob, detail).fix("make one first: POST /v1/webhook-key"))
    }
}

//! The async side of one job: starts its thread, tells the scheduler what it says while it runs, and delivers its end
//! until that is answered or the lease is lost. After a lost lease not another word is said.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use dayfly_jobs::wire::{Completion, Lease, LogChunk, Progress, Rest};
use dayfly_jobs::{CpuSet, JobResult, Masker};

use crate::CallError;
use crate::error::WorkerError;
use crate::journal::{FLUSH_AT, Journal, PIECE};
use crate::retry::persist;
use crate::room::Share;
use crate::run::Worker;
use crate::run_job::{Bench, End, run_job};
use crate::stop::{Stop, Why};

/// How long what a job said may wait for more of it.
const FLUSH_AFTER: Duration = Duration::from_millis(200);
/// Bytes of log that go with a completion.
const REST: usize = 64 << 10;

/// Runs one leased job to its reported end.
pub(crate) async fn attend(worker: Arc<Worker>, lease: Lease, share: Option<Share>, stop: Stop) {
    let lease = Arc::new(lease);
    let completion = match share {
        Some(share) => run(&worker, &lease, share, &stop).await,
        None => tokio::select! {
            () = stop.stopped() => ending(&stop, Ok(End::Stopped)),
            share = worker.room.take(&lease.spec) => run(&worker, &lease, share, &stop).await,
        },
    };
    if let Some(completion) = completion {
        let post = Post { bench: &worker.bench, lease: &lease, stop: &stop };
        post.deliver(completion).await;
    }
}

/// Runs it, gives its room back, and tells what to report, if anything.
async fn run(worker: &Worker, lease: &Arc<Lease>, share: Share, stop: &Stop) -> Option<Completion> {
    let bench = &worker.bench;
    let journal = match journal(lease, bench) {
        Ok(journal) => journal,
        Err(error) => {
            worker.room.give(share);
            return ending(stop, Err(error));
        }
    };
    worker.held.hear(lease.id, journal.clone());
    let post = Post { bench, lease, stop };
    let end = post.stream(&journal, start(lease, share.cores.clone(), bench, &journal, stop)).await;
    worker.room.give(share);
    post.close(&journal, end).await
}

fn journal(lease: &Lease, bench: &Bench) -> Result<Journal, WorkerError> {
    let masker = Masker::new(lease.secrets.values().map(String::as_bytes))?;
    Ok(Journal::new(masker, bench.config.log_limit))
}

/// Runs the job on a thread that is its own meanwhile; what comes back is its end. Threads are used again: a new one
/// for every job would cost as much as the job.
async fn start(
    lease: &Arc<Lease>,
    cores: Option<CpuSet>,
    bench: &Arc<Bench>,
    journal: &Journal,
    stop: &Stop,
) -> Result<End, WorkerError> {
    let (lease, bench, journal, stop) = (Arc::clone(lease), Arc::clone(bench), journal.clone(), stop.clone());
    let job = move || {
        let span = tracing::info_span!("job", id = %lease.id.job, attempt = %lease.id.attempt);
        let _entered = span.enter();
        run_job(&lease, cores, &bench, &journal, &stop)
    };
    let ended = tokio::task::spawn_blocking(job).await;
    ended.map_err(|error| WorkerError::ThreadLost { reason: error.to_string() })?
}

/// What there is to report about an attempt that is over; nothing when its lease is lost.
fn ending(stop: &Stop, end: Result<End, WorkerError>) -> Option<Completion> {
    match (stop.why(), end) {
        (Some(Why::Lost), _) => None,
        (_, Ok(End::Result(result))) => Some(Completion::Finished { result, rest: Rest::default() }),
        (Some(Why::Owner), _) => Some(Completion::Stopped),
        (Some(Why::Drain), _) => Some(Completion::HandedBack),
        (_, Err(error)) => Some(Completion::Failed { error: error.to_string() }),
        (_, Ok(End::Stopped)) => {
            Some(Completion::Failed { error: "its log could not be kept at the scheduler".to_owned() })
        }
    }
}

/// The calls about one lease.
struct Post<'a> {
    bench: &'a Bench,
    lease: &'a Lease,
    stop: &'a Stop,
}

impl Post<'_> {
    /// Tells what the job says until it ends.
    async fn stream<T>(&self, journal: &Journal, done: impl Future<Output = T>) -> T {
        tokio::pin!(done);
        loop {
            tokio::select! {
                biased;
                end = &mut done => return end,
                () = journal.news() => {}
            }
            tokio::select! {
                biased;
                end = &mut done => return end,
                () = journal.plenty() => {}
                () = tokio::time::sleep(FLUSH_AFTER) => {}
            }
            let sent = tokio::select! {
                biased;
                sent = self.flush(journal, FLUSH_AT) => sent,
                // It cannot end while it waits for room, and what is sent twice counts once.
                end = &mut done => return end,
            };
            if let Err(error) = sent {
                self.give_up(journal, &error);
                return done.await;
            }
        }
    }

    /// What a job says cannot be told: it is stopped, for its log would have a hole.
    fn give_up(&self, journal: &Journal, error: &CallError) {
        tracing::warn!(lease = %self.lease.id, %error, "the log cannot be sent; the job is stopped");
        self.stop.stop(match error {
            CallError::Lost { .. } | CallError::Missing { .. } | CallError::Unauthorized { .. } => Why::Lost,
            CallError::Away { .. } | CallError::Refused { .. } | CallError::Unreadable { .. } => Why::Fault,
        });
        journal.break_off();
    }

    /// Sends events, and log until less than `enough` of it waits.
    async fn flush(&self, journal: &Journal, enough: usize) -> Result<(), CallError> {
        loop {
            let events = journal.events();
            if !events.is_empty() {
                persist(self.stop, || self.bench.client.progress(self.lease.id, &events)).await?;
                journal.told(events.len());
            }
            let (offset, bytes) = journal.piece(PIECE);
            if bytes.is_empty() {
                return Ok(());
            }
            let sent = bytes.len() as u64;
            let position =
                persist(self.stop, || self.bench.client.log(self.lease.id, offset, bytes.clone())).await?;
            self.bench.metrics.log_bytes.inc_by(sent);
            if !journal.acknowledge(position.next) {
                let detail =
                    format!("it has {} bytes of the log, which is more than there are", position.next);
                return Err(CallError::Refused { status: 200, detail });
            }
            if journal.waiting() <= enough {
                return Ok(());
            }
        }
    }

    /// Tells what is left and what to report.
    async fn close(&self, journal: &Journal, end: Result<End, WorkerError>) -> Option<Completion> {
        self.count(&end);
        let completion = ending(self.stop, end)?;
        let rest = match &completion {
            Completion::Finished { .. } => REST,
            Completion::Stopped | Completion::Failed { .. } => 0,
            Completion::HandedBack => return Some(completion),
        };
        while journal.waiting() > rest {
            if let Err(error) = self.flush(journal, rest).await {
                self.give_up(journal, &error);
                return ending(self.stop, Ok(End::Stopped));
            }
        }
        Some(match completion {
            Completion::Finished { result, .. } => finished(result, journal),
            other => other,
        })
    }

    fn count(&self, end: &Result<End, WorkerError>) {
        let metrics = &self.bench.metrics;
        match end {
            Ok(End::Result(_)) => metrics.jobs.with_label_values(&["finished"]).inc(),
            Ok(End::Stopped) => metrics.jobs.with_label_values(&["stopped"]).inc(),
            Err(error) => {
                tracing::error!(lease = %self.lease.id, %error, "the job could not be run");
                metrics.jobs.with_label_values(&["failed"]).inc();
                if matches!(error, WorkerError::Sandbox(_)) {
                    metrics.sandbox_errors.inc();
                }
            }
        }
    }

    /// Reports until there is an answer or the lease is lost.
    async fn deliver(&self, completion: Completion) {
        let id = self.lease.id;
        let answer = persist(self.stop, || self.bench.client.complete(id, &completion)).await;
        let answer = match (answer, &completion) {
            // A result that cannot be taken must not keep the job for ever.
            (Err(CallError::Refused { detail, .. }), Completion::Finished { .. } | Completion::Stopped) => {
                tracing::error!(lease = %id, detail, "the scheduler does not take the end of the job");
                let failed = Completion::Failed { error: format!("its end was not taken: {detail}") };
                persist(self.stop, || self.bench.client.complete(id, &failed)).await
            }
            (answer, _) => answer,
        };
        match answer {
            Ok(completed) => tracing::debug!(lease = %id, ?completed, "the job is reported"),
            Err(error) => tracing::warn!(lease = %id, %error, "the end of the job is not reported"),
        }
    }
}

/// The completion of a short job brings everything along; of a long one what is left.
fn finished(result: Box<JobResult>, journal: &Journal) -> Completion {
    let events: Vec<Progress> = journal.events();
    let (offset, bytes) = journal.piece(REST);
    let log = (!bytes.is_empty()).then(|| LogChunk { offset, base64: STANDARD.encode(&bytes) });
    Completion::Finished { result, rest: Rest { events, log } }
}

#[cfg(test)]
mod tests;

//! Stopping one job, for one of four reasons. Seen by the job's thread, by its sandbox and by the async side.

use std::sync::{Arc, Mutex, PoisonError};

use dayfly_sandbox::{Cancel, SandboxError};
use tokio_util::sync::CancellationToken;

/// Why a job is stopped; a later reason of higher rank takes the place of an earlier one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Why {
    /// The worker cannot do its part: the job has failed for want of us.
    Fault,
    /// The worker ends: the job is handed back.
    Drain,
    /// Its owner wants it ended.
    Owner,
    /// The lease is lost: nothing more may be said about the job.
    Lost,
}

/// The switch of one job.
#[derive(Debug, Clone)]
pub(crate) struct Stop {
    why: Arc<Mutex<Option<Why>>>,
    token: CancellationToken,
    lost: CancellationToken,
    cancel: Cancel,
}

impl Stop {
    pub(crate) fn new() -> Result<Self, SandboxError> {
        Ok(Self {
            why: Arc::default(),
            token: CancellationToken::new(),
            lost: CancellationToken::new(),
            cancel: Cancel::new()?,
        })
    }

    /// Stops the job.
    pub(crate) fn stop(&self, why: Why) {
        let mut reason = self.why.lock().unwrap_or_else(PoisonError::into_inner);
        *reason = (*reason).max(Some(why));
        drop(reason);
        self.cancel.cancel();
        self.token.cancel();
        if why == Why::Lost {
            self.lost.cancel();
        }
    }

    /// Why it is stopped, if it is.
    pub(crate) fn why(&self) -> Option<Why> {
        *self.why.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until it is stopped.
    pub(crate) async fn stopped(&self) {
        self.token.cancelled().await;
    }

    /// Waits until its lease is lost.
    pub(crate) async fn lost(&self) {
        self.lost.cancelled().await;
    }

    /// What ends the commands of its sandbox.
    pub(crate) fn cancel(&self) -> &Cancel {
        &self.cancel
    }
}

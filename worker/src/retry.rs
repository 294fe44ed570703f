//! Calling again while the scheduler is away. It must not decide what a call is worth: the lease does that.

use std::future::Future;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

use crate::CallError;
use crate::stop::Stop;

/// How often a blob is tried before the job is given back: the scheduler may be there and the blob not.
pub(crate) const BLOB_TRIES: u32 = 8;

/// Calls again and again while the scheduler is away, until the lease is lost.
pub(crate) async fn persist<T, F>(stop: &Stop, call: impl FnMut() -> F) -> Result<T, CallError>
where
    F: Future<Output = Result<T, CallError>>,
{
    persist_at_most(u32::MAX, stop, call).await
}

/// The same with an end.
pub(crate) async fn persist_at_most<T, F>(
    tries: u32,
    stop: &Stop,
    mut call: impl FnMut() -> F,
) -> Result<T, CallError>
where
    F: Future<Output = Result<T, CallError>>,
{
    let mut backoff = Backoff::default();
    loop {
        let answer = tokio::select! {
            biased;
            () = stop.lost() => {
                return Err(CallError::Lost { detail: "it was not renewed in time".to_owned() });
            }
            answer = call() => answer,
        };
        match answer {
            Err(CallError::Away { why, after }) if backoff.failures < tries => {
                tracing::debug!(why, "trying again");
                backoff.pause(after).await;
            }
            answer => return answer,
        }
    }
}

/// Waits longer after every failure, each time a little differently, so that a hundred workers do not come back at
/// the same moment.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    failures: u32,
}

/// The first pause and the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

impl Backoff {
    /// Waits; at least as long as the scheduler said.
    pub(crate) async fn pause(&mut self, after: Option<Duration>) {
        tokio::time::sleep(self.next(after, random())).await;
    }

    fn next(&mut self, after: Option<Duration>, random: u64) -> Duration {
        let most = FIRST_PAUSE.saturating_mul(1 << self.failures.min(10)).min(LONGEST_PAUSE);
        self.failures = self.failures.saturating_add(1);
        let millis = u64::try_from(most.as_millis()).unwrap_or(u64::MAX);
        let jittered = Duration::from_millis(millis / 2 + random % (millis / 2 + 1));
        jittered.max(after.unwrap_or_default().min(LONGEST_PAUSE))
    }
}

/// A number nobody can expect; it need not be more than that.
fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

#[cfg(test)]
mod tests;

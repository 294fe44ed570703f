//! What time it is for the queue. It must never go back or jump while the scheduler runs.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use dayfly_jobs::Timestamp;

/// The time of day at the start, carried on by the monotonic clock: leases and timeouts do not notice when
/// somebody sets the clock. It never starts before what was noted last: leases would last as much longer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    start: Timestamp,
    since: Instant,
}

impl Clock {
    /// Starts now, or at `latest` if that is later.
    pub(crate) fn start(latest: Timestamp) -> Self {
        Self { start: Self::time_of_day().max(latest), since: Instant::now() }
    }

    /// Milliseconds since 1970, as the queue counts them.
    pub(crate) fn now(&self) -> Timestamp {
        self.start.plus_millis(u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX))
    }

    /// What the host's clock says now: for signatures that somebody else checks by his own clock.
    #[expect(clippy::disallowed_methods, reason = "the one place that asks for the time of day")]
    pub(crate) fn time_of_day() -> Timestamp {
        // A clock before 1970 counts as 1970.
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_goes_on_from_what_was_noted_last() {
        let today = Clock::time_of_day();
        assert!(Clock::start(Timestamp(0)).now() >= today);
        let tomorrow = today.plus_millis(86_400_000);
        let clock = Clock::start(tomorrow);
        assert!(clock.now() >= tomorrow && clock.now() < tomorrow.plus_millis(60_000));
    }
}

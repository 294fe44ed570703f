//! When to look at a command's CPU time next. Pure: time and readings are passed in.

use std::time::Duration;

use dayfly_jobs::CpuTime;

/// How old the kernel's count of a running process's CPU time can be: it is brought up to date at the timer tick at
/// the latest, which comes 100 times a second or more often.
pub(crate) const STALE: Duration = Duration::from_millis(10);

/// Looking more often than this would cost more than it tells.
const SHORTEST: Duration = Duration::from_micros(500);

/// How long to wait before the budget can possibly be spent, with so many processors to spend it on at
/// once; `None` when it is spent.
///
/// The prediction never overshoots: a command cannot use CPU faster than `processors` allow. Each look
/// therefore lands at or before the limit, and the waits shrink with what is left.
pub(crate) fn next_look(limit: CpuTime, used: CpuTime, processors: u32) -> Option<Duration> {
    let left = limit.saturating_sub(used);
    // Reaching the limit is allowed; only going over it is not.
    if used > limit {
        return None;
    }
    Some((left.as_duration() / processors.max(1)).max(SHORTEST))
}

/// Commands that do nothing are looked at no more often than this.
const IDLE: Duration = Duration::from_millis(2);

/// The wait until the next look, which is longer for a command that was seen doing nothing.
pub(crate) fn unless_idle(wait: Duration, idle: bool) -> Duration {
    if idle { wait.max(IDLE) } else { wait }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_budget_ends_just_above_the_limit() {
        let second = CpuTime::secs(1);
        assert_eq!(next_look(second, CpuTime::default(), 1), Some(Duration::from_secs(1)));
        assert_eq!(next_look(second, CpuTime::default(), 4), Some(Duration::from_millis(250)));
        assert_eq!(next_look(second, second, 1), Some(SHORTEST));
        assert_eq!(next_look(second, CpuTime::micros(1_000_001), 1), None);
    }

    #[test]
    fn only_idle_commands_are_given_more_time() {
        assert_eq!(unless_idle(SHORTEST, false), SHORTEST);
        assert_eq!(unless_idle(SHORTEST, true), IDLE);
        assert_eq!(unless_idle(IDLE * 5, true), IDLE * 5);
    }

    proptest! {
        /// However fast a command runs, the supervisor looks again at most one shortest wait late, and it
        /// looks a bounded number of times.
        #[test]
        fn the_overrun_is_bounded(limit in 1_u64..10_000_000, processors in 1_u32..64) {
            let (limit, mut used, mut looks) = (CpuTime::micros(limit), CpuTime::default(), 0);
            while let Some(wait) = next_look(limit, used, processors) {
                let spent = u64::try_from(wait.as_micros()).unwrap() * u64::from(processors);
                used = CpuTime::micros(used.as_micros() + spent);
                looks += 1;
                prop_assert!(looks < 200);
            }
            let overrun = used.saturating_sub(limit).as_duration();
            prop_assert!(overrun <= SHORTEST * processors);
        }
    }
}

//! When a delivery is tried again. Pure: the jitter is an argument.

/// Milliseconds from one attempt to the next: ten attempts in four days.
pub(crate) const SCHEDULE_MS: &[u64] =
    &[5_000, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR, 24 * HOUR];

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;

/// How long to wait after so many attempts failed; nothing when it is time to give up. Up to a tenth is added, so
/// that what failed together is not tried together.
pub(super) fn wait_ms(schedule: &[u64], failed: u32, jitter: u64) -> Option<u64> {
    let place = usize::try_from(failed.checked_sub(1)?).ok()?;
    schedule.get(place).map(|wait| wait + jitter % (wait / 10 + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_goes_on_for_days_and_then_ends() {
        let waits: Vec<u64> = (1..).map_while(|failed| wait_ms(SCHEDULE_MS, failed, 0)).collect();
        assert_eq!(waits.len(), 9);
        assert!(waits.is_sorted() && waits.iter().sum::<u64>() > 3 * 24 * HOUR);
        assert_eq!(wait_ms(SCHEDULE_MS, 10, 0), None);
    }

    #[test]
    fn jitter_adds_a_tenth_at_most() {
        for jitter in [0, 1, 499, 500, u64::MAX] {
            let wait = wait_ms(SCHEDULE_MS, 1, jitter).unwrap();
            assert!((5_000..=5_500).contains(&wait), "{wait}");
        }
    }
}

//! Percentiles and ratios. Pure.

use std::time::Duration;

/// Times of one contender, one for each round, in the order of the rounds.
#[derive(Debug, Clone, Default)]
pub(crate) struct Samples(Vec<Duration>);

impl Samples {
    /// Adds the time of the next round.
    pub(crate) fn push(&mut self, time: Duration) {
        self.0.push(time);
    }

    /// How many rounds.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The least time that `percent` of all are at or below (nearest rank); nothing of nothing.
    pub(crate) fn percentile(&self, percent: usize) -> Option<Duration> {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        sorted.get(rank(sorted.len(), percent)?).copied()
    }

    /// Half are at or below it.
    pub(crate) fn median(&self) -> Option<Duration> {
        self.percentile(50)
    }

    /// The longest.
    pub(crate) fn max(&self) -> Option<Duration> {
        self.percentile(100)
    }

    /// The median of each round's own ratio to the other's time in the same round. What disturbs the machine
    /// for longer than a round disturbs both, and so drops out; the ratio of two medians would keep it.
    pub(crate) fn ratio_to(&self, other: &Self) -> Option<f64> {
        let pairs = self.0.iter().zip(&other.0).filter(|(_, other)| !other.is_zero());
        let mut ratios: Vec<f64> = pairs.map(|(own, other)| own.div_duration_f64(*other)).collect();
        ratios.sort_unstable_by(f64::total_cmp);
        ratios.get(rank(ratios.len(), 50)?).copied()
    }
}

impl FromIterator<Duration> for Samples {
    fn from_iter<I: IntoIterator<Item = Duration>>(times: I) -> Self {
        Self(times.into_iter().collect())
    }
}

/// The index of the nearest rank in a sorted list of so many.
fn rank(count: usize, percent: usize) -> Option<usize> {
    (count * percent).div_ceil(100).max(1).checked_sub(1).filter(|index| *index < count)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn millis(times: &[u64]) -> Samples {
        times.iter().map(|time| Duration::from_millis(*time)).collect()
    }

    #[test]
    fn percentiles_are_samples_of_the_nearest_rank() {
        let hundred: Vec<u64> = (1..=100).rev().collect();
        for (times, percent, expected) in [
            (&[7][..], 50, Some(7)),
            (&[7], 99, Some(7)),
            (&[3, 1, 2], 50, Some(2)),
            (&[4, 3, 2, 1], 50, Some(2)),
            (&hundred, 50, Some(50)),
            (&hundred, 99, Some(99)),
            (&hundred, 100, Some(100)),
            (&[1, 2], 0, Some(1)),
            (&[], 50, None),
            (&[], 100, None),
        ] {
            let found = millis(times).percentile(percent);
            assert_eq!(found, expected.map(Duration::from_millis), "{percent} % of {times:?}");
        }
    }

    #[test]
    fn a_slow_stretch_that_hits_both_does_not_change_the_ratio() {
        let calm = millis(&[10, 10, 10, 10, 10]).ratio_to(&millis(&[5, 5, 5, 5, 5]));
        let disturbed = millis(&[10, 80, 80, 80, 10]).ratio_to(&millis(&[5, 40, 40, 40, 5]));
        assert_eq!((calm, disturbed), (Some(2.0), Some(2.0)));
    }

    #[test]
    fn nothing_has_no_ratio() {
        assert_eq!(millis(&[]).ratio_to(&millis(&[1])), None);
        assert_eq!(millis(&[1]).ratio_to(&millis(&[0])), None);
    }

    proptest! {
        #[test]
        fn percentiles_grow_and_stay_within(times in prop::collection::vec(0_u64..1_000_000, 1..200)) {
            let samples = millis(&times);
            let found: Vec<_> = (0..=100).filter_map(|percent| samples.percentile(percent)).collect();
            prop_assert_eq!(found.len(), 101);
            prop_assert!(found.is_sorted());
            prop_assert_eq!(samples.max(), times.iter().max().map(|time| Duration::from_millis(*time)));
        }
    }
}

//! Rounds: every contender once, in a new order each time, until there were enough or time is up.
//!
//! Side by side and not one after the other, so that a busy machine is busy for all alike; in a new order, so
//! that none always suffers from what the same neighbour leaves behind.

use std::time::{Duration, Instant};

use super::stats::Samples;
use crate::error::CliError;

/// How much to measure.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Effort {
    /// Rounds of each part.
    pub(crate) rounds: usize,
    /// A part ends after this much time even if it had fewer rounds.
    pub(crate) cap: Duration,
}

/// Rounds that are not counted: they bring files and code into memory.
pub(crate) const WARM_UP: usize = 3;

/// Something to measure.
pub(crate) trait Contender {
    /// Does it once and gives the time that counts.
    ///
    /// # Errors
    /// It did not do what it is measured for.
    fn once(&mut self) -> Result<Duration, CliError>;
}

impl<F: FnMut() -> Result<Duration, CliError>> Contender for F {
    fn once(&mut self) -> Result<Duration, CliError> {
        self()
    }
}

/// Times of all contenders, in their order.
pub(crate) fn measure(
    contenders: &mut [&mut dyn Contender],
    effort: Effort,
) -> Result<Vec<Samples>, CliError> {
    let mut samples = vec![Samples::default(); contenders.len()];
    let mut order = Order::new(contenders.len());
    for _ in 0..WARM_UP {
        contenders.iter_mut().try_for_each(|contender| contender.once().map(drop))?;
    }
    let start = Instant::now();
    for round in 0..effort.rounds {
        if round > 0 && start.elapsed() >= effort.cap {
            break;
        }
        for index in order.shuffle() {
            if let (Some(contender), Some(samples)) = (contenders.get_mut(index), samples.get_mut(index)) {
                samples.push(contender.once()?);
            }
        }
    }
    Ok(samples)
}

/// The same shuffles in every run: what is measured differs between runs, how it is measured does not.
struct Order {
    order: Vec<usize>,
    state: u64,
}

impl Order {
    fn new(count: usize) -> Self {
        Self { order: (0..count).collect(), state: 0 }
    }

    /// The next order (Fisher-Yates).
    fn shuffle(&mut self) -> Vec<usize> {
        for last in (1..self.order.len()).rev() {
            let other = self.below(last + 1);
            self.order.swap(last, other);
        }
        self.order.clone()
    }

    /// A number below `limit`. The remainder favours small numbers by one in 2^64, which no bench can see.
    fn below(&mut self, limit: usize) -> usize {
        let limit = u64::try_from(limit).unwrap_or(u64::MAX);
        usize::try_from(self.draw() % limit).unwrap_or(0)
    }

    /// SplitMix64 (Steele, Lea, Flood 2014).
    fn draw(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn every_round_has_everyone_once_and_no_place_is_anyones() {
        let mut order = Order::new(5);
        let mut firsts = [0; 5];
        for _ in 0..500 {
            let round = order.shuffle();
            firsts[round[0]] += 1;
            let mut sorted = round;
            sorted.sort_unstable();
            assert_eq!(sorted, [0, 1, 2, 3, 4]);
        }
        assert!(firsts.iter().all(|count| (60..=140).contains(count)), "{firsts:?}");
    }

    #[test]
    fn warm_up_is_not_counted_and_all_have_as_many_samples() {
        let (calls, effort) = (Cell::new(0), Effort { rounds: 7, cap: Duration::from_secs(60) });
        let mut count = || {
            calls.set(calls.get() + 1);
            Ok(Duration::from_millis(1))
        };
        let mut other = || Ok(Duration::from_millis(2));
        let samples = measure(&mut [&mut count, &mut other], effort).unwrap();
        assert_eq!(calls.get(), 7 + WARM_UP);
        assert_eq!(samples.iter().map(Samples::len).collect::<Vec<_>>(), [7, 7]);
        assert_eq!(samples[0].ratio_to(&samples[1]), Some(0.5));
    }

    #[test]
    fn a_part_ends_when_its_time_is_up_but_never_before_one_round() {
        let mut one = || Ok(Duration::from_millis(1));
        let effort = Effort { rounds: 1000, cap: Duration::ZERO };
        assert_eq!(measure(&mut [&mut one], effort).unwrap()[0].len(), 1);
    }

    #[test]
    fn a_failure_ends_the_measurement() {
        let mut broken = || Err(CliError::usage("it broke", "mend it"));
        let effort = Effort { rounds: 1, cap: Duration::ZERO };
        assert!(measure(&mut [&mut broken], effort).is_err());
    }
}

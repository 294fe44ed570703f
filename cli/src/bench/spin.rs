//! A program that uses processor time: so much work and no less, or until it is killed.
//!
//! The bench starts itself as this program, inside and outside of a jail, so that both run the same code.

use std::hint::black_box;
use std::io;
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

use crate::error::CliError;

/// Blocks of work that take about a tenth of a second.
pub(crate) const TENTH: u64 = 1000;
/// Blocks of work that nobody waits for.
pub(crate) const ENDLESS: u64 = u64::MAX;

/// Words of memory that the work goes over: more than a first-level cache holds.
const WORDS: usize = 64 << 10;

/// Does `blocks` of work and gives the processor time they took, by this process's own clock: starting it
/// is not in it.
pub(crate) fn spin(blocks: u64) -> Result<Duration, CliError> {
    let mut words = vec![1_u64; WORDS];
    let start = processor_time()?;
    for block in 0..blocks {
        mix(black_box(&mut words), block);
    }
    black_box(&words);
    Ok(processor_time()?.saturating_sub(start))
}

/// Every word depends on the one before, so that nothing can be left out.
fn mix(words: &mut [u64], seed: u64) {
    let mut state = seed;
    for word in words {
        state = (state ^ *word).rotate_left(23).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        *word = state;
    }
}

fn processor_time() -> Result<Duration, CliError> {
    clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID).map(Duration::from).map_err(|errno| {
        let why = io::Error::from(errno);
        CliError::bench(format!("cannot read the processor time: {why}"), "use a kernel with POSIX timers")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_work_takes_more_time_and_is_really_done() {
        let (little, much) = (spin(1).unwrap(), spin(20).unwrap());
        assert!(much > little * 5, "{little:?} against {much:?}");
        let (mut once, mut twice) = (vec![1; 4], vec![1; 4]);
        mix(&mut once, 7);
        mix(&mut twice, 8);
        assert_ne!(once, twice);
    }
}

//! Token buckets: how often somebody may call. Pure but for the lock; time is an argument. It forgets whoever has
//! a full bucket, so that its size is bounded by how many call at once.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How many callers are kept before the full buckets are thrown away.
const SWEEP_AT: usize = 4096;

/// One bucket for each caller.
#[derive(Debug)]
pub(crate) struct Buckets<K> {
    per_second: f64,
    burst: f64,
    buckets: Mutex<BTreeMap<K, Bucket>>,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    tokens: f64,
    at: Instant,
}

impl<K: Ord + Clone> Buckets<K> {
    /// So many calls in a second, and so many at once after a pause.
    pub(crate) fn new(per_second: u32, burst: u32) -> Self {
        Self {
            per_second: f64::from(per_second.max(1)),
            burst: f64::from(burst.max(1)),
            buckets: Mutex::new(BTreeMap::new()),
        }
    }

    /// Takes one for a call.
    ///
    /// # Errors
    /// With the time until there is one.
    pub(crate) fn take(&self, who: &K, now: Instant) -> Result<(), Duration> {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let tokens = self.filled(buckets.get(who), now);
        let left = tokens - 1.0;
        if left < 0.0 {
            return Err(Duration::from_secs_f64(-left / self.per_second));
        }
        if buckets.len() >= SWEEP_AT && !buckets.contains_key(who) {
            buckets.retain(|_, bucket| self.filled(Some(bucket), now) < self.burst);
        }
        buckets.insert(who.clone(), Bucket { tokens: left, at: now });
        Ok(())
    }

    /// Whether the next call would be let through; takes nothing.
    pub(crate) fn peek(&self, who: &K, now: Instant) -> Result<(), Duration> {
        let buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let missing = 1.0 - self.filled(buckets.get(who), now);
        if missing > 0.0 { Err(Duration::from_secs_f64(missing / self.per_second)) } else { Ok(()) }
    }

    fn filled(&self, bucket: Option<&Bucket>, now: Instant) -> f64 {
        bucket.map_or(self.burst, |bucket| {
            let since = now.saturating_duration_since(bucket.at).as_secs_f64();
            (bucket.tokens + since * self.per_second).min(self.burst)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_let_through_and_then_the_rate_holds() {
        let (buckets, start) = (Buckets::new(10, 3), Instant::now());
        for _ in 0..3 {
            assert_eq!(buckets.take(&1, start), Ok(()));
        }
        let wait = buckets.take(&1, start).unwrap_err();
        assert!(wait <= Duration::from_millis(100) && wait > Duration::from_millis(90), "{wait:?}");
        assert_eq!(buckets.peek(&1, start).unwrap_err(), wait);
        assert_eq!(buckets.take(&2, start), Ok(()), "another caller has its own");
        assert_eq!(buckets.take(&1, start + Duration::from_millis(101)), Ok(()));
        assert!(buckets.take(&1, start + Duration::from_millis(102)).is_err());
    }

    #[test]
    fn who_has_not_called_for_a_while_is_forgotten() {
        let (buckets, start) = (Buckets::new(1, 1), Instant::now());
        for who in 0..SWEEP_AT {
            assert_eq!(buckets.take(&who, start), Ok(()));
        }
        assert_eq!(buckets.take(&SWEEP_AT, start + Duration::from_secs(2)), Ok(()));
        assert_eq!(buckets.buckets.lock().unwrap().len(), 1);
    }
}

//! What tenants used of the workers, and how it is forgotten.

use dayfly_jobs::Timestamp;

/// After this time half of what a tenant used is forgotten.
const HALF_LIFE_MS: f64 = 600_000.0;

/// What an attempt is believed to go on for, in milliseconds, as long as it runs. With it the workers are spread over
/// the tenants at every moment and not only in the long run. At its end it counts for what it took.
const EXPECTED_MS: u64 = 60_000;

/// The least an attempt counts for at its end: leasing it is work too.
const LEAST_MS: u64 = 10;

/// Processor time that was used: thousandths of a processor times milliseconds, and when it was that much.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Usage {
    /// How much.
    pub amount: f64,
    /// When.
    pub at: Timestamp,
}

impl Usage {
    /// What is left of it at `now`.
    pub fn decayed(self, now: Timestamp) -> f64 {
        self.amount * (-millis(now.millis_since(self.at)) / HALF_LIFE_MS).exp2()
    }

    /// With an attempt that ended at `now`.
    #[must_use]
    pub fn after(self, cpus_milli: u32, leased: Timestamp, now: Timestamp) -> Self {
        let took = now.millis_since(leased).max(LEAST_MS);
        // A clock that was set back does not make usage younger than it is.
        Self { amount: self.decayed(now) + f64::from(cpus_milli) * millis(took), at: now.max(self.at) }
    }
}

/// What `running` attempts used until `now` that were leased at moments which sum up to `leased_sum_ms`.
pub(super) fn used(cpus_milli: u32, running: u64, leased_sum_ms: u64, now: Timestamp) -> f64 {
    let until = u128::from(running) * u128::from(now.0);
    let took = u64::try_from(until.saturating_sub(u128::from(leased_sum_ms))).unwrap_or(u64::MAX);
    f64::from(cpus_milli) * millis(took)
}

/// What so many attempts that run will still use.
pub(super) fn expected(cpus_milli: u32, running: u64) -> f64 {
    f64::from(cpus_milli) * millis(running.saturating_mul(EXPECTED_MS))
}

#[expect(clippy::cast_precision_loss, reason = "a share is compared, not counted: 53 bits are plenty")]
fn millis(count: u64) -> f64 {
    count as f64
}

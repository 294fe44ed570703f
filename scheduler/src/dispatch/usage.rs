//! What tenants used of the workers, and how it is forgotten.

use dayfly_jobs::Timestamp;

/// After this time half of what a tenant used is forgotten.
const HALF_LIFE_MS: f64 = 600_000.0;

/// What an attempt counts for from the moment it is leased, in milliseconds, so that many leased at once spread over
/// the tenants. At its end it counts for what it took.
const CHARGE_MS: u64 = 1000;

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

/// What `running` attempts count for at `now` that were leased at moments which sum up to `leased_sum_ms`.
pub(super) fn charged(cpus_milli: u32, running: u64, leased_sum_ms: u64, now: Timestamp) -> f64 {
    let until = u128::from(running) * u128::from(now.plus_millis(CHARGE_MS).0);
    let took = u64::try_from(until.saturating_sub(u128::from(leased_sum_ms))).unwrap_or(u64::MAX);
    f64::from(cpus_milli) * millis(took)
}

/// What one more attempt counts for at once.
pub(super) fn charge(cpus_milli: u32) -> f64 {
    f64::from(cpus_milli) * millis(CHARGE_MS)
}

#[expect(clippy::cast_precision_loss, reason = "a share is compared, not counted: 53 bits are plenty")]
fn millis(count: u64) -> f64 {
    count as f64
}

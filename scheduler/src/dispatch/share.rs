//! What a tenant used of its share, in all queues together.

use dayfly_jobs::Timestamp;

use super::Usage;
use super::usage::{expected, used};

/// A tenant, as far as dispatch needs to know it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Account {
    /// Its part of the workers, relative to others.
    pub weight: u32,
    /// How many of its jobs may run.
    pub max_running: u64,
    /// What its ended attempts used.
    pub usage: Usage,
}

/// A tenant on the board.
#[derive(Debug, Clone, Copy)]
pub(super) struct Share {
    account: Account,
    now: Timestamp,
    /// How many of its jobs run, and what they used until now.
    running: u64,
    running_used: f64,
    /// What is believed to be still to come of them.
    expected: f64,
}

impl Share {
    pub(super) fn new(account: Account, now: Timestamp) -> Self {
        Self { account, now, running: 0, running_used: 0.0, expected: 0.0 }
    }

    /// Counts jobs that run.
    pub(super) fn run(&mut self, cpus_milli: u32, running: u64, leased_sum_ms: u64) {
        self.running += running;
        self.running_used += used(cpus_milli, running, leased_sum_ms, self.now);
        self.expected += expected(cpus_milli, running);
    }

    pub(super) fn running(&self) -> super::Running {
        super::Running { now: self.running, most: self.account.max_running }
    }

    fn of_weight(&self, amount: f64) -> f64 {
        amount / f64::from(self.account.weight.max(1))
    }

    /// The part of its weight that it has used.
    pub(super) fn used(&self) -> f64 {
        self.of_weight(self.account.usage.decayed(self.now) + self.running_used)
    }

    /// The part that the jobs that run will still use.
    pub(super) fn expected(&self) -> f64 {
        self.of_weight(self.expected)
    }
}

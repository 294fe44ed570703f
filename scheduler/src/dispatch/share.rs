//! What a tenant used of its share, and where it stands when it begins to want more.
//!
//! The order is that of start-time fair queueing: a tenant that has nothing waiting gathers no claim to anything. When
//! it begins to wait it is a *newcomer*, and its use counts as if it were at least that of the one who used least
//! among those it waits with; where nobody else has a turn, at least that at which the furthest turn was given.

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
    /// What its ended attempts used, and what it was raised by.
    pub usage: Usage,
    /// Whether it began to wait and had no turn since.
    pub newcomer: bool,
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

    pub(super) fn is_newcomer(&self) -> bool {
        self.account.newcomer
    }

    pub(super) fn account(&self) -> Account {
        self.account
    }

    fn of_weight(&self, amount: f64) -> f64 {
        amount / f64::from(self.account.weight.max(1))
    }

    /// The part of its weight that it has used.
    pub(super) fn used(&self) -> f64 {
        self.of_weight(self.account.usage.decayed(self.now) + self.running_used)
    }

    /// The same where a newcomer is taken to have used at least `floor`.
    pub(super) fn raised(&self, floor: f64) -> f64 {
        if self.account.newcomer { self.used().max(floor) } else { self.used() }
    }

    /// What decides whose turn it is: what was used and what the jobs that run will still use.
    pub(super) fn part(&self, floor: f64) -> f64 {
        self.raised(floor) + self.of_weight(self.expected)
    }

    /// It gets its turn, and is no newcomer any more.
    pub(super) fn place(&mut self, floor: f64) {
        let missing = self.raised(floor) - self.used();
        if missing > 0.0 {
            let amount =
                self.account.usage.decayed(self.now) + missing * f64::from(self.account.weight.max(1));
            self.account.usage = Usage { amount, at: self.now.max(self.account.usage.at) };
        }
        self.account.newcomer = false;
    }

    /// A tenant that may not run more waits for itself and not for the others: later it is a newcomer again.
    pub(super) fn step_back_if_full(&mut self) {
        self.account.newcomer |= self.running().full();
    }
}

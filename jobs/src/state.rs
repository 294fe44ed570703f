//! The life of a job as a table: which event takes it from where to where. Pure; the store applies it in one
//! transaction with what the event brings.
//!
//! ```text
//!               lease                start
//!    queued ─────────────► leased ─────────────► running
//!    │    ▲                  │ │                   │ │
//!    │    └── lost, handed ──┴─│───────────────────┘ │  (lost or failed too often: see below)
//!    │        back, failed     │                     │
//!    │                         └── complete ─────────┴──► finished
//!    └── cancel, queue timeout ──► cancelled ◄── stopped after a cancel
//!
//!    lost for the last time    ──► quarantined             (the job seems to kill its workers)
//!    failed for the last time  ──► infrastructure_error    (workers said that they cannot run it)
//! ```
//!
//! A cancel of a leased or running job is a wish: the worker hears of it when it renews, and the job is
//! `cancelled` when the worker says so or is lost. A result that is complete by then still counts.

use serde::{Deserialize, Serialize};

use crate::Attempt;

/// Where a job stands.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Waits for a worker.
    Queued,
    /// A worker has it and prepares.
    Leased,
    /// Its first step has begun.
    Running,
    /// Has a verdict.
    Finished,
    /// Ended by its owner or by a timeout, without a verdict.
    Cancelled,
    /// Could not be run: a fault of ours or of the hosts, never of the job.
    InfrastructureError,
    /// Its workers were lost again and again while they ran it.
    Quarantined,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 7] = [
        Self::Queued,
        Self::Leased,
        Self::Running,
        Self::Finished,
        Self::Cancelled,
        Self::InfrastructureError,
        Self::Quarantined,
    ];

    /// Whether nothing can happen to the job any more.
    pub const fn is_end(self) -> bool {
        match self {
            Self::Queued | Self::Leased | Self::Running => false,
            Self::Finished | Self::Cancelled | Self::InfrastructureError | Self::Quarantined => true,
        }
    }

    /// The name in the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Leased => "leased",
            Self::Running => "running",
            Self::Finished => "finished",
            Self::Cancelled => "cancelled",
            Self::InfrastructureError => "infrastructure_error",
            Self::Quarantined => "quarantined",
        }
    }
}

/// What can happen to a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// A worker takes it.
    Lease,
    /// The worker of this attempt began its first step.
    Start(Attempt),
    /// The worker of this attempt has a verdict.
    Complete(Attempt),
    /// The worker of this attempt cannot run it.
    Fail(Attempt),
    /// The worker of this attempt stopped it because it was told to.
    Stopped(Attempt),
    /// The worker of this attempt gives it back unharmed: it drains.
    HandBack(Attempt),
    /// The lease of this attempt ran out.
    Lose(Attempt),
    /// The owner wants it ended.
    Cancel,
    /// It waited as long as it may.
    QueueTimeout,
}

/// What the table needs to know of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Where it stands.
    pub state: State,
    /// The latest attempt; 0 before the first. Grows with every lease and never shrinks.
    pub attempt: Attempt,
    /// How many attempts were lost or failed. Attempts handed back do not count.
    pub strikes: u32,
    /// Whether it is to be cancelled.
    pub cancel: bool,
}

impl Standing {
    /// A job that was just submitted.
    pub const NEW: Self = Self { state: State::Queued, attempt: Attempt(0), strikes: 0, cancel: false };
}

/// Why an event changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The job has ended.
    #[error("the job has ended as {}", .0.name())]
    Ended(State),
    /// The attempt is not the one that runs: its lease was lost.
    #[error("attempt {given} has lost its lease; the latest attempt is {latest}")]
    Stale {
        /// The attempt that spoke.
        given: Attempt,
        /// The latest.
        latest: Attempt,
    },
    /// Not from there.
    #[error("this cannot happen to a job that is {}", .0.name())]
    NotNow(State),
}

impl Standing {
    /// The job after `event`, if `max_attempts` may be lost or fail.
    ///
    /// # Errors
    /// When the event cannot happen to this job; nothing is to be changed then.
    pub fn after(self, event: Event, max_attempts: u32) -> Result<Self, Refused> {
        if self.state.is_end() {
            return Err(Refused::Ended(self.state));
        }
        let to = |state| Self { state, ..self };
        let queued = self.state == State::Queued;
        match event {
            Event::Lease if queued => {
                Ok(Self { attempt: Attempt(self.attempt.0.saturating_add(1)), ..to(State::Leased) })
            }
            Event::Lease => Err(Refused::NotNow(self.state)),
            Event::Cancel if queued => Ok(Self { cancel: true, ..to(State::Cancelled) }),
            Event::Cancel => Ok(Self { cancel: true, ..self }),
            Event::QueueTimeout if queued => Ok(to(State::Cancelled)),
            Event::QueueTimeout => Err(Refused::NotNow(self.state)),
            Event::Start(attempt) => self.held(attempt).map(|held| Self { state: State::Running, ..held }),
            Event::Complete(attempt) => self.held(attempt).map(|_| to(State::Finished)),
            Event::Stopped(attempt) => self.held(attempt)?.stopped(),
            Event::HandBack(attempt) => self.held(attempt).map(Self::freed),
            Event::Fail(attempt) => Ok(self.held(attempt)?.struck(State::InfrastructureError, max_attempts)),
            Event::Lose(attempt) => Ok(self.held(attempt)?.struck(State::Quarantined, max_attempts)),
        }
    }

    /// Itself, if this attempt holds the lease.
    fn held(self, attempt: Attempt) -> Result<Self, Refused> {
        if self.state == State::Queued || attempt != self.attempt {
            return Err(Refused::Stale { given: attempt, latest: self.attempt });
        }
        Ok(self)
    }

    fn stopped(self) -> Result<Self, Refused> {
        if !self.cancel {
            return Err(Refused::NotNow(self.state));
        }
        Ok(Self { state: State::Cancelled, ..self })
    }

    /// Without a worker again: queued, or cancelled if that is wished.
    fn freed(self) -> Self {
        Self { state: if self.cancel { State::Cancelled } else { State::Queued }, ..self }
    }

    fn struck(self, last: State, max_attempts: u32) -> Self {
        let strikes = self.strikes.saturating_add(1);
        let freed = Self { strikes, ..self.freed() };
        if freed.state == State::Queued && strikes >= max_attempts {
            Self { state: last, ..freed }
        } else {
            freed
        }
    }
}

#[cfg(test)]
#[path = "state_tests.rs"]
mod tests;

//! Whose job is next. Pure: the store brings lanes, tenants and queues as they are and does what is chosen.
//!
//! Jobs wait in lanes: one tenant, one queue, one set of needs. Either a lane's head fits a worker or nothing in the
//! lane does, so that a choice looks at lanes and never at jobs. Among the lanes that a worker could serve and whose
//! tenant and queue run less than they may, the tenant goes first that used the smallest part of its weight, lately
//! more than long ago; within a tenant the smallest rank, which is the time of submission less a minute for each
//! step of priority. A rank never changes, so whatever waits becomes the smallest one day. A tenant that was idle does
//! not catch up: it begins where the others are (see `start`), with the next job that a worker has room for.
//!
//! Small jobs may overtake a large one that does not fit at the moment, but not for ever: once it has waited for
//! [`PATIENCE_MS`] and it is its turn, one worker takes nothing else until it fits.

mod needs;
mod share;
mod start;
mod usage;
mod waiting;

use std::collections::BTreeMap;

use dayfly_jobs::{QueueName, TenantName, Timestamp, WorkerName};

pub use needs::{Needs, Offer};
pub use share::Account;
use share::Share;
pub use start::Turned;
pub use usage::Usage;

/// How long a job is overtaken by smaller ones that fit where it does not.
pub const PATIENCE_MS: u64 = 30_000;

/// How long a worker that keeps room free is believed to do so. It asks again sooner.
pub const HOLD_MS: u64 = 60_000;

/// The place of a job within its tenant: smaller goes first.
pub fn rank(submitted: Timestamp, priority: i8) -> i64 {
    i64::try_from(submitted.0).unwrap_or(i64::MAX).saturating_sub(i64::from(priority) * 60_000)
}

/// Jobs of one tenant and queue with the same needs.
#[derive(Debug, Clone)]
pub struct Lane {
    /// Its number in the store.
    pub id: i64,
    /// Whose.
    pub tenant: TenantName,
    /// Where.
    pub queue: QueueName,
    /// What its jobs ask for.
    pub needs: Needs,
    /// The job that is next in it.
    pub head: Option<Head>,
    /// How many of its jobs are leased or run.
    pub running: u64,
    /// The sum of the moments they were leased at.
    pub leased_sum_ms: u64,
    /// Who keeps room free for its head, and until when.
    pub held: Option<(WorkerName, Timestamp)>,
    /// Whether it began to wait and had no turn since.
    pub newcomer: bool,
    /// The part of its weight that its tenant counts as having used in its queue beyond what it did, because it began
    /// there where the others were.
    pub handicap: Usage,
}

/// A queue, as far as dispatch needs to know it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Line {
    /// How many of its jobs may run.
    pub max_running: u64,
    /// The largest part of its weight that a tenant stood at when it got a turn here, in steps, and when.
    pub furthest: Usage,
}

/// The first job of a lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// See [`rank`].
    pub rank: i64,
    /// Since when it waits.
    pub waits: Timestamp,
}

/// What is chosen for a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// The head of the lane at this place of the board.
    Take(usize),
    /// Nothing, to keep room free for the head of this lane.
    Hold(usize),
    /// Nothing.
    Nothing,
}

/// Everything a choice depends on, at one moment.
#[derive(Debug)]
pub struct Board {
    now: Timestamp,
    lanes: Vec<Lane>,
    tenants: BTreeMap<TenantName, Share>,
    queues: BTreeMap<QueueName, Served>,
}

#[derive(Debug)]
struct Served {
    running: Running,
    furthest: Usage,
}

#[derive(Debug, Clone, Copy, Default)]
struct Running {
    now: u64,
    most: u64,
}

impl Running {
    fn full(self) -> bool {
        self.now >= self.most
    }
}

impl Board {
    /// The board at `now`: all lanes in which something waits or runs, their tenants, and the queues. A lane whose
    /// tenant or queue is not there gets nothing.
    pub fn new(
        now: Timestamp,
        lanes: Vec<Lane>,
        tenants: BTreeMap<TenantName, Account>,
        queues: BTreeMap<QueueName, Line>,
    ) -> Self {
        let tenants = tenants.into_iter().map(|(name, account)| (name, Share::new(account, now)));
        let served =
            |Line { max_running: most, furthest }| Served { running: Running { now: 0, most }, furthest };
        let queues = queues.into_iter().map(|(name, line)| (name, served(line)));
        let (tenants, queues) = (tenants.collect(), queues.collect());
        let mut board = Self { now, lanes: Vec::new(), tenants, queues };
        for lane in &lanes {
            board.count(lane, lane.running, lane.leased_sum_ms);
        }
        board.lanes = lanes;
        board
    }

    /// The lanes, in the order they were given.
    pub fn lanes(&self) -> &[Lane] {
        &self.lanes
    }

    /// What this worker should do.
    pub fn choose(&self, offer: &Offer) -> Choice {
        let mut turns = self.turns(offer);
        turns.sort_by(|(_, a), (_, b)| a.order(b));
        for (place, turn) in turns {
            let lane = &self.lanes[place];
            if offer.has_room(&lane.needs) {
                return Choice::Take(place);
            }
            if self.keeps_room(lane, turn.head, offer) {
                return Choice::Hold(place);
            }
        }
        Choice::Nothing
    }

    fn count(&mut self, lane: &Lane, running: u64, leased_sum_ms: u64) {
        if let Some(share) = self.tenants.get_mut(&lane.tenant) {
            share.run(lane.needs.cpus_milli, running, leased_sum_ms);
        }
        if let Some(queue) = self.queues.get_mut(&lane.queue) {
            queue.running.now += running;
        }
    }

    fn turns(&self, offer: &Offer) -> Vec<(usize, Turn)> {
        let (lanes, least) = (self.lanes.iter().enumerate(), self.least(offer));
        lanes.filter_map(|(place, lane)| Some((place, self.turn(lane, lane.head?, offer, least)?))).collect()
    }

    /// The turn of a job in a lane, if it may have one at this worker.
    fn turn(&self, lane: &Lane, head: Head, offer: &Offer, least: Option<f64>) -> Option<Turn> {
        let (tenant, queue) = (self.tenants.get(&lane.tenant)?, self.queues.get(&lane.queue)?);
        let may =
            !tenant.running().full() && !queue.running.full() && offer.could_run(&lane.needs, &lane.queue);
        let (part, waited) = (self.place(lane, least)? + tenant.expected(), !lane.newcomer);
        may.then_some(Turn { part, waited, head, lane: lane.id })
    }

    fn keeps_room(&self, lane: &Lane, head: Head, offer: &Offer) -> bool {
        let other = lane.held.as_ref().is_some_and(|(who, until)| *who != offer.worker && *until > self.now);
        !other && self.now.millis_since(head.waits) >= PATIENCE_MS
    }
}

/// The place of a lane among others.
#[derive(Debug, Clone, Copy)]
struct Turn {
    part: f64,
    /// Whether its lane had a turn since it began to wait: of two with the same part the newcomer goes first, or the
    /// one who used least would always keep it waiting.
    waited: bool,
    head: Head,
    lane: i64,
}

impl Turn {
    fn order(&self, other: &Self) -> std::cmp::Ordering {
        let rest = |turn: &Self| (turn.waited, turn.head.rank, turn.lane);
        self.part.total_cmp(&other.part).then_with(|| rest(self).cmp(&rest(other)))
    }
}

#[cfg(test)]
mod tests;

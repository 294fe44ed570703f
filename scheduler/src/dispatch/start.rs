//! Where one stands that begins to want more.
//!
//! The order is that of start-time fair queueing: who has nothing waiting gathers no claim to anything. A lane that
//! begins to wait is a *newcomer*. Its tenant counts as having used at least what the one did who used least among those
//! it waits with at this worker; where nobody else has had a turn, at least that at which the furthest turn was given in
//! its queue.
//!
//! Lanes begin to wait and not tenants, because a lane either fits a worker or never gets a turn there. A job that no
//! worker can run waits with nobody, and must not keep its tenant's other jobs from beginning anew.
//!
//! What a tenant is behind by is its *handicap*, and is kept apart from what it used and for each queue: a queue may
//! have workers of its own on which tenants use much more than elsewhere, and who began there where they are has not
//! used as much. It outlasts the lane; otherwise each pause would give back what the one before was not worth.

use super::{Board, Head, Lane, Offer, Usage};

/// The part of a weight that the furthest turn is noted in steps of: ten seconds of a processor for a weight of 100.
const REACH: f64 = 100_000.0;

/// What a turn has changed, which is to be kept for the next board. That its lane is no newcomer any more goes without
/// saying, unless `steps_back` is set.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Turned {
    /// The handicap of the tenant in this queue.
    pub handicap: Option<Usage>,
    /// Where the furthest turn was given in this queue.
    pub furthest: Option<Usage>,
    /// The tenant may not run more and waits for itself, not for the others: later all its lanes are newcomers.
    pub steps_back: bool,
}

impl Board {
    /// Notes that the head of a lane was leased by a worker, and what comes after it. Tells what has changed by it.
    pub fn leased(&mut self, place: usize, next: Option<Head>, offer: &Offer) -> Option<Turned> {
        let least = self.least(offer);
        let (mut lane, before) = (self.lanes.get(place)?.clone(), self.stands(self.lanes.get(place)?)?);
        let at = self.place(&lane, least)?;
        lane.head = next;
        lane.running += 1;
        lane.leased_sum_ms = lane.leased_sum_ms.saturating_add(self.now.0);
        lane.newcomer = false;
        self.count(&lane, 1, self.now.0);
        let furthest = self.reach(&lane, at);
        let handicap = (at > before).then(|| self.later(lane.handicap, at - before));
        let steps_back = self.tenants.get(&lane.tenant)?.running().full();
        *self.lanes.get_mut(place)? = lane.clone();
        for own in self.lanes.iter_mut().filter(|own| own.tenant == lane.tenant) {
            own.newcomer |= steps_back;
            own.handicap = handicap.filter(|_| own.queue == lane.queue).unwrap_or(own.handicap);
        }
        Some(Turned { handicap, furthest, steps_back })
    }

    /// In steps, so that not every turn has to be written down.
    fn reach(&mut self, lane: &Lane, at: f64) -> Option<Usage> {
        let queue = self.queues.get_mut(&lane.queue)?;
        if at < queue.furthest.decayed(self.now) + REACH {
            return None;
        }
        queue.furthest = Usage { amount: at, at: self.now.max(queue.furthest.at) };
        Some(queue.furthest)
    }

    /// With so much more from now on.
    fn later(&self, handicap: Usage, more: f64) -> Usage {
        Usage { amount: handicap.decayed(self.now) + more, at: self.now.max(handicap.at) }
    }

    /// The part of its weight that the tenant of a lane counts as having used in its queue.
    fn stands(&self, lane: &Lane) -> Option<f64> {
        Some(self.tenants.get(&lane.tenant)?.used() + lane.handicap.decayed(self.now))
    }

    /// The least of those that had turns among the lanes that this worker could serve.
    pub(super) fn least(&self, offer: &Offer) -> Option<f64> {
        let here =
            self.lanes.iter().filter(|lane| !lane.newcomer && offer.could_run(&lane.needs, &lane.queue));
        here.filter_map(|lane| self.stands(lane)).reduce(f64::min)
    }

    /// The same as where it stands, and for a newcomer no less than the `least` of the others.
    pub(super) fn place(&self, lane: &Lane, least: Option<f64>) -> Option<f64> {
        let stands = self.stands(lane)?;
        if !lane.newcomer {
            return Some(stands);
        }
        let furthest = self.queues.get(&lane.queue)?.furthest.decayed(self.now);
        Some(stands.max(least.map_or(furthest, |least| least.min(furthest))))
    }
}

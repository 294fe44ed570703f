//! Why a job waits.

use std::collections::BTreeSet;

use super::{Board, Head, Lane, Offer};
use crate::store::Waiting;

impl Board {
    /// Why the job of rank `rank` in the lane with this number waits, seen from the workers there are. `ahead` are the
    /// jobs before it in its lane. `None` when the lane is not on the board.
    pub fn why(&self, lane: i64, rank: i64, ahead: u64, workers: &[Offer]) -> Option<Waiting> {
        let lane = self.lanes.iter().find(|known| known.id == lane)?;
        if workers.is_empty() {
            return Some(Waiting::NoWorkers);
        }
        let fit: Vec<&Offer> = workers.iter().filter(|offer| could_run(offer, lane)).collect();
        if fit.is_empty() {
            let lacks = workers.iter().map(|offer| offer.lacks(&lane.needs, &lane.queue));
            return Some(Waiting::NoFit { missing: lacks.min_by_key(Vec::len).unwrap_or_default() });
        }
        Some(self.cap(lane).unwrap_or_else(|| Waiting::Turn { ahead: ahead + self.before(lane, rank, &fit) }))
    }

    fn cap(&self, lane: &Lane) -> Option<Waiting> {
        let tenant =
            self.tenants.get(&lane.tenant).map(|share| (share.running(), format!("tenant {}", lane.tenant)));
        let queue =
            self.queues.get(&lane.queue).map(|served| (served.running, format!("queue {}", lane.queue)));
        let (running, of) = [tenant, queue].into_iter().flatten().find(|(running, _)| running.full())?;
        Some(Waiting::Cap { of, most: u32::try_from(running.most).unwrap_or(u32::MAX) })
    }

    /// Heads of other lanes that go first at some worker where this one could run.
    fn before(&self, lane: &Lane, rank: i64, workers: &[&Offer]) -> u64 {
        let mut first = BTreeSet::new();
        for offer in workers {
            let least = self.least(offer);
            let own = self.turn(lane, Head { rank, waits: self.now }, offer, least);
            let others = self.lanes.iter().filter(|other| other.id != lane.id);
            first.extend(others.filter_map(|other| {
                let turn = self.turn(other, other.head?, offer, least)?;
                own.as_ref().is_some_and(|own| turn.order(own).is_lt()).then_some(other.id)
            }));
        }
        u64::try_from(first.len()).unwrap_or(u64::MAX)
    }
}

fn could_run(offer: &Offer, lane: &Lane) -> bool {
    offer.could_run(&lane.needs, &lane.queue)
}

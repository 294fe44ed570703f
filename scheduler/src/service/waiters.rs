//! Long polls of workers that have room, and which of them a job wakes. It keeps nothing that a restart would miss:
//! a poll that is not woken asks the store again by itself after a while.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dayfly_jobs::{JobSpec, QueueName, WorkerName};
use tokio::sync::Notify;

use crate::dispatch::{Needs, Offer};

/// What a job asks of a worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) queue: QueueName,
    pub(crate) needs: Needs,
}

impl Wanted {
    pub(crate) fn by(spec: &JobSpec) -> Self {
        Self { queue: spec.queue.clone(), needs: Needs::of(spec) }
    }

    fn fits(&self, offer: &Offer) -> bool {
        offer.could_run(&self.needs, &self.queue) && offer.has_room(&self.needs)
    }
}

/// Everybody who waits, in the order they came.
#[derive(Debug, Default)]
pub(crate) struct Waiters {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    next: u64,
    waiting: BTreeMap<u64, Waiting>,
}

#[derive(Debug)]
struct Waiting {
    offer: Offer,
    signal: Arc<Signal>,
}

#[derive(Debug, Default)]
struct Signal {
    notify: Notify,
    /// What it was woken for and has not looked after yet.
    woken_for: Mutex<Option<Wanted>>,
}

impl Waiters {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Joins the line. To be done before the store is asked, so that nothing that comes in between is missed.
    pub(crate) fn enter(self: &Arc<Self>, offer: Offer) -> Place {
        let signal = Arc::new(Signal::default());
        let mut state = self.lock();
        let number = state.next;
        state.next += 1;
        state.waiting.insert(number, Waiting { offer, signal: Arc::clone(&signal) });
        Place { line: Arc::clone(self), number, signal }
    }

    /// Wakes the first that can take the job; tells whether there was one.
    pub(crate) fn wake(&self, wanted: Wanted) -> bool {
        let mut state = self.lock();
        let first = state.waiting.iter().find(|(_, waiting)| wanted.fits(&waiting.offer)).map(|(n, _)| *n);
        let Some(waiting) = first.and_then(|number| state.waiting.remove(&number)) else { return false };
        *lock(&waiting.signal.woken_for) = Some(wanted);
        waiting.signal.notify.notify_one();
        true
    }

    /// Wakes every poll of a worker, or of all: what they may take has changed.
    pub(crate) fn wake_all(&self, worker: Option<&WorkerName>) {
        let mut state = self.lock();
        state.waiting.retain(|_, waiting| {
            let meant = worker.is_none_or(|worker| *worker == waiting.offer.worker);
            if meant {
                waiting.signal.notify.notify_one();
            }
            !meant
        });
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A place in the line. Whoever leaves it without having looked after what it was woken for wakes the next.
#[derive(Debug)]
pub(crate) struct Place {
    line: Arc<Waiters>,
    number: u64,
    signal: Arc<Signal>,
}

impl Place {
    /// Until it is woken.
    pub(crate) async fn woken(&self) {
        self.signal.notify.notified().await;
    }

    /// It asked the store after it was woken, so that the job is looked after.
    pub(crate) fn looked(&self) {
        *lock(&self.signal.woken_for) = None;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.line.lock().waiting.remove(&self.number);
        let left = lock(&self.signal.woken_for).take();
        if let Some(wanted) = left {
            self.line.wake(wanted);
        }
    }
}

#[cfg(test)]
mod tests;

//! How many large calls one token has open at the same time: each of them holds buffers as long as the other end is
//! slow. Who has none open is not kept.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// So many places for each caller.
#[derive(Debug)]
pub(crate) struct Places<K: Ord> {
    most: usize,
    taken: Mutex<BTreeMap<K, usize>>,
}

impl<K: Ord + Clone> Places<K> {
    pub(crate) fn new(most: usize) -> Self {
        Self { most, taken: Mutex::default() }
    }

    /// A place until it is dropped, if this caller has one left.
    pub(crate) fn take(self: &Arc<Self>, who: &K) -> Option<Place<K>> {
        let mut all = self.lock();
        let taken = all.get(who).copied().unwrap_or_default();
        if taken >= self.most {
            return None;
        }
        all.insert(who.clone(), taken + 1);
        Some(Place { all: Arc::clone(self), who: who.clone() })
    }
}

impl<K: Ord> Places<K> {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<K, usize>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One place.
#[derive(Debug)]
pub(crate) struct Place<K: Ord> {
    all: Arc<Places<K>>,
    who: K,
}

impl<K: Ord> Drop for Place<K> {
    fn drop(&mut self) {
        let mut all = self.all.lock();
        match all.get_mut(&self.who) {
            Some(taken) if *taken > 1 => *taken -= 1,
            Some(_) | None => {
                all.remove(&self.who);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_so_many_and_gets_them_back() {
        let places = Arc::new(Places::new(2));
        let (first, second) = (places.take(&1), places.take(&1));
        assert!(first.is_some() && second.is_some() && places.take(&1).is_none());
        assert!(places.take(&2).is_some(), "another caller has its own");
        drop(first);
        assert!(places.take(&1).is_some());
        drop(second);
        assert!(places.lock().is_empty());
    }
}

//! How many bytes of calls are kept in memory at the same time, by one caller and in all. Who keeps none is not kept.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// So many bytes for each caller, and so many in all.
#[derive(Debug)]
pub(crate) struct Memory<K: Ord> {
    each: usize,
    all: usize,
    taken: Mutex<Taken<K>>,
}

#[derive(Debug)]
struct Taken<K: Ord> {
    all: usize,
    by: BTreeMap<K, usize>,
}

/// What has no room for more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Full {
    /// This caller's part.
    Own,
    /// All of it.
    All,
}

impl<K: Ord + Clone> Memory<K> {
    pub(crate) fn new(each: usize, all: usize) -> Self {
        Self { each, all, taken: Mutex::new(Taken { all: 0, by: BTreeMap::new() }) }
    }

    /// Nothing yet, for this caller.
    pub(crate) fn hold(self: &Arc<Self>, who: K) -> Kept<K> {
        Kept { memory: Arc::clone(self), who, bytes: 0 }
    }
}

impl<K: Ord> Memory<K> {
    fn lock(&self) -> MutexGuard<'_, Taken<K>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Bytes that one call keeps until it is dropped.
#[derive(Debug)]
pub(crate) struct Kept<K: Ord> {
    memory: Arc<Memory<K>>,
    who: K,
    bytes: usize,
}

impl<K: Ord + Clone> Kept<K> {
    /// Keeps so many more.
    ///
    /// # Errors
    /// When there is no room for them; nothing is taken then.
    pub(crate) fn grow(&mut self, bytes: usize) -> Result<(), Full> {
        let mut taken = self.memory.lock();
        let own = taken.by.get(&self.who).copied().unwrap_or_default().saturating_add(bytes);
        let all = taken.all.saturating_add(bytes);
        if own > self.memory.each {
            return Err(Full::Own);
        }
        if all > self.memory.all {
            return Err(Full::All);
        }
        taken.by.insert(self.who.clone(), own);
        taken.all = all;
        self.bytes += bytes;
        Ok(())
    }
}

impl<K: Ord> Drop for Kept<K> {
    fn drop(&mut self) {
        let mut taken = self.memory.lock();
        taken.all = taken.all.saturating_sub(self.bytes);
        match taken.by.get_mut(&self.who) {
            Some(own) if *own > self.bytes => *own -= self.bytes,
            Some(_) | None => {
                taken.by.remove(&self.who);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_its_part_all_have_theirs_and_everything_comes_back() {
        let memory = Arc::new(Memory::new(10, 15));
        let [mut first, mut again, mut other] = [1, 1, 2].map(|who| memory.hold(who));
        assert_eq!((first.grow(6), again.grow(4), again.grow(1)), (Ok(()), Ok(()), Err(Full::Own)));
        assert_eq!((other.grow(6), other.grow(5)), (Err(Full::All), Ok(())));
        drop(first);
        assert_eq!(again.grow(6), Ok(()));
        drop((again, other));
        let taken = memory.lock();
        assert!(taken.all == 0 && taken.by.is_empty(), "{taken:?}");
    }
}

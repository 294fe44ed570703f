//! Tokens that were looked up lately, so that not every call asks the store. Whatever changes tokens or workers clears
//! it, also for lookups that are under way: a token that was revoked is good for nothing from then on.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use dayfly_jobs::Timestamp;

use super::Who;
use crate::auth::Hash;

/// How many are kept; with one more it begins anew.
const MOST: usize = 4096;

/// What is known of tokens.
#[derive(Debug, Default)]
pub(super) struct Known(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// Grows with every change.
    age: u64,
    tokens: BTreeMap<Hash, Who>,
}

/// The moment a lookup began.
#[derive(Debug, Clone, Copy)]
pub(super) struct Since(u64);

impl Known {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whose token this is, if that is known and it has not ended.
    pub(super) fn get(&self, hash: &Hash, now: Timestamp) -> Option<Who> {
        self.lock().tokens.get(hash).filter(|who| !who.has_ended(now)).cloned()
    }

    /// To be called before the store is asked.
    pub(super) fn begin(&self) -> Since {
        Since(self.lock().age)
    }

    /// Keeps what the store answered, if nothing has changed since.
    pub(super) fn keep(&self, hash: Hash, who: &Who, since: Since) {
        let mut state = self.lock();
        if state.age != since.0 {
            return;
        }
        if state.tokens.len() >= MOST {
            state.tokens.clear();
        }
        state.tokens.insert(hash, who.clone());
    }

    /// Something has changed, and the change is committed.
    pub(super) fn forget(&self) {
        let mut state = self.lock();
        state.age += 1;
        state.tokens.clear();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use dayfly_jobs::wire::TokenInfo;

    use super::*;

    fn token(expires: Option<u64>) -> Who {
        Who::Client(Arc::new(TokenInfo {
            name: "a".to_owned(),
            tenant: "a".parse().unwrap(),
            permits: [].into(),
            created_ms: Timestamp(0),
            expires_ms: expires.map(Timestamp),
        }))
    }

    #[test]
    fn a_lookup_that_a_change_overtook_is_not_kept() {
        let known = Known::default();
        let since = known.begin();
        known.forget();
        known.keep([1; 32], &token(None), since);
        assert!(known.get(&[1; 32], Timestamp(1)).is_none());
        known.keep([1; 32], &token(None), known.begin());
        assert!(known.get(&[1; 32], Timestamp(1)).is_some());
        known.forget();
        assert!(known.get(&[1; 32], Timestamp(1)).is_none());
    }

    #[test]
    fn a_token_ends_when_it_was_to_end() {
        let known = Known::default();
        known.keep([1; 32], &token(Some(100)), known.begin());
        assert!(known.get(&[1; 32], Timestamp(99)).is_some());
        assert!(known.get(&[1; 32], Timestamp(100)).is_none());
    }

    #[test]
    fn it_has_a_bound() {
        let known = Known::default();
        for number in 0..MOST * 2 {
            let mut hash = [0; 32];
            hash[..8].copy_from_slice(&number.to_le_bytes());
            known.keep(hash, &token(None), known.begin());
        }
        assert!(known.lock().tokens.len() <= MOST);
    }
}

//! Warm pools, one for each shape of sandbox that jobs ask for. What is kept warm has never run anything.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use dayfly_policies::Policy;
use dayfly_sandbox::{Jail, JailBackend, Network, Pool, Sandbox, SandboxSpec};

use crate::WorkerError;

/// Jails ready to use. All shapes of one worker have the same root, so policy and network tell them apart; there are
/// as many pools as there are policies and networks, at most.
#[derive(Debug)]
pub(crate) struct Pools {
    backend: JailBackend,
    cgroup_parent: Option<PathBuf>,
    size: usize,
    pools: Mutex<BTreeMap<(String, bool), Arc<Pool>>>,
}

impl Pools {
    /// Keeps `size` jails of each shape.
    pub(crate) fn new(cgroup_parent: Option<PathBuf>, size: usize) -> Self {
        Self {
            backend: JailBackend::new(cgroup_parent.clone()),
            cgroup_parent,
            size,
            pools: Mutex::default(),
        }
    }

    /// A sandbox that has never run anything, and the pool it goes back to for removal.
    pub(crate) fn take(&self, spec: &SandboxSpec) -> Result<(Box<dyn Sandbox>, Arc<Pool>), WorkerError> {
        let key = (spec.policy.name().to_owned(), spec.network == Network::Loopback);
        let known = self.pools.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        let pool = match known {
            Some(pool) => pool,
            None => {
                // Two may do this at once; the second one's pool takes the first one's place, which empties itself.
                let pool = Arc::new(Pool::new(self.backend.jail(spec)?, self.size)?);
                let mut pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
                Arc::clone(pools.entry(key).or_insert(pool))
            }
        };
        Ok((pool.take()?, pool))
    }

    /// Makes a sandbox under the first of these policies and removes it.
    pub(crate) fn prove(&self, policies: &[Arc<Policy>]) -> Result<(), WorkerError> {
        let Some(policy) = policies.first() else { return Ok(()) };
        let sandbox =
            Jail::builder(Arc::clone(policy)).cgroup_parent(self.cgroup_parent.clone()).build()?.create()?;
        Ok(sandbox.destroy()?)
    }

    /// Removes every jail that is ready.
    pub(crate) fn clear(&self) {
        self.pools.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

//! Who calls: a token of a client, or a worker that has registered. What is remembered of workers is a copy of what
//! the store has.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use dayfly_jobs::wire::{
    Capacity, Permission, Registration, TokenCreated, TokenInfo, TokenRequest, WorkerInfo,
};
use dayfly_jobs::{Label, QueueName, WorkerName};

use super::Service;
use crate::auth::{Hash, Token};
use crate::dispatch::Offer;
use crate::problem::{Kind, Problem};
use crate::store::{NewToken, Scope, StoreError};

/// Whoever calls, with a good token.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) who: Who,
}

/// What a token stands for.
#[derive(Debug, Clone)]
pub(crate) enum Who {
    /// A client.
    Client(TokenInfo),
    /// A worker.
    Worker(WorkerName),
}

impl Caller {
    /// Checks a permission.
    pub(crate) fn needs(&self, permission: Permission) -> Result<&TokenInfo, Problem> {
        let needed = permission.name();
        match &self.who {
            Who::Client(token) if token.permits.contains(&permission) => Ok(token),
            Who::Client(token) if token.permits.contains(&Permission::Admin) => Ok(token),
            Who::Client(token) => Err(Problem::new(
                Kind::Forbidden,
                format!("token '{}' does not permit '{needed}', which this call needs", token.name),
            )),
            Who::Worker(name) => Err(Problem::new(
                Kind::Forbidden,
                format!(
                    "worker {name} spoke with its own token; this call needs a client's that permits '{needed}'"
                ),
            )),
        }
    }

    /// Whose jobs a client may see.
    pub(crate) fn scope(token: &TokenInfo) -> Scope {
        match token.permits.contains(&Permission::Admin) {
            true => Scope::All,
            false => Scope::Tenant(token.tenant.clone()),
        }
    }
}

/// A worker as polls need it.
#[derive(Debug)]
pub(crate) struct Seat {
    pub(crate) name: WorkerName,
    pub(super) labels: BTreeSet<Label>,
    pub(super) queues: BTreeSet<QueueName>,
    pub(super) policies: BTreeSet<String>,
    pub(super) draining: bool,
}

impl Seat {
    fn of(info: &WorkerInfo) -> Self {
        let of = &info.registration;
        Self {
            name: of.name.clone(),
            labels: of.labels.clone(),
            queues: of.queues.clone(),
            policies: of.policies.clone(),
            draining: info.draining,
        }
    }

    /// Itself with this room; what needs more is not for this poll.
    pub(super) fn offer(&self, free: Capacity) -> Offer {
        Offer {
            worker: self.name.clone(),
            queues: self.queues.clone(),
            labels: self.labels.clone(),
            policies: self.policies.clone(),
            free,
            whole: free,
        }
    }
}

/// What is remembered of workers.
#[derive(Debug, Default)]
pub(super) struct Seats(Mutex<BTreeMap<WorkerName, Arc<Seat>>>);

impl Seats {
    fn get(&self, name: &WorkerName) -> Option<Arc<Seat>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    fn set(&self, seat: Seat) -> Arc<Seat> {
        let seat = Arc::new(seat);
        let mut seats = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seats.insert(seat.name.clone(), Arc::clone(&seat));
        seat
    }

    fn forget(&self, name: &WorkerName) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
    }
}

impl Service {
    /// Whose token this is.
    pub(crate) async fn who(&self, hash: &Hash) -> Result<Option<Who>, StoreError> {
        if let Some(token) = self.store.token(hash, self.clock.now()).await? {
            return Ok(Some(Who::Client(token)));
        }
        Ok(self.store.worker_of(hash).await?.map(Who::Worker))
    }

    /// The seat of a worker.
    pub(crate) async fn seat(&self, name: &WorkerName) -> Result<Arc<Seat>, Problem> {
        if let Some(seat) = self.seats.get(name) {
            return Ok(seat);
        }
        let info = self.store.worker(name, self.clock.now()).await?;
        let info = info.ok_or_else(|| Problem::unknown("worker", name))?;
        Ok(self.seats.set(Seat::of(&info)))
    }

    /// Takes a worker in; gives it a token of its own.
    pub(crate) async fn register(&self, registration: &Registration) -> Result<Token, Problem> {
        let token = Token::generate().map_err(Problem::internal)?;
        self.store.register(registration, &token.hash(), self.clock.now()).await?;
        tracing::info!(worker = %registration.name, version = registration.version, "a worker joined");
        self.worker_changed(&registration.name);
        Ok(token)
    }

    pub(crate) async fn drain(&self, name: &WorkerName, drain: bool) -> Result<(), Problem> {
        self.store.drain(name, drain).await?;
        tracing::info!(worker = %name, drain, "a worker was told whether to drain");
        self.worker_changed(name);
        Ok(())
    }

    pub(crate) async fn remove_worker(&self, name: &WorkerName) -> Result<(), Problem> {
        let info = self.store.worker(name, self.clock.now()).await?;
        self.store.remove_worker(name, self.clock.now()).await?;
        tracing::info!(worker = %name, "a worker was removed");
        self.worker_changed(name);
        for lease in info.into_iter().flat_map(|info| info.leases) {
            self.requeued(lease.job).await;
        }
        Ok(())
    }

    fn worker_changed(&self, name: &WorkerName) {
        self.seats.forget(name);
        self.wake_workers(Some(name));
        self.due.at_latest(self.clock.now());
    }

    /// Makes a token.
    pub(crate) async fn mint(&self, request: TokenRequest) -> Result<TokenCreated, StoreError> {
        let token = Token::generate().map_err(|error| StoreError::Failed(error.to_string()))?;
        let now = self.clock.now();
        let info = TokenInfo {
            name: request.name,
            tenant: request.tenant,
            permits: request.permits,
            created_ms: now,
            expires_ms: request.lasts_ms.map(|lasts| now.plus_millis(lasts)),
        };
        self.store.add_token(NewToken { hash: token.hash(), info: info.clone() }, now).await?;
        tracing::info!(name = info.name, tenant = %info.tenant, permits = ?info.permits, "a token was made");
        Ok(TokenCreated { token: token.reveal().to_owned(), info })
    }
}

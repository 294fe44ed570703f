//! What a worker is told when it starts. Nothing here is looked up later.

use std::collections::BTreeSet;
use std::fmt;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use dayfly_jobs::wire::Capacity;
use dayfly_jobs::{Bytes, Label, QueueName, WorkerName};
use dayfly_policies::{Catalog, Policy};
use dayfly_sandbox::Toolchain;
use tokio_util::sync::CancellationToken;

/// Everything about one worker.
#[derive(Debug, Clone)]
pub struct Config {
    /// The scheduler: `http://127.0.0.1:7070`.
    pub server: String,
    /// What lets it in.
    pub join_token: JoinToken,
    /// Its name, unique at the scheduler.
    pub name: WorkerName,
    /// What it has.
    pub labels: BTreeSet<Label>,
    /// The queues it serves; all when empty.
    pub queues: BTreeSet<QueueName>,
    /// How much it runs at once.
    pub capacity: Capacity,
    /// The policies jobs may name.
    pub policies: Vec<Arc<Policy>>,
    /// Compilers and interpreters outside `/usr` that jobs see.
    pub toolchains: Vec<Toolchain>,
    /// A folder of its own; blobs are cached there.
    pub state: PathBuf,
    /// The most that cached blobs take together.
    pub cache_size: Bytes,
    /// The most of a job's log that is kept; its head.
    pub log_limit: Bytes,
    /// The most that the outputs in one result take together.
    pub outputs_limit: Bytes,
    /// How long running jobs may go on after the shutdown began; then they are handed back.
    pub grace: Duration,
    /// Jails kept ready for each policy and network in use.
    pub warm: usize,
    /// The control group that sandboxes are made below, if not where there is a place.
    pub cgroup_parent: Option<PathBuf>,
    /// Thrown by the second signal: hand back what runs at once.
    pub hurry: CancellationToken,
    /// Where the metrics are registered.
    pub metrics: prometheus::Registry,
}

impl Config {
    /// So many jobs at the same time, with as many prepared sandboxes as may start together.
    pub fn set_slots(&mut self, slots: NonZeroU32) {
        self.capacity.slots = slots.get();
        self.warm = usize::try_from(slots.get()).map_or(8, |slots| slots.clamp(1, 8));
    }

    /// A worker with everything this host has and the defaults for the rest.
    pub fn new(server: &str, join_token: &str, name: WorkerName, state: PathBuf) -> Self {
        let builtin = Catalog::builtin();
        let capacity = crate::room::of_host();
        Self {
            server: server.to_owned(),
            join_token: JoinToken(join_token.to_owned()),
            name,
            labels: BTreeSet::new(),
            queues: BTreeSet::new(),
            capacity,
            policies: builtin.names().filter_map(|name| builtin.get(name).ok()).collect(),
            toolchains: Vec::new(),
            state,
            cache_size: Bytes::gib(4),
            log_limit: Bytes::mib(64),
            outputs_limit: Bytes::kib(256),
            grace: Duration::from_secs(30),
            warm: usize::try_from(capacity.slots).map_or(8, |slots| slots.clamp(1, 8)),
            cgroup_parent: None,
            hurry: CancellationToken::new(),
            metrics: prometheus::Registry::new(),
        }
    }
}

/// A join token, which no log shows.
#[derive(Clone)]
pub struct JoinToken(pub String);

impl fmt::Debug for JoinToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JoinToken(..)")
    }
}

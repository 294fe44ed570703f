//! What an operator can set. Plain values with defaults; it must not read files or the environment.

use std::path::PathBuf;
use std::time::Duration;

use crate::reports::Network;
use crate::store::Retention;

/// How a scheduler is to work.
#[derive(Debug, Clone)]
pub struct Config {
    /// The folder everything is in; made with mode 0700 if it is not there.
    pub data: PathBuf,
    /// How long a lease lasts, in milliseconds.
    pub lease_ms: u64,
    /// How often workers are to renew, in milliseconds.
    pub renew_ms: u64,
    /// How long things are kept.
    pub retention: Retention,
    /// Reports to the outside.
    pub webhooks: Webhooks,
    /// What callers may cost.
    pub http: Http,
}

/// Reports to the outside.
#[derive(Debug, Clone)]
pub struct Webhooks {
    /// Ranges of addresses that may be called although they are not on the public internet.
    pub allow: Vec<Network>,
    /// Milliseconds from one attempt to the next; after the last one the delivery is given up.
    pub schedule_ms: Vec<u64>,
}

/// What callers may cost.
#[derive(Debug, Clone, Copy)]
pub struct Http {
    /// Connections at the same time; one more is told that there are too many.
    pub connections: usize,
    /// How long the head of a call may take to arrive; also how long a connection may say nothing between calls.
    pub head: Duration,
    /// How long a body may take for each few KiB of it.
    pub pause: Duration,
    /// How long the other end of a connection may take in nothing of what it is sent.
    pub stall: Duration,
    /// Streams, downloads, uploads and other large calls at the same time with one token.
    pub streams: usize,
    /// Bytes of bodies that are kept in memory at the same time for one token.
    pub token_bytes: usize,
    /// The same for all tokens together.
    pub memory_bytes: usize,
    /// Calls in a second with one token.
    pub calls_per_second: u32,
    /// Calls at once after a pause with one token.
    pub calls_burst: u32,
    /// Calls in a second from one address that are refused for want of a good token, before it has to wait.
    pub failures_per_second: u32,
    /// Bytes of one job file.
    pub job_bytes: usize,
    /// Bytes of a batch of jobs.
    pub batch_bytes: usize,
    /// Bytes of one blob.
    pub blob_bytes: u64,
}

impl Config {
    /// Leases of this length, at least a second, renewed three times while they last.
    pub fn set_lease_ms(&mut self, lease_ms: u64) {
        self.lease_ms = lease_ms.max(1000);
        self.renew_ms = self.lease_ms / 3;
    }

    /// The defaults, with everything below `data`.
    pub fn new(data: PathBuf) -> Self {
        Self {
            data,
            lease_ms: 15_000,
            renew_ms: 5_000,
            retention: Retention::default(),
            webhooks: Webhooks { allow: Vec::new(), schedule_ms: crate::reports::SCHEDULE_MS.to_vec() },
            http: Http {
                connections: 4096,
                head: Duration::from_secs(60),
                pause: Duration::from_secs(30),
                stall: Duration::from_secs(60),
                streams: 128,
                token_bytes: 64 << 20,
                memory_bytes: 256 << 20,
                calls_per_second: 2000,
                calls_burst: 4000,
                failures_per_second: 10,
                job_bytes: 1 << 20,
                batch_bytes: 32 << 20,
                blob_bytes: 4 << 30,
            },
        }
    }
}

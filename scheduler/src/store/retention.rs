//! How long things are kept, and what a collection removed.

use dayfly_jobs::Digest;

/// How long things are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Ended jobs with their events and logs, in milliseconds.
    pub jobs_ms: u64,
    /// Bytes of logs and blobs altogether; the oldest ended jobs go first.
    pub bytes: u64,
    /// `Idempotency-Key`s, in milliseconds.
    pub keys_ms: u64,
    /// Blobs that no job refers to, since they were last used, in milliseconds: the time between an upload and the
    /// submit that names it.
    pub blobs_ms: u64,
    /// Deliveries that succeeded or were given up, in milliseconds.
    pub deliveries_ms: u64,
}

impl Default for Retention {
    /// Jobs 30 days or 10 GiB, keys and blobs without a job a day, deliveries a week.
    fn default() -> Self {
        const DAY: u64 = 24 * 60 * 60 * 1000;
        Self { jobs_ms: 30 * DAY, bytes: 10 << 30, keys_ms: DAY, blobs_ms: DAY, deliveries_ms: 7 * DAY }
    }
}

/// What a collection removed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Collected {
    /// Jobs.
    pub jobs: u64,
    /// Blobs that nothing refers to any more; the caller deletes their files, lets nobody add a blob between the
    /// collection and the end of that, and then says so: [`super::Blobs::blobs_deleted`].
    pub blobs: Vec<Digest>,
    /// Whether there is more to do at once.
    pub more: bool,
}

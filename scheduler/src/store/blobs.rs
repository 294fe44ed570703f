//! Blobs: what is known of the files that are kept by their SHA-256. The files themselves are the caller's.

use async_trait::async_trait;
pub use dayfly_jobs::wire::BlobInfo;
use dayfly_jobs::{Bytes, Digest, TenantName, Timestamp};

use super::{Scope, StoreError};

/// The blobs of a scheduler.
#[async_trait]
pub trait Blobs {
    /// Notes that a tenant has a blob, whose file is in place and synced. Adding it again makes it younger.
    async fn add_blob(
        &self,
        tenant: &TenantName,
        digest: Digest,
        size: Bytes,
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// Notes that the files of these blobs, which a collection gave back, were deleted. Until then every collection
    /// gives them back again, so that no file is left behind by a crash.
    async fn blobs_deleted(&self, digests: &[Digest]) -> Result<(), StoreError>;

    /// A blob, if it exists and someone in `scope` has it. Knowing a digest is not having the blob.
    async fn blob(&self, scope: &Scope, digest: Digest) -> Result<Option<BlobInfo>, StoreError>;
}

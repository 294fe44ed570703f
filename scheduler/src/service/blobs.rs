//! The files of blobs: `blobs/ab/abcdef…`, each in place only when it is whole, checked and on the disk. What is
//! known of a blob is in the store; a file without a row is invisible, and is replaced by the next upload.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use dayfly_jobs::{Bytes, Digest};
use tokio::fs::File;
use tokio::io::AsyncWriteExt;
use tokio::sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};

use crate::SchedulerError;

/// The folder of blobs.
#[derive(Debug, Clone)]
pub(crate) struct BlobFiles {
    folder: PathBuf,
    /// Held for reading from the moment a file is put in place until its row is there, for writing by the collector.
    gate: Arc<RwLock<()>>,
}

/// Why an upload was not kept.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UploadError {
    #[error("the content has the SHA-256 {0}")]
    WrongDigest(Digest),
    #[error("a blob may have {0} bytes")]
    TooLarge(u64),
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

impl BlobFiles {
    /// Opens the folder and removes uploads that a scheduler left that was killed.
    pub(crate) fn open(data: &Path) -> Result<Self, SchedulerError> {
        let folder = data.join("blobs");
        let failed = |what, path: &Path, source| SchedulerError::File { what, path: path.into(), source };
        let new = folder.join("new");
        match std::fs::remove_dir_all(&new) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(failed("remove", &new, error)),
            Ok(()) | Err(_) => {}
        }
        std::fs::create_dir_all(&new).map_err(|source| failed("create", &new, source))?;
        Ok(Self { folder, gate: Arc::default() })
    }

    fn place(&self, digest: Digest) -> (PathBuf, PathBuf) {
        let name = digest.to_string();
        let folder = self.folder.join(name.get(..2).unwrap_or_default());
        let file = folder.join(&name);
        (folder, file)
    }

    /// The content of a blob.
    pub(crate) async fn read(&self, digest: Digest) -> std::io::Result<File> {
        File::open(self.place(digest).1).await
    }

    /// Whether the file is there with this size, so that it need not be sent again.
    pub(crate) async fn has(&self, digest: Digest, size: Bytes) -> bool {
        tokio::fs::metadata(self.place(digest).1).await.is_ok_and(|file| file.len() == size.get())
    }

    /// Begins an upload.
    pub(crate) async fn upload(&self, most: u64) -> Result<Upload, SchedulerError> {
        let path = self.folder.join("new").join(format!("{:032x}", crate::chance::number()));
        let file = File::options().write(true).create_new(true).open(&path).await;
        let file =
            file.map_err(|source| SchedulerError::File { what: "create", path: path.clone(), source })?;
        let hash = ring::digest::Context::new(&ring::digest::SHA256);
        Ok(Upload { file, part: Part(path), hash, size: 0, most })
    }

    /// Holds the collector off until the guard is dropped.
    pub(crate) async fn enter(&self) -> OwnedRwLockReadGuard<()> {
        Arc::clone(&self.gate).read_owned().await
    }

    /// Holds uploads off until it is dropped.
    pub(crate) async fn close(&self) -> Closed {
        Closed { files: self.clone(), _gate: Arc::clone(&self.gate).write_owned().await }
    }
}

/// Nobody adds a blob while this lives.
#[derive(Debug)]
pub(crate) struct Closed {
    files: BlobFiles,
    _gate: OwnedRwLockWriteGuard<()>,
}

impl Closed {
    pub(crate) async fn remove(&self, digest: Digest) -> std::io::Result<()> {
        match tokio::fs::remove_file(self.files.place(digest).1).await {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => Ok(()),
        }
    }
}

/// A file that goes when it is dropped, unless it was moved to its place.
#[derive(Debug)]
struct Part(PathBuf);

impl Drop for Part {
    fn drop(&mut self) {
        // Not there when it was moved; else the next start removes it.
        std::fs::remove_file(&self.0).ok();
    }
}

/// A blob that arrives.
pub(crate) struct Upload {
    file: File,
    part: Part,
    hash: ring::digest::Context,
    size: u64,
    most: u64,
}

impl Upload {
    /// The next bytes.
    pub(crate) async fn write(&mut self, bytes: &[u8]) -> Result<(), UploadError> {
        self.size = self.size.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        if self.size > self.most {
            return Err(UploadError::TooLarge(self.most));
        }
        self.hash.update(bytes);
        Ok(self.file.write_all(bytes).await?)
    }

    /// Checks the content, makes it durable and puts it in place. The caller holds the gate and adds the row.
    pub(crate) async fn finish(mut self, files: &BlobFiles, wanted: Digest) -> Result<Bytes, UploadError> {
        let mut digest = Digest([0; 32]);
        digest.0.copy_from_slice(self.hash.finish().as_ref());
        if digest != wanted {
            return Err(UploadError::WrongDigest(digest));
        }
        self.file.flush().await?;
        self.file.sync_all().await?;
        let (folder, place) = files.place(wanted);
        tokio::fs::create_dir_all(&folder).await?;
        tokio::fs::rename(&self.part.0, &place).await?;
        File::open(&folder).await?.sync_all().await?;
        File::open(&files.folder).await?.sync_all().await?;
        Ok(Bytes::new(self.size))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(bytes: &[u8]) -> Digest {
        let mut digest = Digest([0; 32]);
        digest.0.copy_from_slice(ring::digest::digest(&ring::digest::SHA256, bytes).as_ref());
        digest
    }

    async fn put(files: &BlobFiles, bytes: &[u8], wanted: Digest) -> Result<Bytes, UploadError> {
        let mut upload = files.upload(10).await.unwrap();
        upload.write(bytes).await?;
        upload.finish(files, wanted).await
    }

    fn left(folder: &Path) -> usize {
        std::fs::read_dir(folder.join("blobs/new")).unwrap().count()
    }

    #[tokio::test]
    async fn only_what_has_the_digest_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let files = BlobFiles::open(folder.path()).unwrap();
        let wanted = digest(b"abc");
        assert!(matches!(put(&files, b"abd", wanted).await, Err(UploadError::WrongDigest(_))));
        assert!(matches!(put(&files, b"12345678901", wanted).await, Err(UploadError::TooLarge(10))));
        assert!(files.read(wanted).await.is_err());
        assert_eq!(put(&files, b"abc", wanted).await.unwrap(), Bytes::new(3));
        assert_eq!(put(&files, b"abc", wanted).await.unwrap(), Bytes::new(3), "again");
        assert!(files.has(wanted, Bytes::new(3)).await && !files.has(wanted, Bytes::new(4)).await);
        assert_eq!(left(folder.path()), 0);
        files.close().await.remove(wanted).await.unwrap();
        assert!(!files.has(wanted, Bytes::new(3)).await);
    }

    #[tokio::test]
    async fn what_a_killed_scheduler_left_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        std::mem::drop(BlobFiles::open(folder.path()).unwrap());
        std::fs::write(folder.path().join("blobs/new/half"), b"x").unwrap();
        std::mem::drop(BlobFiles::open(folder.path()).unwrap());
        assert_eq!(left(folder.path()), 0);
    }
}

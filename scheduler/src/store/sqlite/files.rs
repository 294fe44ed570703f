//! The files that large pieces of logs are in: one for each attempt, in folders by the last two characters of the job,
//! which are random. Places that are in the database are holes here.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use dayfly_jobs::LeaseId;

use crate::store::StoreError;

/// The folder of the logs.
#[derive(Debug, Clone)]
pub(super) struct LogFiles {
    folder: PathBuf,
}

impl LogFiles {
    /// Makes the folder if it is not there.
    pub(super) fn open(folder: PathBuf) -> Result<Self, StoreError> {
        fs::create_dir_all(&folder).map_err(|error| failed(&folder, &error))?;
        Ok(Self { folder })
    }

    /// Writes at a place and syncs, so that the bytes survive whatever comes.
    pub(super) async fn write(&self, lease: LeaseId, at: u64, bytes: Vec<u8>) -> Result<(), StoreError> {
        let path = self.path(lease);
        blocking(move || write(&path, at, &bytes).map_err(|error| failed(&path, &error))).await
    }

    /// Reads what was written before.
    pub(super) async fn read(&self, lease: LeaseId, at: u64, length: u64) -> Result<Vec<u8>, StoreError> {
        let path = self.path(lease);
        blocking(move || read(&path, at, length).map_err(|error| failed(&path, &error))).await
    }

    /// Deletes files by their names here. One that is gone already counts as deleted.
    pub(super) async fn delete(&self, names: Vec<String>) -> Result<(), StoreError> {
        let folder = self.folder.clone();
        blocking(move || names.iter().try_for_each(|name| delete(&folder.join(name)))).await
    }

    fn path(&self, lease: LeaseId) -> PathBuf {
        self.folder.join(name_of(&lease.job.to_string(), lease.attempt.0))
    }
}

/// The name of the file of an attempt of a job, below the folder.
pub(super) fn name_of(job: &str, attempt: u32) -> String {
    let shard = job.get(job.len().saturating_sub(2)..).unwrap_or_default();
    format!("{shard}/{job}.{attempt}")
}

fn write(path: &Path, at: u64, bytes: &[u8]) -> io::Result<()> {
    let file = match File::options().write(true).open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => create(path)?,
        opened => opened?,
    };
    file.write_all_at(bytes, at)?;
    file.sync_data()
}

/// A new file, whose name survives a crash as well.
fn create(path: &Path) -> io::Result<File> {
    let folder = path.parent().unwrap_or(path);
    let top = folder.parent().unwrap_or(folder);
    if !folder.is_dir() {
        fs::create_dir_all(folder)?;
        File::open(top)?.sync_all()?;
    }
    let file = File::options().write(true).create(true).truncate(false).open(path)?;
    File::open(folder)?.sync_all()?;
    Ok(file)
}

fn read(path: &Path, at: u64, length: u64) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; usize::try_from(length).map_err(io::Error::other)?];
    File::open(path)?.read_exact_at(&mut bytes, at)?;
    Ok(bytes)
}

fn delete(path: &Path) -> Result<(), StoreError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(path, &error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn failed(path: &Path, error: &io::Error) -> StoreError {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreError::Full,
        _ => StoreError::Failed(format!("{}: {error}", path.display())),
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let stopped = |error: tokio::task::JoinError| StoreError::Failed(error.to_string());
    tokio::task::spawn_blocking(work).await.map_err(stopped)?
}

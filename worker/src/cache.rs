//! Blobs on the worker's disk, by their SHA-256: fetched once, checked whenever they are used, the least recently used
//! ones removed when they take more than they may. Losing all of it costs nothing but time.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use dayfly_jobs::{Bytes, Digest};
use sha2::{Digest as _, Sha256};
use tempfile::NamedTempFile;

use crate::WorkerError;

/// The cache of one worker.
#[derive(Debug)]
pub(crate) struct Cache {
    folder: PathBuf,
    most: u64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    blobs: BTreeMap<Digest, Blob>,
    bytes: u64,
    /// Counts uses, for their order.
    clock: u64,
}

#[derive(Debug, Clone, Copy)]
struct Blob {
    size: u64,
    used: u64,
}

impl Cache {
    /// Opens the folder, making it where it is missing, and takes in what an earlier worker left there.
    pub(crate) fn open(state: &Path, most: Bytes) -> Result<Self, WorkerError> {
        let folder = state.join("blobs");
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true).mode(0o700);
        builder.create(&folder).map_err(WorkerError::file("make", &folder))?;
        let cache = Self { folder, most: most.get(), state: Mutex::default() };
        cache.take_in()?;
        Ok(cache)
    }

    fn take_in(&self) -> Result<(), WorkerError> {
        let read = |error| WorkerError::file("read", &self.folder)(error);
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.folder).map_err(read)? {
            let entry = entry.map_err(read)?;
            let metadata = entry.metadata().map_err(read)?;
            match entry.file_name().to_str().and_then(|name| name.parse().ok()) {
                Some(digest) => found.push((metadata.mtime(), digest, metadata.len())),
                // A download that was cut short.
                None => fs::remove_file(entry.path()).map_err(WorkerError::file("remove", &entry.path()))?,
            }
        }
        found.sort_unstable();
        found.into_iter().for_each(|(_, digest, size)| self.admit(digest, size));
        Ok(())
    }

    /// A blob's content, if it is here and still what it was; one that is not is removed.
    pub(crate) fn get(&self, digest: Digest) -> Option<File> {
        if !self.lock().touch(digest) {
            return None;
        }
        let opened = File::open(self.path(digest));
        match opened.and_then(|file| verified(file, digest)) {
            Ok(Some(file)) => Some(file),
            Ok(None) | Err(_) => {
                tracing::warn!(%digest, "a cached blob is damaged or gone; it is fetched again");
                self.forget(digest);
                None
            }
        }
    }

    /// A file to download into.
    pub(crate) fn start(&self) -> Result<Download, WorkerError> {
        let file =
            NamedTempFile::new_in(&self.folder).map_err(WorkerError::file("make a file in", &self.folder))?;
        Ok(Download { file, hash: Sha256::new(), size: 0 })
    }

    /// Keeps a download, if it is what it should be. One that is larger than the whole cache is given but not kept.
    pub(crate) fn keep(&self, download: Download, digest: Digest) -> Result<Option<File>, WorkerError> {
        let Download { file, hash, size } = download;
        if Digest(hash.finalize().into()) != digest {
            return Ok(None);
        }
        let path = self.path(digest);
        let mut content = file.reopen().map_err(WorkerError::file("open", file.path()))?;
        content.rewind().map_err(WorkerError::file("read", &path))?;
        if size <= self.most {
            file.persist(&path).map_err(|error| WorkerError::file("write", &path)(error.error))?;
            self.admit(digest, size);
        }
        Ok(Some(content))
    }

    /// Counts a blob that is in the folder, and removes others until all fit.
    fn admit(&self, digest: Digest, size: u64) {
        let mut state = self.lock();
        state.clock += 1;
        let blob = Blob { size, used: state.clock };
        let before = state.blobs.insert(digest, blob).map_or(0, |before| before.size);
        state.bytes = state.bytes - before + size;
        while state.bytes > self.most
            && let Some(oldest) =
                state.blobs.iter().min_by_key(|(_, blob)| blob.used).map(|(digest, _)| *digest)
        {
            state.forget(oldest);
            // One that is in use stays readable for whoever has it open.
            fs::remove_file(self.path(oldest)).ok();
        }
    }

    fn forget(&self, digest: Digest) {
        self.lock().forget(digest);
        // It may be gone already.
        fs::remove_file(self.path(digest)).ok();
    }

    /// What all blobs take together.
    pub(crate) fn bytes(&self) -> u64 {
        self.lock().bytes
    }

    fn path(&self, digest: Digest) -> PathBuf {
        self.folder.join(digest.to_string())
    }

    /// The numbers are whole at every moment, so a thread that died with the lock did no harm.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn touch(&mut self, digest: Digest) -> bool {
        self.clock += 1;
        let clock = self.clock;
        self.blobs.get_mut(&digest).map(|blob| blob.used = clock).is_some()
    }

    fn forget(&mut self, digest: Digest) {
        if let Some(blob) = self.blobs.remove(&digest) {
            self.bytes = self.bytes.saturating_sub(blob.size);
        }
    }
}

/// A blob on its way.
pub(crate) struct Download {
    file: NamedTempFile,
    hash: Sha256,
    size: u64,
}

impl Download {
    /// The next piece of it; gives how much there is now.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<u64, WorkerError> {
        self.file.write_all(bytes).map_err(WorkerError::file("write", self.file.path()))?;
        self.hash.update(bytes);
        self.size += bytes.len() as u64;
        Ok(self.size)
    }
}

/// The file at its start, if it has this digest.
fn verified(mut file: File, digest: Digest) -> io::Result<Option<File>> {
    let found = digest_of(&mut file)?;
    file.rewind()?;
    Ok((found == digest).then_some(file))
}

/// The SHA-256 of what can be read.
pub(crate) fn digest_of(mut content: impl Read) -> io::Result<Digest> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 64 << 10];
    loop {
        match content.read(&mut buffer)? {
            0 => return Ok(Digest(hash.finalize().into())),
            got => hash.update(buffer.get(..got).unwrap_or_default()),
        }
    }
}

#[cfg(test)]
mod tests;

//! Puts into a fresh sandbox what the job has from the start: inputs, scripts, secrets. Nothing of the job runs yet,
//! so nobody changes anything beside us; still every name goes by descriptor.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use dayfly_jobs::wire::Lease;
use dayfly_jobs::{Action, Digest, Input, InputSource, Limits};
use dayfly_sandbox::Sandbox;
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::stat::{Mode, mkdirat};

use crate::beneath::{self, AsOwner};
use crate::error::Halt;
use crate::request::{SCRIPTS, SECRETS};
use crate::retry::{BLOB_TRIES, persist_at_most};
use crate::run_job::Bench;
use crate::stop::Stop;
use crate::{CallError, WorkerError, archive, client};

/// What may still be put into the writable tree.
#[derive(Debug)]
pub(crate) struct Budget {
    bytes: u64,
    files: u64,
}

/// The tree counts in pages.
const PAGE: u64 = 4096;
/// Folders that are there anyway.
const OWN_FILES: u64 = 8;

impl Budget {
    /// As much as the job's tree holds, and no more than its memory: what is put there is in memory, and counts as
    /// the worker's until the job is gone.
    pub(crate) fn of(limits: &Limits) -> Self {
        Self {
            bytes: limits.disk.min(limits.memory).get(),
            files: limits.inodes.get().saturating_sub(OWN_FILES),
        }
    }

    /// Bytes that are left.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Takes a file of this size, or several empty ones.
    pub(crate) fn take(&mut self, size: u64, files: u64) -> Result<(), Halt> {
        let pages = size.div_ceil(PAGE).saturating_mul(PAGE);
        let left = self.bytes.checked_sub(pages).zip(self.files.checked_sub(files));
        let (bytes, files) = left.ok_or_else(|| {
            Halt::Bad(
                "what the job brings along is more than its limits 'disk', 'inodes' and 'memory' hold".into(),
            )
        })?;
        *self = Self { bytes, files };
        Ok(())
    }
}

/// Fills the sandbox.
pub(crate) fn stage(sandbox: &dyn Sandbox, lease: &Lease, bench: &Bench, stop: &Stop) -> Result<(), Halt> {
    let mut budget = Budget::of(&lease.spec.limits);
    scripts(sandbox.scratch(), lease, &mut budget)?;
    secrets(sandbox.scratch(), lease, &mut budget)?;
    for input in &lease.spec.inputs {
        if stop.why().is_some() {
            return Err(Halt::Stopped);
        }
        place(sandbox.workspace(), input, &mut budget, bench, stop)
            .map_err(|halt| about(&input.path, halt))?;
    }
    Ok(())
}

fn about(path: &str, halt: Halt) -> Halt {
    match halt {
        Halt::Bad(reason) => Halt::Bad(format!("input {path}: {reason}")),
        other => other,
    }
}

fn scripts(scratch: BorrowedFd<'_>, lease: &Lease, budget: &mut Budget) -> Result<(), Halt> {
    let scripts = lease.spec.steps.iter().enumerate().filter_map(|(place, step)| match &step.action {
        Action::Run { script, .. } => Some((place.to_string(), script.as_bytes(), 0o500)),
        Action::Command(_) => None,
    });
    folder_of_files(scratch, SCRIPTS, scripts, budget)
}

fn secrets(scratch: BorrowedFd<'_>, lease: &Lease, budget: &mut Budget) -> Result<(), Halt> {
    let files = lease.spec.secrets.iter().filter(|used| used.env.is_none()).filter_map(|used| {
        let value = lease.secrets.get(&used.name)?;
        Some((used.name.to_string(), value.as_bytes(), 0o400))
    });
    folder_of_files(scratch, SECRETS, files, budget)
}

/// A folder that only the job can look into, with these files; none when there are none.
fn folder_of_files<'a>(
    scratch: BorrowedFd<'_>,
    name: &str,
    files: impl Iterator<Item = (String, &'a [u8], u32)>,
    budget: &mut Budget,
) -> Result<(), Halt> {
    let mut files = files.peekable();
    if files.peek().is_none() {
        return Ok(());
    }
    let _owner = AsOwner::of(scratch)?;
    budget.take(0, 1)?;
    mkdirat(scratch, name, Mode::S_IRWXU).map_err(ours)?;
    let folder = beneath::open(scratch, name.as_bytes(), OFlag::O_PATH | OFlag::O_DIRECTORY, Mode::empty());
    let folder = folder.map_err(ours)?;
    for (name, content, mode) in files {
        budget.take(content.len() as u64, 1)?;
        let mut file = beneath::create(folder.as_fd(), name.as_bytes(), mode).map_err(ours)?;
        file.write_all(content).map_err(written)?;
    }
    Ok(())
}

fn place(
    workspace: BorrowedFd<'_>,
    input: &Input,
    budget: &mut Budget,
    bench: &Bench,
    stop: &Stop,
) -> Result<(), Halt> {
    if !beneath::is_plain(input.path.as_bytes()) {
        return Err(Halt::Bad("the path is absolute, has '..' or a NUL".into()));
    }
    let mut content: Box<dyn Read> = match &input.source {
        InputSource::Inline(text) => Box::new(io::Cursor::new(text.clone().into_bytes())),
        InputSource::Blob(digest) => {
            let file = blob(*digest, budget, bench, stop)?;
            if let Some(kind) = input.unpack {
                let _owner = AsOwner::of(workspace)?;
                let target = folder(workspace, input.path.as_bytes(), budget)?;
                return archive::unpack(file, kind, target, budget);
            }
            Box::new(file)
        }
        InputSource::File(name) => {
            return Err(Halt::Bad(format!("the file {name} was not uploaded with the job")));
        }
    };
    if input.unpack.is_some() {
        return Err(Halt::Bad("only a blob can be unpacked".into()));
    }
    let _owner = AsOwner::of(workspace)?;
    let (parent, name) = beneath::split(input.path.as_bytes());
    let parent = folder(workspace, parent, budget)?;
    let mode = if input.executable { 0o755 } else { 0o644 };
    let mut file = beneath::create(parent.as_fd(), name, mode).map_err(refused)?;
    let size = io::copy(&mut (&mut content).take(budget.bytes() + 1), &mut file).map_err(written)?;
    budget.take(size, 1)
}

fn folder(workspace: BorrowedFd<'_>, path: &[u8], budget: &mut Budget) -> Result<OwnedFd, Halt> {
    let (folder, made) = beneath::make_folders(workspace, path).map_err(refused)?;
    budget.take(0, made)?;
    Ok(folder)
}

/// A blob from the cache, or from the scheduler.
fn blob(digest: Digest, budget: &Budget, bench: &Bench, stop: &Stop) -> Result<File, Halt> {
    if let Some(file) = bench.cache.get(digest) {
        bench.metrics.cache_hits.inc();
        return Ok(file);
    }
    bench.metrics.cache_misses.inc();
    bench.runtime.block_on(async {
        tokio::select! {
            () = stop.stopped() => Err(Halt::Stopped),
            fetched = persist_at_most(BLOB_TRIES, stop, || fetch(digest, budget.bytes(), bench)) => fetched?,
        }
    })
}

/// Fetches a blob. An error of the outside may be mended by another try, one of the inside not.
async fn fetch(digest: Digest, most: u64, bench: &Bench) -> Result<Result<File, Halt>, CallError> {
    let mut response = match bench.client.blob(digest).await {
        Err(CallError::Missing { .. }) => {
            return Ok(Err(Halt::Bad(format!("the scheduler has no blob {digest}"))));
        }
        other => other?,
    };
    let mut download = match bench.cache.start() {
        Ok(download) => download,
        Err(error) => return Ok(Err(error.into())),
    };
    while let Some(piece) = client::next_piece(&mut response).await? {
        match download.write(piece.as_ref()) {
            Ok(size) if size > most => {
                return Ok(Err(Halt::Bad("it is larger than the job's limit 'disk'".into())));
            }
            Ok(_) => {}
            Err(error) => return Ok(Err(error.into())),
        }
    }
    match bench.cache.keep(download, digest) {
        Ok(Some(file)) => Ok(Ok(file)),
        Ok(None) => Err(CallError::Away { why: format!("the blob {digest} arrived damaged"), after: None }),
        Err(error) => Ok(Err(error.into())),
    }
}

/// Placing an input failed: with nobody else there, because of another input.
fn refused(errno: Errno) -> Halt {
    match errno {
        Errno::EEXIST => Halt::Bad("something of that name is there already".into()),
        Errno::ELOOP | Errno::ENOTDIR => Halt::Bad("a part of the path is a link or a file".into()),
        Errno::ENAMETOOLONG => Halt::Bad("the name is too long".into()),
        errno => ours(errno),
    }
}

fn ours(errno: Errno) -> Halt {
    Halt::Ours(WorkerError::System { action: "fill the workspace", errno })
}

fn written(error: io::Error) -> Halt {
    ours(error.raw_os_error().map_or(Errno::EIO, Errno::from_raw))
}

#[cfg(test)]
mod tests;

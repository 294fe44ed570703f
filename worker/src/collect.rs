//! Takes out of the workspace what the job's owner asked for, after everything in the sandbox is dead: nobody swaps
//! a file while we look at it. Regular files only, by descriptor, with the job's own rights.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use dayfly_jobs::wire::Lease;
use dayfly_jobs::{Artifact, Bytes, Collect, LeaseId, OutputFile};
use nix::dir::{Dir, Type};
use nix::fcntl::OFlag;
use nix::sys::stat::Mode;

use crate::WorkerError;
use crate::beneath::{self, AsOwner};
use crate::cache::digest_of;
use crate::error::Halt;
use crate::glob::{Pattern, Progress};
use crate::retry::{BLOB_TRIES, persist_at_most};
use crate::run_job::Bench;
use crate::stop::Stop;

/// Folders inside of each other that a walk follows.
const DEEPEST: usize = 128;
/// Files of one job at most.
const MOST_FILES: usize = 10_000;

/// Everything that was asked for.
#[derive(Debug, Default)]
pub(crate) struct Collected {
    pub(crate) outputs: Vec<OutputFile>,
    pub(crate) artifacts: Vec<Artifact>,
    /// What could not be had, in words.
    pub(crate) problems: Vec<String>,
}

/// A file that was asked for.
struct Found {
    path: Vec<u8>,
    file: File,
    size: u64,
}

/// Collects outputs and uploads artifacts.
pub(crate) fn collect(
    workspace: BorrowedFd<'_>,
    lease: &Lease,
    bench: &Bench,
    stop: &Stop,
) -> Result<Collected, Halt> {
    let mut collected = Collected::default();
    let mut left = bench.config.outputs_limit.get();
    for wanted in &lease.spec.outputs {
        let found = files(workspace, wanted, &mut collected.problems)?;
        for one in found {
            match left.checked_sub(one.size) {
                Some(rest) => left = rest,
                None => {
                    let most = bench.config.outputs_limit;
                    let problem = "is too large for a result: outputs have";
                    collected.problems.push(format!(
                        "{}: {} {problem} {most}",
                        wanted.name,
                        beneath::shown(&one.path)
                    ));
                    continue;
                }
            }
            collected.outputs.push(output(&wanted.name, one)?);
        }
    }
    for wanted in &lease.spec.artifacts {
        for one in files(workspace, wanted, &mut collected.problems)? {
            if stop.why().is_some() {
                return Err(Halt::Stopped);
            }
            collected.artifacts.push(upload(&wanted.name, one, lease.id, bench, stop)?);
        }
    }
    Ok(collected)
}

/// The files that one request means; none of them when they are too many or too large.
fn files(
    workspace: BorrowedFd<'_>,
    wanted: &Collect,
    problems: &mut Vec<String>,
) -> Result<Vec<Found>, Halt> {
    let _owner = AsOwner::of(workspace)?;
    let mut found = Vec::new();
    let mut total = 0_u64;
    let known = problems.len();
    for path in paths(workspace, wanted, problems)? {
        match beneath::open_file(workspace, &path) {
            Ok((file, size)) => {
                total = total.saturating_add(size);
                found.push(Found { path, file, size });
            }
            Err(why) => problems.push(format!("{}: {}: {why}", wanted.name, beneath::shown(&path))),
        }
    }
    if total > wanted.max_size.get() {
        let total = Bytes::new(total);
        problems.push(format!("{}: {total} are more than its max_size {}", wanted.name, wanted.max_size));
        found.clear();
    } else if found.is_empty() && wanted.required && problems.len() == known {
        problems.push(format!("{}: nothing matches {}", wanted.name, wanted.paths.join(", ")));
    }
    Ok(found)
}

/// The paths that the patterns of a request mean, in order.
fn paths(
    workspace: BorrowedFd<'_>,
    wanted: &Collect,
    problems: &mut Vec<String>,
) -> Result<BTreeSet<Vec<u8>>, Halt> {
    let mut walk = Walk { found: BTreeSet::new(), patterns: Vec::new(), too_deep: false };
    for pattern in wanted.paths.iter().map(|path| Pattern::new(path)) {
        match pattern.literal() {
            // It need not be there unless that is required; what is there must be a file.
            Some(path) if exists(workspace, &path) || (wanted.required && wanted.paths.len() == 1) => {
                walk.found.insert(path);
            }
            Some(_) => {}
            None => walk.patterns.push(pattern),
        }
    }
    let starts: Vec<_> = walk.patterns.iter().map(Pattern::start).collect();
    if !starts.is_empty() {
        let top = open_folder(workspace, b".").map_err(WorkerError::system("open the workspace"))?;
        walk.folder(top, b"", &starts, 0);
    }
    if walk.too_deep {
        problems.push(format!("{}: folders deeper than {DEEPEST} were not looked into", wanted.name));
    }
    if walk.found.len() > MOST_FILES {
        problems.push(format!("{}: {} files are more than {MOST_FILES}", wanted.name, walk.found.len()));
        walk.found.clear();
    }
    Ok(walk.found)
}

fn exists(workspace: BorrowedFd<'_>, path: &[u8]) -> bool {
    let opened = beneath::open(workspace, path, OFlag::O_PATH, Mode::empty());
    !matches!(opened, Err(nix::errno::Errno::ENOENT))
}

fn open_folder(dir: BorrowedFd<'_>, name: &[u8]) -> nix::Result<OwnedFd> {
    beneath::open(dir, name, OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NONBLOCK, Mode::empty())
}

struct Walk {
    found: BTreeSet<Vec<u8>>,
    patterns: Vec<Pattern>,
    too_deep: bool,
}

impl Walk {
    /// Looks through one folder. One that cannot be read has nothing for us: the job could not read it either.
    fn folder(&mut self, folder: OwnedFd, path: &[u8], progress: &[Progress], depth: usize) {
        let Ok(mut dir) = Dir::from_fd(folder) else { return };
        let mut below = Vec::new();
        for entry in dir.iter().flatten() {
            let name = entry.file_name().to_bytes();
            if name == b"." || name == b".." {
                continue;
            }
            let steps = self.patterns.iter().zip(progress).map(|(pattern, at)| pattern.step(at, name));
            let (next, matches): (Vec<_>, Vec<_>) = steps.unzip();
            let whole = if path.is_empty() { name.to_vec() } else { [path, b"/", name].concat() };
            match entry.file_type() {
                Some(Type::File) if matches.contains(&true) => {
                    self.found.insert(whole);
                }
                Some(Type::Directory) if next.iter().any(|at| !at.is_over()) => {
                    below.push((name.to_vec(), whole, next));
                }
                _ => {}
            }
        }
        for (name, whole, next) in below {
            if depth >= DEEPEST {
                self.too_deep = true;
            } else if let Ok(folder) = open_folder(dir.as_fd(), &name) {
                self.folder(folder, &whole, &next, depth + 1);
            }
        }
    }
}

fn output(name: &str, found: Found) -> Result<OutputFile, Halt> {
    let mut content = Vec::new();
    found.file.take(found.size).read_to_end(&mut content).map_err(reading)?;
    let (text, base64) = match String::from_utf8(content) {
        Ok(text) => (Some(text), None),
        Err(bytes) => (None, Some(STANDARD.encode(bytes.as_bytes()))),
    };
    Ok(OutputFile { name: name.to_owned(), path: beneath::shown(&found.path), text, base64 })
}

/// Makes a blob of a file.
fn upload(name: &str, found: Found, lease: LeaseId, bench: &Bench, stop: &Stop) -> Result<Artifact, Halt> {
    let Found { path, mut file, size } = found;
    let digest = digest_of((&mut file).take(size)).map_err(reading)?;
    let client = &bench.client;
    bench
        .runtime
        .block_on(persist_at_most(BLOB_TRIES, stop, || client.put_blob(lease, digest, &file, size)))?;
    Ok(Artifact { name: name.to_owned(), path: beneath::shown(&path), size: Bytes::new(size), digest })
}

fn reading(error: io::Error) -> Halt {
    let errno = error.raw_os_error().map_or(nix::errno::Errno::EIO, nix::errno::Errno::from_raw);
    Halt::Ours(WorkerError::System { action: "read a collected file", errno })
}

#[cfg(test)]
mod tests;

//! The processes of the host, and which of them a jail of this test left.
//!
//! Other tests, and other programs, run jails at the same time. Their jobs have a living supervisor that is not
//! ours; a job of ours that is left has none, or one that carries our mark.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::{Unprivileged, host::ROOT_UID_BASE};

/// What a process has to do with this test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kin {
    /// Started by it, or a job that nobody looks after.
    Ours,
    /// The job of a supervisor that is somebody else's.
    Supervised,
    /// Not of a jail.
    Stranger,
}

/// One process.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) pid: u32,
    /// Number, program, user and start: the same text is the same process.
    pub(crate) name: String,
    pub(crate) kin: Kin,
    pub(crate) namespaces: Vec<String>,
    uids: BTreeSet<u32>,
    parent: u32,
    marked: bool,
}

/// Whether only jails have this user id.
pub(crate) fn is_jail_uid(uid: u32) -> bool {
    uid >= ROOT_UID_BASE || uid == Unprivileged::UID
}

/// How many processes the jail with the most of them has: those that share one user id which only jails have.
pub fn jailed_processes() -> usize {
    let mut counts = BTreeMap::<u32, usize>::new();
    for process in all("").values() {
        for uid in process.uids.iter().filter(|uid| **uid >= ROOT_UID_BASE) {
            *counts.entry(*uid).or_default() += 1;
        }
    }
    counts.into_values().max().unwrap_or(0)
}

/// The processes whose command line holds this text, each as its number and that line.
pub fn commands_with(text: &str) -> Vec<String> {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let lines = entries.filter_map(|entry| {
        let line = fs::read(entry.path().join("cmdline")).ok()?;
        Some(format!(
            "{}: {}",
            entry.file_name().display(),
            String::from_utf8_lossy(&line).replace('\0', " ")
        ))
    });
    lines.filter(|line| line.contains(text)).collect()
}

/// All processes, with what they have to do with the test whose processes carry `mark` in their environment.
pub(crate) fn look(mark: &str) -> Vec<Process> {
    let all = all(mark);
    let ancestors = chain(&all, std::process::id());
    let kin: Vec<Kin> = all.values().map(|process| kin(&all, process, &ancestors)).collect();
    all.into_values().zip(kin).map(|(process, kin)| Process { kin, ..process }).collect()
}

fn kin(all: &BTreeMap<u32, Process>, process: &Process, ancestors: &[u32]) -> Kin {
    if process.marked && process.pid != std::process::id() {
        return Kin::Ours;
    }
    if !process.is_jailed() {
        return Kin::Stranger;
    }
    // Upwards to whoever looks after the jail: the first that is not in one.
    let supervisor = chain(all, process.pid).into_iter().find(|pid| !all[pid].is_jailed());
    match supervisor {
        Some(pid) if pid != 1 && !all[&pid].marked && !ancestors.contains(&pid) => Kin::Supervised,
        _ => Kin::Ours,
    }
}

/// A process, its parent, its parent's parent, …
fn chain(all: &BTreeMap<u32, Process>, pid: u32) -> Vec<u32> {
    let mut chain = Vec::new();
    let mut at = all.get(&pid);
    while let Some(process) = at {
        chain.push(process.pid);
        at = all.get(&process.parent);
    }
    chain
}

fn all(mark: &str) -> BTreeMap<u32, Process> {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str().and_then(|name| name.parse().ok()));
    pids.filter_map(|pid| Some((pid, Process::read(pid, mark)?))).collect()
}

impl Process {
    fn is_jailed(&self) -> bool {
        self.uids.iter().any(|uid| is_jail_uid(*uid))
    }

    /// `None` when it has ended meanwhile.
    fn read(pid: u32, mark: &str) -> Option<Self> {
        let dir = Path::new("/proc").join(pid.to_string());
        let stat = fs::read_to_string(dir.join("stat")).ok()?;
        let (program, rest) = stat.rsplit_once(')')?;
        let rest: Vec<&str> = rest.split_whitespace().collect();
        let status = fs::read_to_string(dir.join("status")).ok()?;
        let uids = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
        let uids: BTreeSet<u32> = uids.split_whitespace().filter_map(|uid| uid.parse().ok()).collect();
        let environ = fs::read(dir.join("environ")).unwrap_or_default();
        let links =
            ["net", "mnt", "pid", "ipc", "user", "uts"].map(|kind| fs::read_link(dir.join("ns").join(kind)));
        let owner = fs::metadata(&dir).ok()?.uid();
        Some(Self {
            pid,
            name: format!("{program}), uid {owner}, started {}", rest.get(19)?),
            kin: Kin::Stranger,
            namespaces: links.into_iter().flatten().map(|link| link.display().to_string()).collect(),
            parent: rest.get(1)?.parse().ok()?,
            marked: environ.split(|byte| *byte == 0).any(|entry| entry == mark.as_bytes()),
            uids,
        })
    }
}

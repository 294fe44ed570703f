//! The texts the kernel writes about control groups. Pure.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use nix::unistd::Pid;

/// A file with one number.
pub(super) fn number(text: &str) -> Option<u64> {
    text.trim_end().parse().ok()
}

/// A file with a number, or with `max` where there is no limit: `Some(None)`.
pub(super) fn ceiling(text: &str) -> Option<Option<u64>> {
    if text.trim_end() == "max" { Some(None) } else { number(text).map(Some) }
}

/// One value of a file with lines `key value`.
pub(super) fn field(text: &str, key: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' ')?.parse().ok())
}

/// The members of a group. Those in a PID namespace we cannot see into are shown as 0 and left out.
pub(super) fn pids(text: &str) -> Option<Vec<Pid>> {
    let numbers: Result<Vec<i32>, _> = text.lines().map(str::parse).collect();
    Some(numbers.ok()?.into_iter().filter(|&pid| pid > 0).map(Pid::from_raw).collect())
}

/// A set such as `0-2,7`; may be empty.
pub(super) fn cpu_list(text: &str) -> Option<BTreeSet<u16>> {
    let mut cpus = BTreeSet::new();
    for part in text.trim().split(',').filter(|part| !part.is_empty()) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last): (u16, u16) = (first.parse().ok()?, last.parse().ok()?);
        cpus.extend(first..=last);
    }
    Some(cpus)
}

/// Whether a list of words such as `cgroup.controllers` has this one.
pub(super) fn has_word(text: &str, word: &str) -> bool {
    text.split_whitespace().any(|listed| listed == word)
}

/// Whether `/proc/swaps` shows any swap.
pub(super) fn has_swap(text: &str) -> bool {
    text.lines().nth(1).is_some()
}

/// Where a hierarchy is mounted, and which group of it is at the top of the mount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mount {
    pub(super) point: PathBuf,
    pub(super) root: PathBuf,
}

/// The mounts of version 2 in `/proc/self/mountinfo`.
pub(super) fn unified_mounts(mountinfo: &str) -> Vec<Mount> {
    mountinfo.lines().filter_map(unified_mount).collect()
}

fn unified_mount(line: &str) -> Option<Mount> {
    let (mount, _) = mount_of("cgroup2", line)?;
    Some(mount)
}

/// The mounts of version 1 in `/proc/self/mountinfo`: where they are, and what is on each, its controllers above all.
pub(super) fn controller_mounts(mountinfo: &str) -> Vec<(PathBuf, Vec<&str>)> {
    let mounts = mountinfo.lines().filter_map(|line| mount_of("cgroup", line));
    mounts.map(|(mount, options)| (mount.point, options.split(',').collect())).collect()
}

/// A mount of this type of file system, and the options of the file system itself.
fn mount_of<'a>(filesystem: &str, line: &'a str) -> Option<(Mount, &'a str)> {
    let (mount, about) = line.split_once(" - ")?;
    let mut about = about.split(' ');
    if about.next() != Some(filesystem) {
        return None;
    }
    let mut fields = mount.split(' ').skip(3);
    let root = unescape(fields.next()?);
    Some((Mount { root, point: unescape(fields.next()?) }, about.nth(1)?))
}

/// Undoes the kernel's `\040` for a blank.
fn unescape(text: &str) -> PathBuf {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let octal = (byte == b'\\').then(|| after.first_chunk::<3>()).flatten();
        let value = octal.and_then(|digits| u8::from_str_radix(str::from_utf8(digits).ok()?, 8).ok());
        bytes.push(value.unwrap_or(byte));
        rest = after.get(if value.is_some() { 3 } else { 0 }..).unwrap_or_default();
    }
    OsString::from_vec(bytes).into()
}

/// Our own group in the hierarchy of version 2, from `/proc/self/cgroup`.
pub(super) fn own_unified(proc_cgroup: &str) -> Option<&Path> {
    proc_cgroup.lines().find_map(|line| line.strip_prefix("0::")).map(Path::new)
}

/// Where `group` is in the file system, if the mount shows it.
pub(super) fn locate(mount: &Mount, group: &Path) -> Option<PathBuf> {
    let below = group.strip_prefix(&mount.root).ok()?;
    below
        .components()
        .all(|part| matches!(part, std::path::Component::Normal(_)))
        .then(|| mount.point.join(below))
}

#[cfg(test)]
mod tests;

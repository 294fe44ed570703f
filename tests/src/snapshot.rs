//! What is on the host right now that a jail could have left: each thing as one line that names it for good,
//! so that the same line in two snapshots means the same thing.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::{Unprivileged, host::ROOT_UID_BASE};

/// Things on the host, one line each.
pub(crate) type Snapshot = BTreeSet<String>;

/// Everything a jail could leave. `mark` is the environment entry that tells the processes of this test.
pub(crate) fn take(mark: &str) -> Snapshot {
    let mut found = Snapshot::new();
    processes(mark, &mut found);
    mounts(&mut found);
    cgroups(&mut found);
    files(&mut found);
    sysv(&mut found);
    found
}

fn is_jail_uid(uid: u32) -> bool {
    uid >= ROOT_UID_BASE || uid == Unprivileged::UID
}

fn processes(mark: &str, found: &mut Snapshot) {
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        let dir = entry.path();
        for kind in ["net", "mnt", "pid", "ipc", "user", "uts"] {
            if let Ok(namespace) = fs::read_link(dir.join("ns").join(kind)) {
                found.insert(format!("namespace {}", namespace.display()));
            }
        }
        let Ok(stat) = fs::read_to_string(dir.join("stat")) else { continue };
        let uid = fs::metadata(&dir).map_or(0, |metadata| metadata.uid());
        let ours = || {
            let environ = fs::read(dir.join("environ")).unwrap_or_default();
            environ.split(|byte| *byte == 0).any(|entry| entry == mark.as_bytes())
        };
        if pid != std::process::id() && (is_jail_uid(uid) || real_uid_is_jail(&dir) || ours()) {
            let started =
                stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(19)).unwrap_or("?");
            let name = stat.split(['(', ')']).nth(1).unwrap_or("?");
            found.insert(format!("process {pid} ({name}, uid {uid}, started {started})"));
        }
    }
}

/// The owner of `/proc/N` is root for a process that is not dumpable, so the status is asked as well.
fn real_uid_is_jail(dir: &Path) -> bool {
    let status = fs::read_to_string(dir.join("status")).unwrap_or_default();
    let uids = status.lines().find_map(|line| line.strip_prefix("Uid:")).unwrap_or_default();
    uids.split_whitespace().filter_map(|uid| uid.parse().ok()).any(is_jail_uid)
}

fn mounts(found: &mut Snapshot) {
    for line in fs::read_to_string("/proc/self/mountinfo").unwrap().lines() {
        let fields: Vec<&str> = line.split(' ').collect();
        found.insert(format!("mount {} at {}", fields[0], fields[4]));
    }
}

fn cgroups(found: &mut Snapshot) {
    let Ok(controllers) = fs::read_dir("/sys/fs/cgroup") else { return };
    walk(Path::new("/sys/fs/cgroup"), 1, found);
    for controller in controllers.flatten() {
        walk(&controller.path(), 6, found);
    }
}

/// The groups below `dir` that have to do with Dayfly: named after it, or below one that is.
fn walk(dir: &Path, depth: u32, found: &mut Snapshot) {
    let Some(depth) = depth.checked_sub(1) else { return };
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        let Ok(metadata) = fs::symlink_metadata(&path) else { continue };
        if !metadata.is_dir() {
            continue;
        }
        // The group all jails share stays, as a folder that a package installed would.
        let shared = path.file_name().is_some_and(|name| name == "dayfly" || name == "dayfly.slice");
        if !shared && path.as_os_str().as_bytes().windows(6).any(|part| part == b"dayfly") {
            found.insert(format!("cgroup {} (inode {})", path.display(), metadata.ino()));
        }
        walk(&path, depth, found);
    }
}

fn files(found: &mut Snapshot) {
    for dir in ["/tmp", "/var/tmp", "/dev/shm", "/dev/mqueue", "/run", "/run/dayfly"] {
        for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
            let path = entry.path();
            let Ok(metadata) = fs::symlink_metadata(&path) else { continue };
            // Slots and their locks stay; whoever leases the number next owns what lies under it.
            let kept = path == Path::new("/run/dayfly") || path == Path::new("/run/dayfly/slots");
            let named = path.as_os_str().as_bytes().windows(6).any(|part| part == b"dayfly");
            if !kept && (named || is_jail_uid(metadata.uid())) {
                found.insert(format!("file {} (inode {})", path.display(), metadata.ino()));
            }
        }
    }
}

fn sysv(found: &mut Snapshot) {
    for kind in ["shm", "sem", "msg"] {
        let table = fs::read_to_string(format!("/proc/sysvipc/{kind}")).unwrap_or_default();
        for line in table.lines().skip(1) {
            let ids: Vec<&str> = line.split_whitespace().take(2).collect();
            found.insert(format!("System V {kind} {}", ids.join(" ")));
        }
    }
}

/// Memory held by tmpfs and shared memory, in KiB: what a leaked file system would show in.
pub(crate) fn shared_memory() -> u64 {
    let meminfo = fs::read_to_string("/proc/meminfo").unwrap();
    let line = meminfo.lines().find_map(|line| line.strip_prefix("Shmem:")).unwrap();
    line.split_whitespace().next().and_then(|number| number.parse().ok()).unwrap()
}

/// How many live processes run under user ids that only jails have.
pub fn jailed_processes() -> usize {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    entries.filter(|entry| entry.metadata().is_ok_and(|metadata| metadata.uid() >= ROOT_UID_BASE)).count()
}

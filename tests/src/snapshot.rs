//! What is on the host right now that a jail could have left: each thing as one line that names it for good,
//! so that the same line in two snapshots means the same thing.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::processes::{self, Kin, is_jail_uid};

/// Things on the host, one line each.
pub(crate) type Snapshot = BTreeSet<String>;

/// Everything a jail could leave. `mark` is the environment entry that tells the processes of this test.
pub(crate) fn take(mark: &str) -> Snapshot {
    let mut found = Snapshot::new();
    let processes = processes::look(mark);
    for process in &processes {
        if process.kin != Kin::Supervised {
            found.extend(process.namespaces.iter().map(|namespace| format!("namespace {namespace}")));
        }
        if process.kin == Kin::Ours {
            found.insert(format!("process {}", process.name));
        }
    }
    let supervised = processes.iter().filter(|process| process.kin == Kin::Supervised);
    mounts(&mut found);
    cgroups(&supervised.map(|process| process.pid).collect(), &mut found);
    files(&mut found);
    sysv(&mut found);
    found
}

fn mounts(found: &mut Snapshot) {
    for line in fs::read_to_string("/proc/self/mountinfo").unwrap().lines() {
        let fields: Vec<&str> = line.split(' ').collect();
        found.insert(format!("mount {} at {}", fields[0], fields[4]));
    }
}

/// Groups of Dayfly, but for those in which another program's supervisor holds a job.
fn cgroups(supervised: &BTreeSet<u32>, found: &mut Snapshot) {
    let Ok(controllers) = fs::read_dir("/sys/fs/cgroup") else { return };
    walk(Path::new("/sys/fs/cgroup"), 1, supervised, found);
    for controller in controllers.flatten() {
        walk(&controller.path(), 6, supervised, found);
    }
}

fn holds_one_of(group: &Path, processes: &BTreeSet<u32>) -> bool {
    let members = fs::read_to_string(group.join("cgroup.procs")).unwrap_or_default();
    members.lines().filter_map(|pid| pid.parse().ok()).any(|pid: u32| processes.contains(&pid))
}

/// The groups below `dir` that have to do with Dayfly: named after it, or below one that is.
fn walk(dir: &Path, depth: u32, supervised: &BTreeSet<u32>, found: &mut Snapshot) {
    let Some(depth) = depth.checked_sub(1) else { return };
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        let Ok(metadata) = fs::symlink_metadata(&path) else { continue };
        if !metadata.is_dir() {
            continue;
        }
        // The group all jails share stays, as a folder that a package installed would.
        let shared = path.file_name().is_some_and(|name| name == "dayfly" || name == "dayfly.slice");
        let named = path.as_os_str().as_bytes().windows(6).any(|part| part == b"dayfly");
        if named && !shared && !holds_one_of(&path, supervised) {
            found.insert(format!("cgroup {} (inode {})", path.display(), metadata.ino()));
        }
        walk(&path, depth, supervised, found);
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

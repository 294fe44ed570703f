//! How control groups are laid out on this host, and whether Dayfly can make and enter groups of its own.

use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::unistd::write;

use super::files::HostFiles;
use super::processes::clone_and_wait;
use super::trial::{Step, Tried, attempt};
use crate::cgroup::{self, Driver, Entry, Facility, GroupStats, Layout, Wants};
use crate::slot::Slots;
use crate::{CgroupError, SandboxError};

/// The control groups of this host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cgroups {
    /// The version 2 tree, where one is mounted.
    pub v2: Option<V2Tree>,
    /// Controllers that have a version 1 tree of their own.
    pub v1: Vec<String>,
    /// What groups of ours can do, or why there are none.
    pub groups: Result<Groups, Refusal>,
}

/// The version 2 tree.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct V2Tree {
    /// The folder of the group this process is in.
    pub own_group: PathBuf,
    /// The controllers of that group.
    pub controllers: Vec<String>,
}

/// What a group that was made and removed again could do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Groups {
    /// The version of the interface.
    pub layout: Layout,
    /// A process entered.
    pub enter: Tried,
    /// The peak of memory is recorded.
    pub peak_memory: bool,
    /// The peak of processes is recorded.
    pub peak_processes: bool,
    /// Memory can be kept out of swap.
    pub swap: Result<(), Refusal>,
    /// Processor time can be rationed.
    pub cpu_quota: Result<(), Refusal>,
    /// Processors can be chosen.
    pub cpu_set: Result<(), Refusal>,
}

/// Why something cannot be had, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Why.
    pub reason: String,
    /// What to do about it.
    pub fix: String,
}

impl Cgroups {
    pub(super) fn probe(files: &HostFiles, mountinfo: &str, parent: Option<&Path>) -> Self {
        let (v2, v1) = mounted(files, mountinfo);
        Self { v2, v1, groups: try_group(parent).map_err(|error| refusal(&error)) }
    }
}

fn mounted(files: &HostFiles, mountinfo: &str) -> (Option<V2Tree>, Vec<String>) {
    let memberships = files.text("/proc/self/cgroup").unwrap_or_default();
    let v2 = own_group(mountinfo, &memberships).map(|own_group| {
        let file = own_group.join("cgroup.controllers");
        let controllers = files.text(&file.to_string_lossy()).unwrap_or_default();
        V2Tree { own_group, controllers: controllers.split_whitespace().map(str::to_owned).collect() }
    });
    (v2, v1_controllers(mountinfo))
}

/// Makes a group as a job's is made, lets a child enter it, and removes it with all that was made for it.
fn try_group(parent: Option<&Path>) -> Result<Groups, SandboxError> {
    let driver = cgroup::detect(parent, &Default::default())?;
    let slot = Slots::open_default()?.acquire(Some(&*driver))?;
    let group = driver.create(&slot.next_group(), Wants::default())?;
    let enter = enter(group.entry());
    let stats = group.stats();
    group.remove()?;
    drop(slot);
    driver.remove_parent()?;
    Ok(groups(driver.as_ref(), enter, &stats?))
}

fn groups(driver: &dyn Driver, enter: Tried, stats: &GroupStats) -> Groups {
    let has = |facility| match driver.lacks().iter().find(|lack| lack.facility == facility) {
        Some(lack) => Err(Refusal { reason: lack.reason.clone(), fix: lack.fix.clone() }),
        None => Ok(()),
    };
    Groups {
        layout: driver.layout(),
        enter,
        peak_memory: stats.peak_memory.is_some(),
        peak_processes: stats.peak_processes.is_some(),
        swap: has(Facility::Swap),
        cpu_quota: has(Facility::CpuQuota),
        cpu_set: has(Facility::CpuSet),
    }
}

fn enter(entry: Entry<'_>) -> Tried {
    let failed = |errno: Errno| Step::EnterGroups.failed(errno);
    attempt(|| match entry {
        Entry::V2(folder) => clone_and_wait(Step::IntoCgroup, Some(folder)),
        Entry::V1(files) => files.iter().try_for_each(|file| write(file, b"0").map(drop).map_err(failed)),
    })
}

/// Takes the fix out of an error that names one.
fn refusal(error: &SandboxError) -> Refusal {
    let fix = match error {
        SandboxError::Cgroup(
            CgroupError::File { fix, .. }
            | CgroupError::Unusable { fix, .. }
            | CgroupError::Lacking { fix, .. },
        ) => fix.as_str(),
        _ => "",
    };
    let text = error.to_string();
    let reason = text.strip_suffix(fix).and_then(|reason| reason.strip_suffix("; ")).unwrap_or(&text);
    Refusal { reason: reason.to_owned(), fix: fix.to_owned() }
}

/// One line of mountinfo: where something is mounted, which part of it, its type and its options.
struct Mount<'a> {
    part: &'a str,
    point: &'a str,
    kind: &'a str,
    options: &'a str,
}

fn mounts(mountinfo: &str) -> impl Iterator<Item = Mount<'_>> {
    mountinfo.lines().filter_map(|line| {
        let (place, what) = line.split_once(" - ")?;
        let mut place = place.split(' ').skip(3);
        let mut what = what.split(' ');
        let (kind, _, options) = (what.next()?, what.next()?, what.next()?);
        Some(Mount { part: place.next()?, point: place.next()?, kind, options })
    })
}

/// The folder of the group that `memberships` (`/proc/self/cgroup`) names in the version 2 tree.
fn own_group(mountinfo: &str, memberships: &str) -> Option<PathBuf> {
    let mount = mounts(mountinfo).find(|mount| mount.kind == "cgroup2")?;
    let group = memberships.lines().find_map(|line| line.strip_prefix("0::"))?;
    let below = Path::new(group).strip_prefix(mount.part).ok()?;
    Some(Path::new(mount.point).join(below).components().collect())
}

fn v1_controllers(mountinfo: &str) -> Vec<String> {
    const KNOWN: [&str; 5] = ["cpu", "cpuacct", "cpuset", "memory", "pids"];
    let options = mounts(mountinfo).filter(|mount| mount.kind == "cgroup").map(|mount| mount.options);
    let mut found: Vec<_> = options
        .flat_map(|options| options.split(','))
        .filter(|option| KNOWN.contains(option))
        .map(str::to_owned)
        .collect();
    found.sort_unstable();
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::files::tests::host_with;

    const HYBRID: &str = "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n\
         32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpuacct,cpu\n\
         35 31 0:32 / /sys/fs/cgroup/memory rw,relatime shared:9 - cgroup cgroup rw,memory\n\
         40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,name=systemd\n\
         41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n";

    #[test]
    fn a_hybrid_layout_is_read() {
        let (_folder, host) = host_with(&[
            ("/proc/self/cgroup", "4:memory:/a\n0::/\n"),
            ("/sys/fs/cgroup/unified/cgroup.controllers", "\n"),
        ]);
        let (v2, v1) = mounted(&host, HYBRID);
        assert_eq!(v1, ["cpu", "cpuacct", "memory"]);
        let v2 = v2.unwrap();
        assert_eq!(v2.own_group, Path::new("/sys/fs/cgroup/unified"));
        assert_eq!(v2.controllers, Vec::<String>::new());
    }

    #[test]
    fn a_pure_tree_is_read_from_inside_and_outside_a_namespace() {
        let group = "/sys/fs/cgroup/user.slice/a.scope";
        for (mountinfo, membership) in [
            ("1 2 0:3 / /sys/fs/cgroup rw shared:4 - cgroup2 cgroup2 rw\n", "0::/user.slice/a.scope\n"),
            ("1 2 0:3 /host/x /sys/fs/cgroup rw - cgroup2 cgroup rw\n", "0::/host/x/user.slice/a.scope\n"),
        ] {
            let (_folder, host) = host_with(&[
                ("/proc/self/cgroup", membership),
                (&format!("{group}/cgroup.controllers"), "cpu memory pids\n"),
            ]);
            let v2 = mounted(&host, mountinfo).0.unwrap();
            assert_eq!(v2.own_group, Path::new(group));
            assert_eq!(v2.controllers, ["cpu", "memory", "pids"]);
        }
        assert_eq!(mounted(&host_with(&[]).1, ""), (None, Vec::new()));
    }

    #[test]
    fn a_refusal_has_reason_and_fix_apart() {
        let unusable = CgroupError::Unusable { reason: "none".into(), fix: "mount one".into() };
        let split = refusal(&unusable.into());
        assert_eq!(
            (split.reason.as_str(), split.fix.as_str()),
            ("no usable control groups: none", "mount one")
        );
        let other = refusal(&SandboxError::system("do this", Errno::EPERM));
        assert_eq!(
            (other.reason.as_str(), other.fix.as_str()),
            ("cannot do this: EPERM: Operation not permitted", "")
        );
    }
}

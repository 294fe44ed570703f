//! How control groups are laid out on this host and which of them this process may use.

use std::fs::File;
use std::path::{Path, PathBuf};

use super::files::HostFiles;

/// The control groups of this host.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cgroups {
    /// Where the version 2 tree is mounted, and the controllers it has.
    pub v2: Option<V2Tree>,
    /// Controllers that have a version 1 tree of their own.
    pub v1: Vec<String>,
}

/// The version 2 tree.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct V2Tree {
    /// The folder of the group this process is in.
    pub own_group: PathBuf,
    /// The controllers of that group.
    pub controllers: Vec<String>,
    /// Whether `memory.peak`, `pids.peak` and `cgroup.kill` exist there.
    pub files: Vec<String>,
}

impl Cgroups {
    pub(super) fn read(files: &HostFiles, mountinfo: &str) -> Self {
        let memberships = files.text("/proc/self/cgroup").unwrap_or_default();
        let v2 = own_group(mountinfo, &memberships).map(|own_group| {
            let folder = own_group.to_string_lossy().into_owned();
            let controllers = files.text(&format!("{folder}/cgroup.controllers")).unwrap_or_default();
            V2Tree {
                own_group,
                controllers: controllers.split_whitespace().map(str::to_owned).collect(),
                files: files.names(&folder),
            }
        });
        Self { v2, v1: v1_controllers(mountinfo) }
    }

    /// The folder of this process's own version 2 group, opened.
    pub(super) fn open_own_group(&self) -> Option<File> {
        File::open(&self.v2.as_ref()?.own_group).ok()
    }
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
        let cgroups = Cgroups::read(&host, HYBRID);
        assert_eq!(cgroups.v1, ["cpu", "cpuacct", "memory"]);
        let v2 = cgroups.v2.unwrap();
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
                (&format!("{group}/memory.peak"), "0\n"),
            ]);
            let v2 = Cgroups::read(&host, mountinfo).v2.unwrap();
            assert_eq!(v2.own_group, Path::new(group));
            assert_eq!(v2.controllers, ["cpu", "memory", "pids"]);
            assert_eq!(v2.files, ["cgroup.controllers", "memory.peak"]);
        }
        assert_eq!(Cgroups::read(&host_with(&[]).1, "").v2, None);
    }
}

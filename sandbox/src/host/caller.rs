//! Who runs Dayfly, with which rights, and inside of what.

use nix::unistd::{Group, User, getegid, geteuid, getgroups};

use super::files::HostFiles;

/// The first of the user ids that sandboxes get when Dayfly may choose them, and how many one sandbox gets.
const FIRST_ID: u64 = 0x7000_0000;
const IDS_OF_A_SANDBOX: u64 = 65_536;

/// Numbers of the capabilities that matter here.
const CAP_SETGID: u32 = 6;
const CAP_SETUID: u32 = 7;
const CAP_SYS_ADMIN: u32 = 21;

/// Who runs Dayfly, with which rights, and inside of what.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Caller {
    /// Effective user id.
    pub uid: u32,
    /// May mount and make groups without a user namespace of its own.
    pub admin: bool,
    /// May give each sandbox a range of user ids that nobody else has.
    pub own_ids: bool,
    /// Groups this process is in beside its own, by name where they have one. Without root nobody can leave them.
    pub other_groups: Vec<String>,
    /// A seccomp filter lies on this process already, as in a container.
    pub filtered: bool,
    /// The kind of container this runs in, where it is known.
    pub container: Option<String>,
    /// systemd runs this host.
    pub systemd: bool,
    /// This user has a systemd of its own, which can delegate a cgroup.
    pub user_manager: bool,
    /// Ids set aside for this user in `/etc/subuid`.
    pub subordinate_ids: u64,
    /// `newuidmap` and `newgidmap` are installed.
    pub id_map_tools: bool,
}

impl Caller {
    pub(super) fn probe(files: &HostFiles) -> Self {
        let uid = geteuid();
        let name = User::from_uid(uid).ok().flatten().map(|user| user.name);
        let status = files.text("/proc/self/status").unwrap_or_default();
        let ids_mapped = ["/proc/self/uid_map", "/proc/self/gid_map"]
            .iter()
            .all(|map| files.text(map).is_some_and(|map| covers(&map, FIRST_ID, IDS_OF_A_SANDBOX)));
        let may_map = has_capability(&status, CAP_SETUID) && has_capability(&status, CAP_SETGID);
        Self {
            uid: uid.as_raw(),
            admin: has_capability(&status, CAP_SYS_ADMIN),
            own_ids: may_map && ids_mapped,
            other_groups: other_groups(),
            filtered: field(&status, "Seccomp").is_some_and(|mode| mode != "0"),
            container: container(files),
            systemd: files.exists("/run/systemd/system"),
            user_manager: files.exists(&format!("/run/user/{uid}/systemd/private")),
            subordinate_ids: files
                .text("/etc/subuid")
                .map_or(0, |text| subordinate_ids(&text, name.as_deref(), uid.as_raw())),
            id_map_tools: ["newuidmap", "newgidmap"].iter().all(|tool| installed(files, tool)),
        }
    }
}

fn other_groups() -> Vec<String> {
    let named = |group: Group| group.name;
    getgroups()
        .unwrap_or_default()
        .into_iter()
        .filter(|group| *group != getegid())
        .map(|group| Group::from_gid(group).ok().flatten().map_or_else(|| group.to_string(), named))
        .collect()
}

fn installed(files: &HostFiles, tool: &str) -> bool {
    ["/usr/bin", "/bin", "/usr/local/bin"].iter().any(|folder| files.exists(&format!("{folder}/{tool}")))
}

/// One field of `/proc/self/status`.
fn field<'a>(status: &'a str, name: &str) -> Option<&'a str> {
    status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
}

fn has_capability(status: &str, number: u32) -> bool {
    let effective = field(status, "CapEff").and_then(|set| u64::from_str_radix(set, 16).ok());
    effective.is_some_and(|set| set >> number & 1 == 1)
}

/// Whether the lines of an id map (`inside outside count`) hold all of these inside ids.
fn covers(map: &str, first: u64, count: u64) -> bool {
    let mut ranges: Vec<(u64, u64)> = map
        .lines()
        .filter_map(|line| {
            let mut numbers = line.split_whitespace().map(str::parse::<u64>);
            let (inside, _, length) = (numbers.next()?.ok()?, numbers.next()?.ok()?, numbers.next()?.ok()?);
            Some((inside, inside.saturating_add(length)))
        })
        .collect();
    ranges.sort_unstable();
    let end = ranges.into_iter().fold(first, |next, (start, end)| match (start..end).contains(&next) {
        true => end,
        false => next,
    });
    end >= first + count
}

/// How many ids `/etc/subuid` sets aside for a user, who is listed by name or by number.
fn subordinate_ids(subuid: &str, name: Option<&str>, uid: u32) -> u64 {
    let uid = uid.to_string();
    let count = |line: &str| {
        let (owner, range) = line.split_once(':')?;
        let (_, count) = range.split_once(':')?;
        (Some(owner) == name || owner == uid).then(|| count.trim().parse::<u64>().ok()).flatten()
    };
    subuid.lines().filter_map(count).sum()
}

/// The kind of container, by the marks that container managers leave.
fn container(files: &HostFiles) -> Option<String> {
    let told = files.text("/run/systemd/container").filter(|kind| !kind.is_empty());
    let marks = [("/.dockerenv", "docker"), ("/run/.containerenv", "podman")];
    let marked = || marks.iter().find(|(mark, _)| files.exists(mark)).map(|(_, kind)| (*kind).to_owned());
    let kubernetes = "/var/run/secrets/kubernetes.io";
    told.or_else(|| files.exists(kubernetes).then(|| "kubernetes".to_owned())).or_else(marked)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::files::tests::host_with;

    #[test]
    fn id_maps_cover_by_the_table() {
        for (map, covered) in [
            ("0 0 4294967295", true),
            ("0 100000 65536", false),
            ("0 0 1\n1879048192 5 65536", true),
            ("1879048192 5 65535", false),
            ("1879080960 9 32768\n1879048192 5 32768", true),
            ("", false),
            ("x y z", false),
        ] {
            assert_eq!(covers(map, FIRST_ID, IDS_OF_A_SANDBOX), covered, "{map}");
        }
    }

    #[test]
    fn capabilities_are_read_from_the_status() {
        let status = "Name:\tx\nCapPrm:\t0000000000000000\nCapEff:\t00000000000000c0\nSeccomp:\t2\n";
        assert!(has_capability(status, CAP_SETGID) && has_capability(status, CAP_SETUID));
        assert!(!has_capability(status, CAP_SYS_ADMIN) && !has_capability("", CAP_SYS_ADMIN));
        assert_eq!(field(status, "Seccomp"), Some("2"));
    }

    #[test]
    fn subordinate_ids_are_the_sum_of_the_users_lines() {
        let text = "root:1:2\nann:100000:65536\nanna:1:7\n1000:300000:10\nbad\nann:x:y\n";
        assert_eq!(subordinate_ids(text, Some("ann"), 1000), 65_546);
        assert_eq!(subordinate_ids(text, None, 7), 0);
    }

    #[test]
    fn containers_are_known_by_their_marks() {
        for (files, kind) in [
            (&[("/.dockerenv", "")][..], Some("docker")),
            (&[("/run/.containerenv", "")], Some("podman")),
            (&[("/run/systemd/container", "lxc\n"), ("/.dockerenv", "")], Some("lxc")),
            (&[("/var/run/secrets/kubernetes.io/token", "")], Some("kubernetes")),
            (&[], None),
        ] {
            let (_folder, host) = host_with(files);
            assert_eq!(container(&host).as_deref(), kind);
        }
    }
}

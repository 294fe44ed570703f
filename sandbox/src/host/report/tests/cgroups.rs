//! Findings about control groups.

use super::*;
use crate::host::Refusal;

fn refusal() -> Refusal {
    Refusal { reason: "the reason".into(), fix: "the fix".into() }
}

fn groups(host: &mut HostSupport) -> &mut Groups {
    host.cgroups.groups.as_mut().unwrap()
}

#[test]
fn what_groups_cannot_do_is_told_with_their_own_fix() {
    for (host, id, standing, fix) in [
        (root(|h| groups(h).swap = Err(refusal())), "cgroup.swap", Standing::Missing, "the fix"),
        (root(|h| groups(h).cpu_quota = Err(refusal())), "cgroup.cpu_quota", Standing::Degraded, "the fix"),
        (root(|h| groups(h).cpu_set = Err(refusal())), "cgroup.cpu_set", Standing::Degraded, "the fix"),
        (
            root(|h| groups(h).peak_memory = false),
            "cgroup.memory_peak",
            Standing::Degraded,
            "run Linux 5.19 or later",
        ),
        (
            root(|h| groups(h).peak_processes = false),
            "cgroup.processes_peak",
            Standing::Degraded,
            "run Linux 6.1 or later",
        ),
        (
            root(|h| groups(h).enter = fails(Step::IntoCgroup, Errno::EACCES)),
            "cgroup.groups",
            Standing::Missing,
            "docs/HOSTS.md, Control groups",
        ),
    ] {
        let check = find(&host, id);
        assert_eq!(check.standing, standing, "{check:?}");
        assert!(check.fix.starts_with(fix) || check.fix.contains(fix), "{check:?}");
    }
}

#[test]
fn groups_that_cannot_be_made_have_the_fix_for_who_asks() {
    let refused = |host: HostSupport| {
        let check = find(
            &root(|h| {
                *h = host;
                h.cgroups.groups = Err(refusal());
            }),
            "cgroup.groups",
        );
        assert_eq!((check.standing, check.found.as_str()), (Standing::Missing, "the reason"));
        check.fix
    };
    assert_eq!(refused(good()), "the fix");
    assert_eq!(refused(user(|h| h.cgroups.v1 = vec!["memory".into()])), "the fix");
    assert!(refused(user(|h| h.caller.user_manager = true)).starts_with("systemd-run --user --scope"));
    assert!(refused(user(|h| h.caller.systemd = true)).contains("loginctl enable-linger 1000"));
    assert!(refused(user(|_| ())).starts_with("run as root"));
}

#[test]
fn a_host_without_control_groups_is_told() {
    told([(
        root(|h| (h.cgroups.v2, h.cgroups.v1) = (None, Vec::new())),
        "cgroup.layout",
        Standing::Missing,
        "mount -t cgroup2",
    )]);
}

#[test]
fn the_layout_names_every_hierarchy() {
    let hybrid = root(|h| {
        h.cgroups.v1 = vec!["memory".into(), "pids".into()];
        h.cgroups.v2 = Some(V2Tree::default());
    });
    assert_eq!(
        find(&hybrid, "cgroup.layout").found,
        "version 1 (memory, pids) and version 2 (no controllers)"
    );
    assert_eq!(find(&good(), "cgroup.layout").found, "version 2 (cpu, memory, pids)");
}

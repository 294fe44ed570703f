//! Findings whose fix depends on the cause.

use super::*;

#[test]
fn user_namespaces_have_the_fix_for_their_cause() {
    let denied = fails(Step::UserNamespace, Errno::EPERM);
    for (host, fix) in [
        (user(|h| h.settings.max_user_namespaces = Some(0)), "user.max_user_namespaces=15000"),
        (user(|h| h.settings.unprivileged_userns = Some(false)), "kernel.unprivileged_userns_clone=1"),
        (user(|h| h.settings.apparmor_restricts_userns = Some(true)), "docs/HOSTS.md, Ubuntu"),
        (
            user(|h| {
                h.caller.filtered = true;
                h.caller.container = Some("kubernetes".into());
            }),
            "seccompProfile.type: Unconfined",
        ),
        (user(|h| h.caller.filtered = true), "RestrictNamespaces="),
        (user(|_| ()), "leave the chroot"),
        (root(|_| ()), "leave the chroot"),
    ] {
        let host = HostSupport { namespaces: Namespaces { user: denied, ..host.namespaces.clone() }, ..host };
        let check = find(&host, "isolation.user_namespace");
        assert_eq!(check.standing, Standing::Missing);
        assert!(check.fix.contains(fix), "{check:?}");
    }
    for (tried, fix) in [
        (fails(Step::UserNamespace, Errno::EINVAL), "CONFIG_USER_NS"),
        (fails(Step::UserNamespace, Errno::ENOSPC), "nested"),
        (fails(Step::IdMaps, Errno::EPERM), "SETFCAP"),
    ] {
        let check = find(&root(|h| h.namespaces.user = tried), "isolation.user_namespace");
        assert!(check.fix.contains(fix), "{check:?}");
    }
}

#[test]
fn without_user_namespaces_everything_in_them_has_their_fix() {
    let none = fails(Step::UserNamespace, Errno::ENOSPC);
    let host = user(|h| {
        h.settings.max_user_namespaces = Some(0);
        h.namespaces.user = none;
        h.namespaces.net = none;
        h.namespaces.fresh_proc = none;
        h.mounts.by_descriptor = none;
        h.mounts.overlay = none;
    });
    for id in [
        "isolation.user_namespace",
        "isolation.net_namespace",
        "isolation.proc",
        "isolation.overlay",
        "kernel.mount_calls",
    ] {
        assert_eq!(find(&host, id).fix, "sudo sysctl -w user.max_user_namespaces=15000", "{id}");
    }
}

/// Ubuntu lets anyone make a user namespace and gives it no power.
#[test]
fn powerless_user_namespaces_are_found_at_the_next_step() {
    let host = user(|h| {
        h.settings.apparmor_restricts_userns = Some(true);
        h.namespaces.net = fails(Step::Namespace, Errno::EPERM);
    });
    let check = find(&host, "isolation.net_namespace");
    assert_eq!(check.standing, Standing::Missing);
    assert_eq!(check.found, "cannot make the namespace: Operation not permitted");
    assert!(check.fix.contains("AppArmor profile"), "{check:?}");
}

#[test]
fn a_covered_proc_is_told_apart_from_a_forbidden_mount() {
    let covered = |kind: Option<&str>| {
        let host = root(|h| {
            h.namespaces.fresh_proc = fails(Step::MountProc, Errno::EPERM);
            h.mounts.covering_proc = vec!["/proc/kcore".into()];
            h.caller.container = kind.map(str::to_owned);
        });
        let check = find(&host, "isolation.proc");
        assert!(check.found.contains("covered"), "{check:?}");
        check.fix
    };
    assert!(covered(Some("docker")).contains("systempaths=unconfined"));
    assert!(covered(Some("podman")).contains("unmask=ALL"));
    assert!(covered(Some("kubernetes")).contains("procMount: Unmasked"));
    assert!(covered(None).contains("/proc/kcore"));
    let other =
        find(&root(|h| h.namespaces.fresh_proc = fails(Step::Namespace, Errno::ENOSPC)), "isolation.proc");
    assert!(!other.found.contains("covered") && other.fix.contains("/proc/sys/user/"), "{other:?}");
}

#[test]
fn what_isolation_lacks_is_told() {
    use Standing::{Degraded, Missing};
    told([
        (root(|h| h.confinement.landlock = None), "isolation.landlock", Degraded, "lsm=landlock"),
        (
            root(|h| h.confinement.notification = fails(Step::SeccompListener, Errno::EBUSY)),
            "isolation.seccomp_notification",
            Missing,
            "an outer filter listens already",
        ),
        (
            root(|h| h.confinement.notification = fails(Step::SeccompAction, Errno::EOPNOTSUPP)),
            "isolation.seccomp_notification",
            Missing,
            "Linux 5.0",
        ),
        (root(|h| h.caller.own_ids = false), "isolation.user_ids", Missing, "SETUID and SETGID"),
        (user(|_| ()), "isolation.user_ids", Degraded, "run Dayfly as root"),
        (
            user(|h| h.caller.other_groups = vec!["docker".into()]),
            "isolation.groups",
            Degraded,
            "who is in no other groups",
        ),
        (
            root(|h| h.mounts.id_mapped_usr = Some(fails(Step::IdMapping, Errno::EINVAL))),
            "isolation.id_mapped_binds",
            Degraded,
            "ext4",
        ),
        (
            root(|h| h.mounts.id_mapped_tmpfs = Some(fails(Step::IdMapping, Errno::EINVAL))),
            "isolation.id_mapped_binds",
            Degraded,
            "Linux 6.3 or later",
        ),
        (
            root(|h| h.mounts.overlay = fails(Step::MountOverlay, Errno::ENODEV)),
            "isolation.overlay",
            Degraded,
            "Linux 5.11",
        ),
    ]);
}

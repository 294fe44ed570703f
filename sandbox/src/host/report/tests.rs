//! Tables from facts to findings.

mod cgroups;
mod isolation;
mod timing;

use std::collections::BTreeSet;

use dayfly_jobs::{Bytes, Check, Standing};
use nix::errno::Errno;

use crate::Layout;
use crate::host::{
    Caller, Cgroups, Confinement, Failed, Groups, HostSupport, Mounts, Namespaces, Processes, Settings, Step,
    Timing, Tried, V2Tree,
};

/// A host on which all is well, as root.
fn good() -> HostSupport {
    let works = Tried::Works;
    HostSupport {
        kernel: "6.12.0".into(),
        machine: "x86_64",
        caller: Caller { admin: true, own_ids: true, ..Caller::default() },
        settings: Settings {
            max_user_namespaces: Some(1000),
            core_pattern: Some("core".into()),
            protected_hardlinks: Some(true),
            protected_symlinks: Some(true),
            unprivileged_bpf_disabled: Some(true),
            ..Settings::default()
        },
        namespaces: Namespaces {
            user: works,
            mount: works,
            pid: works,
            net: works,
            ipc: works,
            uts: works,
            cgroup: works,
            time: works,
            fresh_proc: works,
        },
        mounts: Mounts {
            by_descriptor: works,
            overlay: works,
            id_mapped_root: Some(works),
            id_mapped_tmpfs: Some(works),
            covering_proc: Vec::new(),
        },
        processes: Processes { pidfd: works, clone3: works },
        confinement: Confinement { filter: works, notification: works, landlock: Some(6) },
        cgroups: Cgroups {
            v2: Some(V2Tree {
                own_group: "/sys/fs/cgroup/a".into(),
                controllers: ["cpu", "memory", "pids"].map(str::to_owned).into(),
            }),
            v1: Vec::new(),
            groups: Ok(Groups {
                layout: Layout::V2,
                enter: works,
                peak_memory: true,
                peak_processes: true,
                swap: Ok(()),
                cpu_quota: Ok(()),
                cpu_set: Ok(()),
            }),
        },
        timing: Timing::default(),
    }
}

/// The good host of an ordinary user, changed.
fn user(change: impl FnOnce(&mut HostSupport)) -> HostSupport {
    let mut host = good();
    host.caller = Caller { uid: 1000, ..Caller::default() };
    (host.mounts.id_mapped_root, host.mounts.id_mapped_tmpfs) = (None, None);
    change(&mut host);
    host
}

/// The good host, changed.
fn root(change: impl FnOnce(&mut HostSupport)) -> HostSupport {
    let mut host = good();
    change(&mut host);
    host
}

fn fails(step: Step, errno: Errno) -> Tried {
    Tried::Fails(Failed { step, errno })
}

fn find(host: &HostSupport, id: &str) -> Check {
    let found = host.report().checks.into_iter().find(|check| check.id == id);
    found.unwrap_or_else(|| panic!("no check {id}"))
}

#[test]
fn a_good_host_has_nothing_to_mend() {
    let report = good().report();
    assert!(report.is_usable());
    for check in report.checks {
        assert_eq!(
            (check.standing, check.lost.as_str(), check.fix.as_str()),
            (Standing::Ok, "", ""),
            "{}",
            check.id
        );
    }
}

#[test]
fn ids_are_unique_and_carry_their_group() {
    let ids: Vec<_> = good().report().checks.into_iter().map(|check| check.id).collect();
    assert_eq!(ids.len(), ids.iter().collect::<BTreeSet<_>>().len());
    for id in ids {
        let group = id.split('.').next();
        assert!(
            group.is_some_and(|group| ["kernel", "isolation", "cgroup", "timing"].contains(&group)),
            "{id}"
        );
    }
}

#[test]
fn what_is_wrong_names_what_is_lost_and_the_fix() {
    use Standing::{Degraded, Missing};
    let eperm = |step| fails(step, Errno::EPERM);
    for (host, id, standing, fix) in [
        (
            root(|h| h.settings.core_pattern = Some("|/usr/bin/handler %p".into())),
            "kernel.core_pattern",
            Degraded,
            "sudo sysctl -w kernel.core_pattern=core",
        ),
        (
            root(|h| {
                h.settings.protected_hardlinks = Some(false);
                h.settings.protected_symlinks = Some(false);
            }),
            "kernel.links",
            Degraded,
            "sudo sysctl -w fs.protected_hardlinks=1 fs.protected_symlinks=1",
        ),
        (
            root(|h| h.settings.unprivileged_bpf_disabled = Some(false)),
            "kernel.bpf",
            Degraded,
            "kernel.unprivileged_bpf_disabled=2",
        ),
        (
            root(|h| h.processes.clone3 = fails(Step::Clone3, Errno::ENOSYS)),
            "kernel.clone3",
            Missing,
            "run Linux 5.3 or later (this is 6.12.0)",
        ),
        (
            root(|h| {
                h.processes.pidfd = eperm(Step::OpenPidfd);
                h.caller.filtered = true;
                h.caller.container = Some("docker".into());
            }),
            "kernel.pidfd",
            Missing,
            "--security-opt seccomp=unconfined",
        ),
        (
            root(|h| h.mounts.by_descriptor = fails(Step::MountAttributes, Errno::ENOSYS)),
            "kernel.mount_calls",
            Missing,
            "run Linux 5.12 or later",
        ),
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
            root(|h| h.mounts.id_mapped_root = Some(fails(Step::IdMapping, Errno::EINVAL))),
            "isolation.id_mapped_binds",
            Degraded,
            "ext4",
        ),
        (
            root(|h| h.mounts.id_mapped_tmpfs = Some(fails(Step::IdMapping, Errno::EINVAL))),
            "isolation.id_mapped_binds",
            Degraded,
            "run Linux 6.3 or later",
        ),
        (
            root(|h| h.mounts.overlay = fails(Step::MountOverlay, Errno::ENODEV)),
            "isolation.overlay",
            Degraded,
            "Linux 5.11",
        ),
        (
            root(|h| (h.cgroups.v2, h.cgroups.v1) = (None, Vec::new())),
            "cgroup.layout",
            Missing,
            "mount -t cgroup2",
        ),
        (root(|h| h.timing.swap = Bytes::gib(2)), "timing.swap", Degraded, "sudo swapoff -a"),
        (root(|h| h.timing.smt = Some(true)), "timing.smt", Degraded, "smt/control"),
        (root(|h| h.timing.turbo = Some(true)), "timing.turbo", Degraded, "no_turbo"),
        (root(|h| h.timing.hybrid_cores = true), "timing.cores", Degraded, "--cpus pin:"),
        (
            root(|h| h.timing.governors = BTreeSet::from(["powersave".into()])),
            "timing.governor",
            Degraded,
            "performance",
        ),
        (root(|h| h.timing.huge_pages = Some("always".into())), "timing.huge_pages", Degraded, "madvise"),
    ] {
        let check = find(&host, id);
        assert_eq!(check.standing, standing, "{check:?}");
        assert!(check.fix.contains(fix), "{check:?}");
        assert!(!check.lost.is_empty() && !check.found.is_empty(), "{check:?}");
        assert_eq!(host.report().is_usable(), standing == Degraded);
    }
}

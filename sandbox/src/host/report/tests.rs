//! Tables from facts to findings.

mod cgroups;
mod isolation;
mod kernel;
mod timing;

use std::collections::BTreeSet;

use dayfly_jobs::{Check, Standing};
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
            id_mapped_usr: Some(works),
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
    (host.mounts.id_mapped_usr, host.mounts.id_mapped_tmpfs) = (None, None);
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

/// What is wrong must be told with how bad it is, what is lost and this fix.
fn told(findings: impl IntoIterator<Item = (HostSupport, &'static str, Standing, &'static str)>) {
    for (host, id, standing, fix) in findings {
        let check = find(&host, id);
        assert_eq!(check.standing, standing, "{check:?}");
        assert!(check.fix.contains(fix), "{check:?}");
        assert!(!check.lost.is_empty() && !check.found.is_empty(), "{check:?}");
        assert_eq!(host.report().is_usable(), standing == Standing::Degraded);
    }
}

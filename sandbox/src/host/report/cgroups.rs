//! Findings about control groups, which enforce most limits.

use dayfly_jobs::Check;

use super::{Trial, degraded, fixes, missing, ok};
use crate::Layout;
use crate::host::{Cgroups, Groups, HostSupport, Refusal};

/// What is lost without groups.
const EVERY_JAIL: &str = "every jail: its limits on memory, processes and CPU time";

pub(super) fn checks(host: &HostSupport) -> Vec<Check> {
    let mut checks = vec![layout(&host.cgroups)];
    match &host.cgroups.groups {
        Ok(groups) => checks.extend(facilities(groups)),
        Err(refusal) => {
            let fix = fixes::groups(host, refusal);
            checks.push(missing("cgroup.groups", refusal.reason.as_str(), EVERY_JAIL, fix));
        }
    }
    checks
}

fn layout(cgroups: &Cgroups) -> Check {
    let v1 = (!cgroups.v1.is_empty()).then(|| format!("version 1 ({})", cgroups.v1.join(", ")));
    let v2 = cgroups.v2.as_ref().map(|tree| match tree.controllers.is_empty() {
        true => "version 2 (no controllers)".to_owned(),
        false => format!("version 2 ({})", tree.controllers.join(", ")),
    });
    match [v1, v2].into_iter().flatten().collect::<Vec<_>>() {
        none if none.is_empty() => missing(
            "cgroup.layout",
            "no control groups are mounted",
            EVERY_JAIL,
            "sudo mount -t cgroup2 none /sys/fs/cgroup",
        ),
        mounted => ok("cgroup.layout", mounted.join(" and ")),
    }
}

fn facilities(groups: &Groups) -> [Check; 6] {
    let works = match groups.layout {
        Layout::V1 => "groups of version 1 can be made and entered",
        Layout::V2 => "groups of version 2 can be made and entered (CLONE_INTO_CGROUP)",
    };
    let enter = Trial { id: "cgroup.groups", tried: groups.enter, works, lost: EVERY_JAIL };
    let quota = "shares of processors (--cpus 0.5)";
    let set = "choice of processors (--cpus pin:0)";
    [
        enter.needed(|| "see docs/HOSTS.md, Control groups; version 2 needs Linux 5.7 or later".into()),
        facility("cgroup.swap", &groups.swap, "jobs stay out of swap", |reason, fix| {
            missing("cgroup.swap", reason, "the limit memory, so every jail", fix)
        }),
        facility("cgroup.cpu_quota", &groups.cpu_quota, quota, |reason, fix| {
            degraded("cgroup.cpu_quota", reason, quota, fix)
        }),
        facility("cgroup.cpu_set", &groups.cpu_set, set, |reason, fix| {
            degraded("cgroup.cpu_set", reason, set, fix)
        }),
        peak("cgroup.memory_peak", groups.peak_memory, "memory", "5.19"),
        peak("cgroup.processes_peak", groups.peak_processes, "processes", "6.1"),
    ]
}

fn facility(
    id: &str,
    has: &Result<(), Refusal>,
    works: &str,
    otherwise: impl FnOnce(&str, &str) -> Check,
) -> Check {
    match has {
        Ok(()) => ok(id, works),
        Err(Refusal { reason, fix }) => otherwise(reason, fix),
    }
}

fn peak(id: &str, recorded: bool, what: &str, since: &str) -> Check {
    match recorded {
        true => ok(id, format!("the peak of {what} is recorded")),
        false => degraded(
            id,
            format!("the peak of {what} is not recorded"),
            format!("the peak of {what} in results"),
            format!("run Linux {since} or later"),
        ),
    }
}

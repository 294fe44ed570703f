//! Findings about control groups, which enforce most limits.

use dayfly_jobs::Check;

use super::{missing, ok};
use crate::host::{Cgroups, HostSupport};

/// What a version 1 host must have mounted, and a version 2 group must be given.
const NEEDED: [&str; 2] = ["memory", "pids"];

pub(super) fn checks(host: &HostSupport) -> Vec<Check> {
    vec![layout(&host.cgroups)]
}

fn layout(cgroups: &Cgroups) -> Check {
    let has_needed = |controllers: &[String]| {
        NEEDED.iter().all(|needed| controllers.iter().any(|controller| controller == needed))
    };
    let v1 = has_needed(&cgroups.v1).then(|| format!("version 1 ({})", cgroups.v1.join(", ")));
    let v2 = cgroups.v2.as_ref().map(|tree| match tree.controllers.is_empty() {
        true => "version 2 (no controllers)".to_owned(),
        false => format!("version 2 ({})", tree.controllers.join(", ")),
    });
    match (v1, v2) {
        (None, None) => missing(
            "cgroup.layout",
            "no control groups are mounted",
            "the limits memory, processes, cpu-time and cpus",
            "sudo mount -t cgroup2 none /sys/fs/cgroup",
        ),
        (v1, v2) => ok("cgroup.layout", [v1, v2].into_iter().flatten().collect::<Vec<_>>().join(" and ")),
    }
}

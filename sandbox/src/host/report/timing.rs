//! Findings about how steady times are. None of them keeps a job from running.

use dayfly_jobs::{Bytes, Check, Standing, WallTime};

use super::{degraded, ok};
use crate::host::{HostSupport, Jitter};

/// More of the time lost than this, in thousandths, or more at once, is noise.
const QUIET_LOSS: u64 = 5;
const QUIET_GAP: WallTime = WallTime::millis(5);

/// The finding of a measurement, and the grade that follows from it and from the settings.
pub(super) fn graded(settings: &[Check], jitter: Jitter) -> Vec<Check> {
    let jitter = measured(jitter);
    let grade = grade(settings, &jitter);
    vec![jitter, grade]
}

fn measured(jitter: Jitter) -> Check {
    let (id, lost) = ("timing.jitter", jitter.lost_per_mille());
    let found = format!(
        "a busy program lost {}.{} % of {} ms, {}.{} ms at once",
        lost / 10,
        lost % 10,
        jitter.wall.as_micros() / 1000,
        jitter.longest_gap.as_micros() / 1000,
        jitter.longest_gap.as_micros() / 100 % 10,
    );
    match lost <= QUIET_LOSS && jitter.longest_gap <= QUIET_GAP {
        true => ok(id, found),
        false => degraded(
            id,
            found,
            "wall times that do not depend on what else runs",
            "stop other work on this host, or keep processors for Dayfly (isolcpus=, --cpus pin:LIST)",
        ),
    }
}

fn grade(settings: &[Check], jitter: &Check) -> Check {
    let unsteady: Vec<_> = settings
        .iter()
        .filter(|check| check.id.starts_with("timing.") && check.standing != Standing::Ok)
        .filter_map(|check| check.id.strip_prefix("timing."))
        .collect();
    match (jitter.standing, unsteady.is_empty()) {
        (Standing::Ok, true) => ok("timing.grade", "steady"),
        (Standing::Ok, false) => degraded(
            "timing.grade",
            format!("fair ({})", unsteady.join(", ")),
            "times of different runs and hosts that can be compared closely",
            "see docs/HOSTS.md, Timing",
        ),
        (Standing::Degraded | Standing::Missing, _) => degraded(
            "timing.grade",
            "noisy",
            "times that can be compared at all; CPU time still can, roughly",
            "stop other work on this host and measure again",
        ),
    }
}

pub(super) fn checks(host: &HostSupport) -> Vec<Check> {
    vec![swap(host), smt(host), governor(host), turbo(host), huge_pages(host), cores(host)]
}

fn swap(host: &HostSupport) -> Check {
    match host.timing.swap {
        swap if swap == Bytes::default() => ok("timing.swap", "none"),
        swap => degraded(
            "timing.swap",
            format!("{swap} of swap"),
            "steady times when memory is short: Dayfly's own pages and the page cache may be on disk (a job's are \
             not)",
            "sudo swapoff -a",
        ),
    }
}

fn smt(host: &HostSupport) -> Check {
    match host.timing.smt {
        Some(true) => degraded(
            "timing.smt",
            "two threads share each core",
            "CPU time that does not depend on the neighbour: up to half of a core's speed goes to the other \
             thread; caches leak between jobs",
            "echo off | sudo tee /sys/devices/system/cpu/smt/control",
        ),
        Some(false) => ok("timing.smt", "no thread shares a core"),
        None => ok("timing.smt", "not told by this host"),
    }
}

fn governor(host: &HostSupport) -> Check {
    let governors = &host.timing.governors;
    let names = governors.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    match governors.iter().all(|name| name == "performance") {
        true if governors.is_empty() => ok("timing.governor", "this host does not set frequencies"),
        true => ok("timing.governor", names),
        false => degraded(
            "timing.governor",
            names,
            "equal times for equal work: the first milliseconds run at a low frequency",
            "sudo cpupower frequency-set -g performance",
        ),
    }
}

fn turbo(host: &HostSupport) -> Check {
    match host.timing.turbo {
        Some(true) => degraded(
            "timing.turbo",
            "on",
            "equal times for equal work: the frequency depends on heat and on how many cores are busy",
            "echo 1 | sudo tee /sys/devices/system/cpu/intel_pstate/no_turbo (elsewhere: echo 0 | sudo tee \
             /sys/devices/system/cpu/cpufreq/boost)",
        ),
        Some(false) => ok("timing.turbo", "off"),
        None => ok("timing.turbo", "not told by this host"),
    }
}

fn huge_pages(host: &HostSupport) -> Check {
    match host.timing.huge_pages.as_deref() {
        Some("always") => degraded(
            "timing.huge_pages",
            "always",
            "equal memory for equal work: a peak depends on whether the kernel found huge pages",
            "echo madvise | sudo tee /sys/kernel/mm/transparent_hugepage/enabled",
        ),
        Some(mode) => ok("timing.huge_pages", mode),
        None => ok("timing.huge_pages", "none"),
    }
}

fn cores(host: &HostSupport) -> Check {
    match host.timing.hybrid_cores {
        true => degraded(
            "timing.cores",
            "fast and slow cores",
            "equal times for equal work: they depend on the core a job lands on",
            "pin jobs to the fast cores: --cpus pin:LIST with LIST from /sys/devices/cpu_core/cpus",
        ),
        false => ok("timing.cores", "all cores alike"),
    }
}

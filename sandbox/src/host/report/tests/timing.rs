//! Findings about timing, and grades.

use dayfly_jobs::{Bytes, CpuTime, WallTime};

use super::*;
use crate::host::Jitter;

#[test]
fn a_host_is_graded_by_its_settings_and_its_noise() {
    let jitter = |lost_us: u64, gap_us| Jitter {
        wall: WallTime::millis(500),
        cpu: CpuTime::micros(500_000 - lost_us),
        longest_gap: WallTime::micros(gap_us),
    };
    let shaky = root(|h| h.timing.smt = Some(true));
    for (host, jitter, jitter_found, grade) in [
        (good(), jitter(600, 340), "a busy program lost 0.1 % of 500 ms, 0.3 ms at once", "steady"),
        (shaky.clone(), jitter(0, 0), "a busy program lost 0.0 % of 500 ms, 0.0 ms at once", "fair (smt)"),
        (good(), jitter(3_000, 0), "a busy program lost 0.6 % of 500 ms, 0.0 ms at once", "noisy"),
        (shaky, jitter(0, 5_001), "a busy program lost 0.0 % of 500 ms, 5.0 ms at once", "noisy"),
    ] {
        let checks = jitter.grade(&host.report());
        let found: Vec<_> = checks.iter().map(|check| check.found.as_str()).collect();
        assert_eq!(found, [jitter_found, grade]);
        assert_eq!(checks.iter().all(|check| check.standing == Standing::Ok), grade == "steady");
    }
}

#[test]
fn what_makes_times_unsteady_is_told() {
    use Standing::Degraded;
    told([
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
    ]);
}

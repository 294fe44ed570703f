//! A job can tighten its policy's limits, never widen them.

use dayfly_jobs::{Bytes, CpuTime, Limits, WallTime};
use dayfly_policies::{Policy, resolve};

use crate::loader::HEADER;

fn policy(ceilings: &str) -> std::sync::Arc<Policy> {
    Policy::parse(&format!("{HEADER}\n[ceilings]\n{ceilings}"), "test.toml").unwrap()
}

#[test]
fn limits_up_to_the_ceiling_are_granted() {
    let policy = policy("cpu_time = \"2s\"\nmemory = \"256M\"\nprocesses = 8");
    let limits = policy.default_limits().clone();
    resolve(&policy, &limits).unwrap();
    let tighter = Limits { cpu_time: CpuTime::millis(1), memory: Bytes::mib(1), ..limits };
    resolve(&policy, &tighter).unwrap();
}

#[test]
fn a_limit_above_a_ceiling_is_refused_with_both_values() {
    let policy = policy(
        "cpu_time = \"2s\"\nwall_time = \"5s\"\nmemory = \"256M\"\nprocesses = 8\ncpus = \"1.5\"\nidle_time = \"3s\"",
    );
    let fits = policy.default_limits().clone();
    for (limits, message) in [
        (
            Limits { cpu_time: CpuTime::millis(2001), ..fits.clone() },
            "cpu_time 2001ms is above the ceiling of policy 'test', 2s; ask for 2s or less",
        ),
        (
            Limits { wall_time: WallTime::secs(60), ..fits.clone() },
            "wall_time 1m is above the ceiling of policy 'test', 5s; ask for 5s or less",
        ),
        (
            Limits { memory: Bytes::gib(1), ..fits.clone() },
            "memory 1G is above the ceiling of policy 'test', 256M; ask for 256M or less",
        ),
        (
            Limits { processes: 9.try_into().unwrap(), ..fits.clone() },
            "processes 9 is above the ceiling of policy 'test', 8; ask for 8 or less",
        ),
        (
            Limits { cpus: Some("pin:0,1".parse().unwrap()), ..fits.clone() },
            "cpus pin:0,1 is above the ceiling of policy 'test', 1.5; ask for 1.5 or less",
        ),
        (
            Limits { cpus: None, ..fits.clone() },
            "cpus without limit is above the ceiling of policy 'test', 1.5; ask for 1.5 or less",
        ),
        (
            Limits { idle_time: None, ..fits.clone() },
            "idle_time without limit is above the ceiling of policy 'test', 3s; ask for 3s or less",
        ),
    ] {
        assert_eq!(resolve(&policy, &limits).unwrap_err().to_string(), message);
    }
}

#[test]
fn a_policy_must_keep_its_own_ceilings() {
    let error = Policy::parse(&format!("{HEADER}\n[ceilings]\nmemory = \"1M\""), "test.toml").unwrap_err();
    assert_eq!(error.to_string(), "memory 64M is above the ceiling of policy 'test', 1M; ask for 1M or less");
}

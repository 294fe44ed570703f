//! Version 2: what is written and read, on folders that look like groups; and, where a hierarchy of version
//! 2 is mounted even without controllers, what needs none of them.

mod delegated;

use std::fs::{self, read_to_string};
use std::os::unix::process::ExitStatusExt;

use dayfly_jobs::{Bytes, CpuTime, Enforcement, Limit, Limits, WallTime};

use super::super::tests::{limits, require_root, say, spawn, wait_until};
use super::*;
use crate::slot::SlotNumber;

const FILES: [(&str, &str); 12] = [
    ("cpu.stat", "usage_usec 9000\nuser_usec 6000\nsystem_usec 3000\nnr_throttled 1\nthrottled_usec 42\n"),
    ("memory.max", ""),
    ("memory.oom.group", ""),
    ("memory.swap.max", ""),
    ("memory.events", "low 0\noom 1\noom_kill 2\n"),
    ("memory.peak", "4096\n"),
    ("pids.max", ""),
    ("pids.peak", "3\n"),
    ("pids.events", "max 5\n"),
    ("cpu.max", ""),
    ("cpuset.cpus", ""),
    ("cgroup.events", "populated 1\nfrozen 0\n"),
];

fn name() -> GroupName {
    GroupName::new(SlotNumber::new(5).unwrap(), 1)
}

/// A folder that looks like a group, and the group.
fn fake(lacks: Vec<Lack>, swap_limit: bool) -> (tempfile::TempDir, V2Group) {
    let top = tempfile::tempdir().unwrap();
    let dir = top.path().join("slot-5.1");
    fs::create_dir(&dir).unwrap();
    for (file, text) in FILES {
        fs::write(dir.join(file), text).unwrap();
    }
    let parent = Arc::new(Dir::open(top.path()).unwrap());
    let group = V2Group::open(&parent, &name(), &Arc::new(Facts { lacks, swap_limit })).unwrap();
    (top, group)
}

#[test]
fn limits_are_written_and_named() {
    let (top, mut group) = fake(Vec::new(), true);
    let limits = Limits { cpus: Some("1.5".parse().unwrap()), ..limits() };
    let receipt = group.apply(&limits, &BTreeSet::new()).unwrap();
    for (file, value) in [
        ("memory.max", "67108864"),
        ("memory.oom.group", "1"),
        ("memory.swap.max", "0"),
        ("pids.max", "16"),
        ("cpu.max", "150000 100000"),
        ("cpuset.cpus", ""),
    ] {
        assert_eq!(read_to_string(top.path().join("slot-5.1").join(file)).unwrap(), value, "{file}");
    }
    let memory = "cgroup2 memory.max, memory.swap.max=0, memory.oom.group=1";
    assert_eq!(receipt.get(&Limit::Memory), Some(&Enforcement::Kernel(memory.into())));
}

#[test]
fn processors_the_kernel_leaves_out_are_an_error() {
    let (top, mut group) = fake(Vec::new(), true);
    let limits = Limits { cpus: Some("pin:0,7".parse().unwrap()), ..limits() };
    let effective = top.path().join("slot-5.1/cpuset.cpus.effective");
    fs::write(&effective, "0\n").unwrap();
    let error = group.apply(&limits, &BTreeSet::from([Limit::Cpus])).unwrap_err().to_string();
    assert!(error.contains("pin:0,7: of these processors only {0}"), "{error}");
    fs::write(&effective, "0,7\n").unwrap();
    assert!(group.apply(&limits, &BTreeSet::new()).unwrap().contains_key(&Limit::Cpus));
}

#[test]
fn what_is_lacking_is_refused_unless_waived_and_then_told() {
    let lacks = || vec![Lack::new(Facility::Swap, "swaps", "swapoff -a")];
    let (_top, mut group) = fake(lacks(), false);
    let error = group.apply(&limits(), &BTreeSet::from([Limit::Cpus])).unwrap_err().to_string();
    assert_eq!(error, "the limit memory cannot be enforced here: swaps; swapoff -a");
    let receipt = group.apply(&limits(), &BTreeSet::from([Limit::Memory])).unwrap();
    assert_eq!(receipt.get(&Limit::Memory), Some(&Enforcement::Waived("swaps".into())));
}

#[test]
fn counters_are_read_and_those_a_kernel_lacks_are_none() {
    let (top, group) = fake(Vec::new(), true);
    let stats = group.stats().unwrap();
    let expected = super::super::GroupStats {
        cpu: CpuTime::millis(9),
        user: CpuTime::millis(6),
        system: CpuTime::millis(3),
        peak_memory: Some(Bytes::kib(4)),
        peak_processes: Some(3),
        refused_processes: 5,
        oom_kills: 2,
        memory_limit_hit: true,
        throttled: WallTime::micros(42),
    };
    assert_eq!(stats, expected);
    fs::remove_file(top.path().join("slot-5.1/memory.peak")).unwrap();
    fs::remove_file(top.path().join("slot-5.1/pids.peak")).unwrap();
    let stats = group.stats().unwrap();
    assert_eq!((stats.peak_memory, stats.peak_processes), (None, None));
}

#[test]
fn a_counter_that_is_nonsense_is_an_error_with_its_place() {
    let (top, group) = fake(Vec::new(), true);
    fs::write(top.path().join("slot-5.1/memory.peak"), "many\n").unwrap();
    let error = group.stats().unwrap_err().to_string();
    assert!(error.contains("slot-5.1/memory.peak holds \"many\\n\" where bytes was expected"), "{error}");
}

/// A group at the top of the real hierarchy, where there is one.
fn real() -> Option<V2Group> {
    require_root()?;
    let mountinfo = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let Some(mount) = parse::unified_mounts(&mountinfo).pop() else {
        say("skipped: no hierarchy of version 2 is mounted");
        return None;
    };
    let parent = Arc::new(Dir::open(&mount.point).unwrap());
    let name = GroupName::new(SlotNumber::new(4095).unwrap(), std::process::id().into());
    parent.make(name.as_str()).unwrap();
    Some(V2Group::open(&parent, &name, &Arc::new(Facts { lacks: Vec::new(), swap_limit: false })).unwrap())
}

#[test]
fn the_kernel_kills_all_at_once_and_the_group_goes() {
    let Some(group) = real() else { return };
    let script = "for i in 1 2 3 4 5 6 7 8 9; do sleep 30 & done; while :; do :; done";
    let mut child = spawn(&group, script);
    wait_until("it uses CPU time", || group.cpu_time().unwrap() > CpuTime::millis(10));
    assert!(!group.is_empty().unwrap());
    group.kill().unwrap();
    assert_eq!(child.wait().unwrap().signal(), Some(9));
    Box::new(group).remove().unwrap();
}

//! Groups in a group, against the kernel of this machine.

use std::os::fd::{AsRawFd, RawFd};

use super::*;
use crate::Total;
use crate::cgroup::TotalGroup;

/// A total group that nothing is left of, whatever the test did, because its driver's bench sees to it.
fn total(bench: &Bench, limits: &Limits) -> Box<dyn TotalGroup> {
    let mut total = bench.driver.create_total(&bench.name(100)).unwrap();
    total.apply(&Total::of(limits), &BTreeSet::new()).unwrap();
    total
}

/// A group in it with the same limits.
fn command(bench: &Bench, total: &mut dyn TotalGroup, number: u64, limits: &Limits) -> Box<dyn Group> {
    let mut group = total.create(&bench.name(number), Wants::of(limits)).unwrap();
    group.apply(limits, &BTreeSet::new()).unwrap();
    group
}

/// Takes so many MiB and keeps them.
fn hold(group: &dyn Group, mib: u64) -> Child {
    let child = spawn(group, &format!("exec perl -e 'vec(my $x, ({mib} << 20) - 1, 8) = 1; sleep 30'"));
    wait_until("it has its memory, or died of it", || {
        let stats = group.stats().unwrap();
        stats.oom_kills > 0 || stats.peak_memory.unwrap() > Bytes::mib(mib)
    });
    child
}

#[test]
fn memory_of_all_groups_has_one_limit_and_all_die_of_it() {
    let Some(bench) = Bench::new() else { return };
    let limits = Limits { memory: Bytes::mib(32), ..limits() };
    let mut total = total(&bench, &limits);
    let first = command(&bench, &mut *total, 1, &limits);
    let mut one = hold(&*first, 18);
    assert!(!total.ran_out().unwrap());
    let second = command(&bench, &mut *total, 2, &limits);
    let mut other = hold(&*second, 18);
    wait_until("memory runs out", || total.ran_out().unwrap());
    // Where one process died of it, the other is killed by whoever asks. Both are ours to reap.
    let reap = std::thread::spawn(move || [one.wait().unwrap().signal(), other.wait().unwrap().signal()]);
    total.kill().unwrap();
    assert_eq!(reap.join().unwrap(), [Some(9), Some(9)]);
    total.ran_out().unwrap();
    assert!(!total.ran_out().unwrap(), "it is told once");
    // There is room again.
    let third = command(&bench, &mut *total, 3, &limits);
    let mut again = hold(&*third, 18);
    assert!(again.try_wait().unwrap().is_none());
    third.kill().unwrap();
    again.wait().unwrap();
    [first, second, third].into_iter().for_each(|group| group.remove().unwrap());
    total.remove().unwrap();
    assert!(bench.driver.groups().unwrap().is_empty());
}

#[test]
fn a_groups_own_limit_is_not_that_of_all() {
    let Some(bench) = Bench::new() else { return };
    let mut total = total(&bench, &limits());
    let group = command(&bench, &mut *total, 1, &Limits { memory: Bytes::mib(8), ..limits() });
    let mut child = spawn(&*group, "x=0123456789abcdef; while :; do x=$x$x; done");
    assert_eq!(child.wait().unwrap().signal(), Some(9));
    let stats = group.stats().unwrap();
    assert!(stats.oom_kills > 0 && stats.memory_limit_hit);
    assert!(!total.ran_out().unwrap());
    group.remove().unwrap();
    total.remove().unwrap();
}

#[test]
fn a_limit_above_is_nobodys_own() {
    let Some(bench) = Bench::new() else { return };
    let mut total = total(&bench, &limits());
    let group = command(&bench, &mut *total, 1, &limits());
    let above = above(&*group);
    let limit = if above.join("memory.max").exists() { "memory.max" } else { "memory.limit_in_bytes" };
    std::fs::write(above.join(limit), "16M").unwrap();
    let mut child = spawn(&*group, "exec perl -e 'vec(my $x, (32 << 20) - 1, 8) = 1'");
    assert_eq!(child.wait().unwrap().signal(), Some(9));
    let stats = group.stats().unwrap();
    assert!(stats.oom_kills > 0 && !stats.memory_limit_hit);
    assert!(!total.ran_out().unwrap());
    group.remove().unwrap();
    total.remove().unwrap();
}

/// The folder with the limit on memory of our parent, above the group of a command and the one over it.
fn above(group: &dyn Group) -> PathBuf {
    let path = |fd: RawFd| std::fs::read_link(format!("/proc/self/fd/{fd}")).unwrap();
    let mut folders: Vec<PathBuf> = match group.entry() {
        Entry::V1(tasks) => tasks.iter().map(|file| path(file.as_raw_fd())).collect(),
        Entry::V2(dir) => vec![path(dir.as_raw_fd()).join("tasks")],
    };
    folders.retain(|file| {
        ["memory.max", "memory.limit_in_bytes"].iter().any(|limit| file.with_file_name(limit).exists())
    });
    folders[0].ancestors().nth(3).unwrap().to_owned()
}

#[test]
fn memory_of_a_group_that_was_removed_stays_with_all() {
    let Some(bench) = Bench::new() else { return };
    let limits = Limits { memory: Bytes::mib(32), ..limits() };
    let mut total = total(&bench, &limits);
    let first = command(&bench, &mut *total, 1, &limits);
    let file = format!("/dev/shm/dayfly-test-{}", std::process::id());
    let mut write = spawn(&*first, &format!("head -c 18M /dev/zero >{file}"));
    assert!(write.wait().unwrap().success());
    first.remove().unwrap();
    let second = command(&bench, &mut *total, 2, &limits);
    let mut child = hold(&*second, 18);
    wait_until("memory runs out", || total.ran_out().unwrap());
    std::fs::remove_file(file).unwrap();
    second.kill().unwrap();
    child.wait().unwrap();
    second.remove().unwrap();
    total.remove().unwrap();
}

#[test]
fn processes_of_all_groups_have_one_limit() {
    let Some(bench) = Bench::new() else { return };
    let limits = Limits { processes: NonZeroU32::new(6).unwrap(), ..limits() };
    let mut total = total(&bench, &limits);
    let script = "for i in 1 2 3; do sleep 30 & done; wait";
    let first = command(&bench, &mut *total, 1, &limits);
    let mut one = spawn(&*first, script);
    wait_until("four are there", || first.stats().unwrap().peak_processes.is_none_or(|peak| peak == 4));
    let second = command(&bench, &mut *total, 2, &limits);
    let mut other = spawn(&*second, script);
    wait_until("a fork is refused", || {
        second.stats().unwrap().refused_processes > 0 || total.has_refused().unwrap()
    });
    assert!(!total.is_overfull().unwrap());
    let reap = std::thread::spawn(move || [one.wait().unwrap(), other.wait().unwrap()]);
    total.kill().unwrap();
    reap.join().unwrap();
    [first, second].into_iter().for_each(|group| group.remove().unwrap());
    total.remove().unwrap();
}

#[test]
fn cpu_time_of_removed_groups_counts_for_all() {
    let Some(bench) = Bench::new() else { return };
    let mut total = total(&bench, &limits());
    let mut used = CpuTime::default();
    for number in 1..4 {
        let group = command(&bench, &mut *total, number, &limits());
        let mut child = spawn(&*group, "i=0; while [ $i -lt 30000 ]; do i=$((i+1)); done");
        assert!(child.wait().unwrap().success());
        used = CpuTime::micros(used.as_micros() + group.cpu_time().unwrap().as_micros());
        group.remove().unwrap();
    }
    assert!(used > CpuTime::millis(3));
    assert!(total.cpu_time().unwrap() >= used);
    total.remove().unwrap();
}

#[test]
fn processors_are_limited_for_groups_that_have_no_such_limit() {
    let Some(bench) = Bench::new() else { return };
    let pinned = Limits { cpus: Some("pin:0".parse().unwrap()), ..limits() };
    let mut total = total(&bench, &pinned);
    let group = total.create(&bench.name(1), Wants::of(&pinned)).unwrap();
    let mut child = spawn(&*group, "grep -q 'Cpus_allowed_list:.0$' /proc/self/status");
    assert!(child.wait().unwrap().success());
    group.remove().unwrap();
    // Later wants of a command are met, too.
    let group = command(&bench, &mut *total, 2, &Limits { cpus: Some("0.5".parse().unwrap()), ..limits() });
    group.remove().unwrap();
    total.remove().unwrap();
}

#[test]
fn a_leftover_with_groups_in_it_makes_way() {
    let Some(bench) = Bench::new() else { return };
    let mut old = total(&bench, &limits());
    let group = command(&bench, &mut *old, 1, &limits());
    let mut child = spawn(&*group, "sleep 30 & wait");
    wait_until("it runs", || !group.is_empty().unwrap());
    drop((group, old));
    let new = total(&bench, &limits());
    assert_eq!(child.wait().unwrap().signal(), Some(9));
    new.remove().unwrap();
    assert!(bench.driver.groups().unwrap().is_empty());
}

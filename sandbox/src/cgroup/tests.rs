//! The drivers against the kernel of this machine. What cannot run here says why.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::num::{NonZeroU32, NonZeroU64};
use std::os::fd::OwnedFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use dayfly_jobs::{Bytes, CpuTime, Cpus, Enforcement, Limit, Limits, WallTime};
use nix::fcntl::{OFlag, openat};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::stat::Mode;

use super::{Driver, Entry, Group, GroupName, Layout, Wants};
use crate::slot::SlotNumber;

mod total;

/// A driver with a parent of its own that is removed at the end, whatever the test did.
pub(crate) struct Bench {
    pub(crate) driver: Arc<dyn Driver>,
    parent: PathBuf,
    slot: SlotNumber,
}

static NEXT: AtomicU16 = AtomicU16::new(0);

impl Bench {
    pub(crate) fn new() -> Option<Self> {
        require_root()?;
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let parent = PathBuf::from(format!("dayfly-test-{}-{number}", std::process::id()));
        let driver = super::detect(Some(&parent), &Default::default()).unwrap();
        Some(Self { driver, parent, slot: SlotNumber::new(number).unwrap() })
    }

    /// Another driver of the same parent, as another process has one.
    fn another(&self) -> Arc<dyn Driver> {
        super::detect(Some(&self.parent), &Default::default()).unwrap()
    }

    fn name(&self, number: u64) -> GroupName {
        GroupName::new(self.slot, number)
    }

    fn group(&self, limits: &Limits) -> Box<dyn Group> {
        let mut group = self.driver.create(&self.name(0), Wants::of(limits)).unwrap();
        group.apply(limits, &BTreeSet::new()).unwrap();
        group
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        for group in self.driver.groups().unwrap() {
            self.driver.remove_leftover(&group).unwrap();
        }
        assert!(self.driver.remove_parent().unwrap());
    }
}

/// `None`, said aloud, where there is no right to make groups. As root every host must have a driver.
pub(super) fn require_root() -> Option<()> {
    if nix::unistd::geteuid().is_root() {
        return Some(());
    }
    assert_ne!(std::env::var("DAYFLY_REQUIRE").as_deref(), Ok("all"), "skipped: not root");
    say("skipped: not root");
    None
}

/// Past the harness, which keeps to itself what a passing test prints.
pub(super) fn say(text: &str) {
    writeln!(std::io::stderr(), "{text}").unwrap();
}

pub(super) fn limits() -> Limits {
    Limits {
        cpu_time: CpuTime::secs(5),
        wall_time: WallTime::secs(5),
        idle_time: None,
        memory: Bytes::mib(64),
        processes: NonZeroU32::new(16).unwrap(),
        cpus: None,
        output: Bytes::mib(1),
        disk: Bytes::mib(1),
        inodes: NonZeroU64::new(100).unwrap(),
        open_files: NonZeroU32::new(64).unwrap(),
        stack: Bytes::mib(8),
        file_size: Bytes::mib(1),
    }
}

/// Runs a shell script in the group.
pub(crate) fn spawn(group: &dyn Group, script: &str) -> Child {
    let files: Vec<OwnedFd> = match group.entry() {
        Entry::V1(tasks) => tasks.iter().map(|file| file.try_clone().unwrap()).collect(),
        Entry::V2(dir) => {
            vec![openat(dir, "cgroup.procs", OFlag::O_WRONLY | OFlag::O_CLOEXEC, Mode::empty()).unwrap()]
        }
    };
    let mut command = Command::new("sh");
    command.args(["-c", script]).stdout(Stdio::null()).stderr(Stdio::null()).stdin(Stdio::null());
    let enter = move || {
        for file in &files {
            nix::unistd::write(file, b"0")?;
        }
        Ok(())
    };
    // SAFETY: between fork and exec it only writes to open descriptors.
    unsafe { command.pre_exec(enter) };
    command.spawn().unwrap()
}

pub(super) fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < Duration::from_secs(10), "{what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn counts_what_a_command_used() {
    let Some(bench) = Bench::new() else { return };
    let group = bench.group(&limits());
    assert!(group.is_empty().unwrap());
    let mut child = spawn(&*group, "i=0; while [ $i -lt 30000 ]; do i=$((i+1)); done; sleep 0 & wait");
    assert!(child.wait().unwrap().success());
    let stats = group.stats().unwrap();
    assert!(stats.cpu > CpuTime::millis(1) && stats.cpu < CpuTime::secs(5), "{stats:?}");
    assert_eq!(stats.user.as_micros() + stats.system.as_micros(), stats.cpu.as_micros());
    // The last steps of a dying process are counted a moment later.
    assert!(group.cpu_time().unwrap() >= stats.cpu);
    assert!(stats.peak_memory.unwrap() > Bytes::kib(50) && stats.peak_memory.unwrap() < Bytes::mib(16));
    assert!(matches!(stats.peak_processes, None | Some(2)), "{stats:?}");
    assert_eq!((stats.refused_processes, stats.oom_kills, group.is_empty().unwrap()), (0, 0, true));
    group.remove().unwrap();
    assert!(bench.driver.groups().unwrap().is_empty());
}

#[test]
fn a_memory_hog_is_killed_and_reported() {
    let Some(bench) = Bench::new() else { return };
    let group = bench.group(&Limits { memory: Bytes::mib(8), ..limits() });
    let mut child = spawn(&*group, "x=0123456789abcdef; while :; do x=$x$x; done");
    if let Some(event) = group.oom_event() {
        let mut fds = [PollFd::new(event, PollFlags::POLLIN)];
        assert_eq!(poll(&mut fds, PollTimeout::from(10_000_u16)).unwrap(), 1);
        group.kill().unwrap();
    }
    assert_eq!(child.wait().unwrap().signal(), Some(9));
    let stats = group.stats().unwrap();
    assert!(stats.oom_kills >= 1, "{stats:?}");
    assert!(stats.peak_memory.unwrap() <= Bytes::mib(8), "{stats:?}");
    group.remove().unwrap();
}

#[test]
fn forks_beyond_the_limit_are_refused_and_counted() {
    let Some(bench) = Bench::new() else { return };
    let group = bench.group(&Limits { processes: NonZeroU32::new(4).unwrap(), ..limits() });
    let mut child = spawn(&*group, "for i in 1 2 3 4 5 6 7 8; do sleep 30 & done; wait");
    wait_until("a fork is refused", || group.stats().unwrap().refused_processes > 0);
    let stats = group.stats().unwrap();
    assert!(matches!(stats.peak_processes, None | Some(4)), "{stats:?}");
    group.kill().unwrap();
    child.wait().unwrap();
    group.remove().unwrap();
}

#[test]
fn killing_a_fork_bomb_leaves_nothing_alive() {
    let Some(bench) = Bench::new() else { return };
    let group = bench.group(&Limits { processes: NonZeroU32::new(200).unwrap(), ..limits() });
    let mut child = spawn(&*group, "b() { b | b & }; while :; do b; done");
    wait_until("the bomb hits its limit", || group.stats().unwrap().refused_processes > 10);
    group.kill().unwrap();
    child.wait().unwrap();
    wait_until("all have died", || group.is_empty().unwrap());
    group.remove().unwrap();
    assert!(bench.driver.groups().unwrap().is_empty());
}

#[test]
fn a_leftover_of_the_same_name_is_killed_and_never_joined() {
    let Some(bench) = Bench::new() else { return };
    let old = bench.group(&limits());
    let mut child = spawn(&*old, "trap '' TERM; sleep 30 & wait");
    wait_until("it runs", || !old.is_empty().unwrap());
    drop(old);
    let new = bench.group(&limits());
    assert_eq!(child.wait().unwrap().signal(), Some(9));
    assert!(new.is_empty().unwrap());
    assert!(new.stats().unwrap().cpu < CpuTime::millis(1));
    new.remove().unwrap();
}

#[test]
fn a_parent_swept_away_is_made_again() {
    let Some(bench) = Bench::new() else { return };
    assert!(bench.driver.remove_parent().unwrap());
    let wants = Wants { cpu_quota: true, cpu_set: true };
    let group = bench.driver.create(&bench.name(1), wants).unwrap();
    assert!(!bench.driver.remove_parent().unwrap());
    assert_eq!(bench.driver.groups().unwrap(), BTreeSet::from([bench.name(1)]));
    group.remove().unwrap();
}

#[test]
fn who_lost_the_parent_to_a_sweep_removes_no_other() {
    let Some(bench) = Bench::new() else { return };
    let late = bench.another();
    assert!(bench.driver.remove_parent().unwrap());
    let claim = bench.driver.claim(bench.slot).unwrap();
    assert!(claim.is_some());
    assert!(late.remove_parent().unwrap());
    assert!(bench.another().claim(bench.slot).unwrap().is_none(), "the slot was given away twice");
}

#[test]
fn processors_are_limited_and_what_is_not_there_is_refused() {
    let Some(bench) = Bench::new() else { return };
    let group = bench.group(&Limits { cpus: Some("pin:0".parse().unwrap()), ..limits() });
    let mut child = spawn(&*group, "grep -q 'Cpus_allowed_list:.0$' /proc/self/status");
    assert!(child.wait().unwrap().success());
    group.remove().unwrap();

    let group = bench.group(&Limits { cpus: Some("0.1".parse().unwrap()), ..limits() });
    let start = Instant::now();
    let mut child = spawn(&*group, "while :; do :; done");
    wait_until("it is throttled", || group.stats().unwrap().throttled > WallTime::millis(50));
    let (cpu, wall) = (group.cpu_time().unwrap().as_duration(), start.elapsed());
    assert!(cpu < wall / 2, "{cpu:?} of {wall:?}");
    group.kill().unwrap();
    child.wait().unwrap();
    group.remove().unwrap();

    let limits = Limits { cpus: Some("pin:0,1023".parse().unwrap()), ..limits() };
    let mut group = bench.driver.create(&bench.name(2), Wants::of(&limits)).unwrap();
    let error = group.apply(&limits, &BTreeSet::from([Limit::Cpus])).unwrap_err();
    assert!(error.to_string().contains("the limit cpus cannot be pin:0,1023"), "{error}");
    group.remove().unwrap();
}

#[test]
fn every_limit_it_enforces_is_on_the_receipt() {
    let Some(bench) = Bench::new() else { return };
    let limits = Limits { cpus: Some(Cpus::Millis(NonZeroU32::new(500).unwrap())), ..limits() };
    let mut group = bench.driver.create(&bench.name(3), Wants::of(&limits)).unwrap();
    let receipt = group.apply(&limits, &BTreeSet::new()).unwrap();
    let expected = [Limit::CpuTime, Limit::Memory, Limit::Processes, Limit::Cpus];
    assert_eq!(receipt.keys().copied().collect::<Vec<_>>(), expected);
    let version = match bench.driver.layout() {
        Layout::V1 => "cgroup1 ",
        Layout::V2 => "cgroup2 ",
    };
    assert!(receipt.values().all(|by| matches!(by, Enforcement::Kernel(name) if name.starts_with(version))));
    group.remove().unwrap();
}

#[test]
fn a_parent_outside_the_hierarchy_is_refused() {
    let Some(()) = require_root() else { return };
    for path in ["/proc/x", "/sys/fs/cgroup", "../x", "a/../../x", ""] {
        let error = super::detect(Some(path.as_ref()), &Default::default()).unwrap_err();
        assert!(matches!(error, super::CgroupError::Unusable { .. }), "{path}: {error}");
    }
}

#[test]
fn drivers_made_at_the_same_time_all_work() {
    let Some(bench) = Bench::new() else { return };
    let parent = PathBuf::from(format!("dayfly-test-{}-race", std::process::id()));
    let work = |number: u64| {
        let name = GroupName::new(SlotNumber::new(100 + u16::try_from(number).unwrap()).unwrap(), 0);
        for _ in 0..20 {
            let driver = super::detect(Some(&parent), &Default::default()).unwrap();
            let wants = Wants { cpu_quota: true, cpu_set: true };
            driver.create(&name, wants).unwrap().remove().unwrap();
            // Pulls the parent from under the others.
            driver.remove_parent().unwrap();
        }
    };
    std::thread::scope(|scope| {
        for number in 0..4 {
            scope.spawn(move || work(number));
        }
    });
    // On version 2 only its maker removes it, and the last one may have found it there.
    std::fs::remove_dir(PathBuf::from("/sys/fs/cgroup").join(&parent)).ok();
    drop(bench);
}

#[test]
fn a_parent_that_was_found_and_then_lost_is_made_again() {
    let Some(bench) = Bench::new() else { return };
    let finder = bench.another();
    assert!(bench.driver.remove_parent().unwrap());
    finder.create(&bench.name(1), Wants::default()).unwrap().remove().unwrap();
    assert!(finder.remove_parent().unwrap());
}

#[test]
fn a_retired_group_holds_few_descriptors_and_is_removed_whole() {
    let Some(bench) = Bench::new() else { return };
    let mut group = bench.group(&Limits { cpus: Some("0.5".parse().unwrap()), ..limits() });
    let mut child = spawn(&*group, "exec sleep 30");
    wait_until("it runs", || !group.is_empty().unwrap());
    group.retire();
    let ours = format!("/{}", bench.name(0).as_str());
    let open = std::fs::read_dir("/proc/self/fd").unwrap().map(|fd| fd.unwrap().path());
    let held = open.filter_map(|fd| std::fs::read_link(fd).ok());
    let held = held.filter(|file| file.to_string_lossy().contains(&ours)).count();
    assert!((1..=2).contains(&held), "{held}");
    assert!(!group.is_empty().unwrap());
    child.kill().unwrap();
    child.wait().unwrap();
    group.remove().unwrap();
    assert!(bench.driver.groups().unwrap().is_empty());
}

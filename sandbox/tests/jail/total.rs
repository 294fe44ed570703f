//! What all commands of one sandbox use together.

use std::io::Write;
use std::num::NonZeroU32;
use std::time::Instant;

use dayfly_jobs::{Bytes, CpuTime, Enforcement, Limit, Limits, Outcome, Termination, WallTime};
use dayfly_sandbox::{Cancel, Command, Counted, Jail, Sandbox, SandboxError, Stdio, Total};

use super::workspace::put;
use crate::{jail_of, limits, stdout};

const OK: Termination = Termination::Exited { code: 0 };
const MEMORY: Termination = Termination::LimitExceeded { limit: Limit::Memory };
const PROCESSES: Termination = Termination::LimitExceeded { limit: Limit::Processes };
const CPU_TIME: Termination = Termination::LimitExceeded { limit: Limit::CpuTime };

/// A sandbox with these limits for each command and for all of them, or `None` with a named skip.
fn sandbox(test: &str, limits: &Limits) -> Option<Box<dyn Sandbox>> {
    let mut sandbox = jail_of(test, |jail| jail.counted(Counted::InTotal))?.create().unwrap();
    sandbox.limit_total(&Total::of(limits)).unwrap();
    Some(sandbox)
}

fn run(sandbox: &mut dyn Sandbox, limits: &Limits, script: &str) -> Outcome {
    let command = Command::new("/bin/sh", limits.clone()).args(["-c", script]);
    let command =
        command.env("PATH", "/usr/bin:/bin").stdout(Stdio::capture(Bytes::kib(4))).stderr(Stdio::joined());
    sandbox.exec(&command, &Cancel::never()).unwrap()
}

fn small() -> Limits {
    Limits { memory: Bytes::mib(64), ..limits() }
}

/// Leaves a process in the background that holds so many MiB, once it does.
fn hog(mib: u32) -> String {
    format!(
        "mkfifo /box/go$$; perl -e 'vec(my $x, ({mib} << 20) - 1, 8) = 1; open my $go, \">\", $ARGV[0]; close $go; \
         sleep 1000' /box/go$$ >/dev/null 2>&1 & cat /box/go$$; echo $!"
    )
}

#[test]
fn hogs_of_several_commands_share_one_limit() {
    let limits = small();
    let Some(mut sandbox) = sandbox("hogs_of_several_commands_share_one_limit", &limits) else { return };
    let first = run(&mut *sandbox, &limits, &hog(38));
    assert_eq!(first.termination, OK);
    let second = run(&mut *sandbox, &limits, &hog(38));
    assert_eq!(second.termination, MEMORY);
    // All that ran is dead, and there is room for what cleans up.
    let probe = format!("kill -0 {} 2>/dev/null || echo gone", stdout(&first).trim());
    let third = run(&mut *sandbox, &limits, &probe);
    assert_eq!((third.termination.clone(), stdout(&third).trim()), (OK, "gone"));
    assert_eq!(run(&mut *sandbox, &limits, &hog(38)).termination, OK);
    sandbox.destroy().unwrap();
}

#[test]
fn a_hog_in_the_background_that_grows_ends_the_command_that_runs() {
    let limits = small();
    let name = "a_hog_in_the_background_that_grows_ends_the_command_that_runs";
    let Some(mut sandbox) = sandbox(name, &limits) else { return };
    // Below its own limit all the time: the rest is held by the second command.
    let grow = "(sleep 0.3; perl -e 'vec(my $x, (24 << 20) - 1, 8) = 1; sleep 1000') >/dev/null 2>&1 &";
    assert_eq!(run(&mut *sandbox, &limits, grow).termination, OK);
    let hold = "perl -e 'vec(my $x, (40 << 20) - 1, 8) = 1; sleep 1000'";
    assert_eq!(run(&mut *sandbox, &limits, hold).termination, MEMORY);
    sandbox.destroy().unwrap();
}

#[test]
fn what_runs_over_between_two_commands_is_told_by_the_next() {
    let limits = small();
    let name = "what_runs_over_between_two_commands_is_told_by_the_next";
    let Some(mut sandbox) = sandbox(name, &limits) else { return };
    assert_eq!(run(&mut *sandbox, &limits, &hog(38)).termination, OK);
    // The event is the fall of the first hog, or of this one.
    let late =
        "(sleep 0.2; perl -e 'vec(my $x, (38 << 20) - 1, 8) = 1; sleep 1000') >/dev/null 2>&1 & echo $!";
    assert_eq!(run(&mut *sandbox, &limits, late).termination, OK);
    std::thread::sleep(std::time::Duration::from_secs(1));
    assert_eq!(run(&mut *sandbox, &limits, "echo never").termination, MEMORY);
    assert_eq!(run(&mut *sandbox, &limits, "true").termination, OK);
    sandbox.destroy().unwrap();
}

#[test]
fn files_in_memory_of_a_finished_command_count_for_all() {
    let limits = small();
    let name = "files_in_memory_of_a_finished_command_count_for_all";
    let Some(mut sandbox) = sandbox(name, &limits) else { return };
    for (script, termination) in [
        ("head -c 34M /dev/zero >/box/one", OK),
        ("perl -e 'vec(my $x, (38 << 20) - 1, 8) = 1'", MEMORY),
        ("rm /box/one", OK),
        ("perl -e 'vec(my $x, (38 << 20) - 1, 8) = 1'", OK),
    ] {
        assert_eq!(run(&mut *sandbox, &limits, script).termination, termination, "{script}");
    }
    sandbox.destroy().unwrap();
}

#[test]
fn files_that_fill_the_limit_leave_no_fault_of_ours() {
    let limits = Limits { memory: Bytes::mib(16), ..limits() };
    let Some(mut sandbox) = sandbox("files_that_fill_the_limit_leave_no_fault_of_ours", &limits) else {
        return;
    };
    for _ in 0..6 {
        let fill = run(&mut *sandbox, &limits, "cat /dev/zero >>/tmp/all");
        assert_eq!(fill.termination, MEMORY);
    }
    sandbox.destroy().unwrap();
}

#[test]
fn a_file_for_standard_input_leaves_no_copy_with_the_job() {
    let name = "a_file_for_standard_input_leaves_no_copy_with_the_job";
    let Some(mut sandbox) = sandbox(name, &limits()) else { return };
    let text = "0123456789abcdef".repeat(20_000);
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    let command = Command::new("/bin/sh", limits()).args(["-c", "[ -p /proc/self/fd/0 ] && exec /bin/cat"]);
    let command = command.stdin(Stdio::file(file)).stdout(Stdio::capture(Bytes::mib(1)));
    let outcome = sandbox.exec(&command, &Cancel::never()).unwrap();
    assert_eq!(outcome.termination, OK);
    assert!(outcome.output.stdout == text.as_bytes());
    sandbox.destroy().unwrap();
}

#[test]
fn files_placed_before_the_first_command_are_taken_off() {
    let name = "files_placed_before_the_first_command_are_taken_off";
    let Some(jail) = jail_of(name, |jail| jail.counted(Counted::InTotal)) else { return };
    let limits = small();
    let mut sandbox = jail.create().unwrap();
    put(sandbox.workspace(), "input", &vec![1; 40 << 20]);
    sandbox.limit_total(&Total::of(&limits)).unwrap();
    let hog = "perl -e 'vec(my $x, (38 << 20) - 1, 8) = 1'";
    assert_eq!(run(&mut *sandbox, &limits, hog).termination, MEMORY);
    let mut sandbox = jail.create().unwrap();
    put(sandbox.workspace(), "input", &vec![1; 64 << 20]);
    let error = sandbox.limit_total(&Total::of(&limits)).unwrap_err();
    assert!(matches!(error, SandboxError::FullOfFiles { .. }), "{error}");
}

#[test]
fn processes_of_several_commands_share_one_limit() {
    let limits = Limits { processes: NonZeroU32::new(12).unwrap(), ..limits() };
    let Some(mut sandbox) = sandbox("processes_of_several_commands_share_one_limit", &limits) else { return };
    let leave = "i=0; while [ $i -lt 7 ]; do sleep 1000 >/dev/null 2>&1 & i=$((i+1)); done; echo left";
    let first = run(&mut *sandbox, &limits, leave);
    assert_eq!((first.termination.clone(), stdout(&first).trim()), (OK, "left"));
    let second = run(&mut *sandbox, &limits, leave);
    assert_ne!(stdout(&second).trim(), "left", "fourteen processes under a limit of twelve");
    sandbox.destroy().unwrap();
}

#[test]
fn a_command_that_finds_no_room_for_itself_is_over_the_limit() {
    let limits = Limits { processes: NonZeroU32::new(8).unwrap(), ..limits() };
    let name = "a_command_that_finds_no_room_for_itself_is_over_the_limit";
    let Some(mut sandbox) = sandbox(name, &limits) else { return };
    // Each copy tries to become more of them, for ever, so the limit is full at every moment or nearly so.
    let swarm = "perl -e 'if (fork) { exit } while (1) { my $child = fork; next unless defined $child; \
                 if ($child) { waitpid $child, 1 } }' >/dev/null 2>&1 & sleep 0.3";
    let mut ends = Vec::new();
    for _ in 0..6 {
        ends.push(run(&mut *sandbox, &limits, swarm).termination);
    }
    assert!(ends.contains(&PROCESSES), "{ends:?}");
    let fine = |end: &Termination| matches!(end, Termination::Exited { .. }) || *end == PROCESSES;
    assert!(ends.iter().all(fine), "{ends:?}");
    sandbox.destroy().unwrap();
}

#[test]
fn cpu_time_in_the_background_counts_for_all() {
    let limits = Limits { cpu_time: CpuTime::secs(1), wall_time: WallTime::secs(20), ..limits() };
    let Some(mut sandbox) = sandbox("cpu_time_in_the_background_counts_for_all", &limits) else { return };
    let spin = "(while :; do :; done) >/dev/null 2>&1 & echo $!";
    let first = run(&mut *sandbox, &limits, spin);
    assert_eq!(first.termination, OK);
    let start = Instant::now();
    let second = run(&mut *sandbox, &limits, "sleep 1000");
    assert_eq!(second.termination, CPU_TIME);
    assert!(start.elapsed() < limits.wall_time.as_duration() / 2);
    assert!(second.usage.cpu_time < limits.cpu_time, "{:?}", second.usage);
    // With time enough for a machine on which starting a shell takes a second.
    let limits = Limits { cpu_time: CpuTime::secs(10), ..limits };
    let probe = format!("kill -0 {} 2>/dev/null || echo gone", stdout(&first).trim());
    let third = run(&mut *sandbox, &limits, &probe);
    assert_eq!((third.termination.clone(), stdout(&third).trim()), (OK, "gone"));
    sandbox.destroy().unwrap();
}

#[test]
fn processors_are_limited_for_all_together() {
    let share = Limits { cpus: Some("0.5".parse().unwrap()), wall_time: WallTime::secs(2), ..limits() };
    let Some(mut sandbox) = sandbox("processors_are_limited_for_all_together", &share) else { return };
    for _ in 0..2 {
        let spin = "(while :; do :; done) >/dev/null 2>&1 &";
        assert_eq!(run(&mut *sandbox, &share, spin).termination, OK);
    }
    // Two that spin and a third: a third of the share is left for it, of which it would have all otherwise.
    let last = run(&mut *sandbox, &share, "while :; do :; done");
    assert_eq!(last.termination, Termination::LimitExceeded { limit: Limit::WallTime });
    assert!(last.usage.cpu_time < CpuTime::millis(600), "{:?}", last.usage);
    sandbox.destroy().unwrap();

    let pinned = Limits { cpus: Some("pin:0".parse().unwrap()), ..limits() };
    let Some(mut sandbox) = self::sandbox("processors_are_limited_for_all_together", &pinned) else { return };
    // A command that may use all is held by what holds for all of them.
    let free = Limits { cpus: None, ..pinned };
    let outcome = run(&mut *sandbox, &free, "grep -q 'Cpus_allowed_list:.0$' /proc/self/status");
    assert_eq!(outcome.termination, OK);
    sandbox.destroy().unwrap();
}

#[test]
fn the_receipt_says_what_holds_for_all() {
    let limits = Limits { cpus: Some("0.5".parse().unwrap()), ..limits() };
    let Some(mut sandbox) = sandbox("the_receipt_says_what_holds_for_all", &limits) else { return };
    let outcome = run(&mut *sandbox, &limits, "true");
    for (limit, by) in &outcome.enforced_by {
        let Enforcement::Kernel(by) = by else { panic!("{limit:?} is waived") };
        let in_total = matches!(limit, Limit::CpuTime | Limit::Memory | Limit::Processes | Limit::Cpus);
        assert_eq!(by.ends_with("; also for all commands together"), in_total, "{limit:?}: {by}");
    }
    sandbox.destroy().unwrap();
}

#[test]
fn limits_of_all_together_are_set_once_and_before_the_first_command() {
    let name = "limits_of_all_together_are_set_once_and_before_the_first_command";
    let Some(in_total) = jail_of(name, |jail| jail.counted(Counted::InTotal)) else { return };
    let total = Total::of(&limits());
    let refused = |result: Result<(), SandboxError>| {
        assert!(matches!(result, Err(SandboxError::TotalMisplaced)), "{result:?}");
    };
    let exec = |jail: &Jail| {
        let mut sandbox = jail.create().unwrap();
        sandbox.exec(&Command::new("/bin/true", limits()), &Cancel::never()).map(drop)
    };
    refused(exec(&in_total));
    let mut sandbox = in_total.create().unwrap();
    sandbox.limit_total(&total).unwrap();
    refused(sandbox.limit_total(&total));
    let each = jail_of(name, |jail| jail).unwrap();
    refused(each.create().unwrap().limit_total(&total));
    exec(&each).unwrap();
}

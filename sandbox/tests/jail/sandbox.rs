//! Several commands in one sandbox, and what happens around them.

use std::time::{Duration, Instant};

use dayfly_jobs::{Bytes, CpuTime, Limit, Limits, Signal, StartFailure, Termination, WallTime};
use dayfly_policies::Policy;
use dayfly_sandbox::{Access, Bind, Cancel, Command, Meter, Pool, SandboxError, SetupStage};

use crate::{jail, jail_of, jail_under, limits, shell, stdout};

const OK: Termination = Termination::Exited { code: 0 };

#[test]
fn later_commands_see_the_files_of_earlier_ones() {
    let Some(jail) = jail("later_commands_see_the_files_of_earlier_ones") else { return };
    let mut sandbox = jail.create().unwrap();
    let first = sandbox.exec(&shell("echo one > /box/file; echo two > /tmp/file"), &Cancel::never()).unwrap();
    assert_eq!(first.termination, OK);
    let second = sandbox.exec(&shell("cat /box/file /tmp/file"), &Cancel::never()).unwrap();
    assert_eq!(stdout(&second), "one\ntwo\n");
    // Another sandbox sees nothing of it.
    let other = jail.run(&shell("ls -A /box /tmp /dev/shm"), &Cancel::never()).unwrap();
    assert_eq!(stdout(&other), "/box:\n\n/dev/shm:\n\n/tmp:\n");
}

#[test]
fn background_processes_live_until_the_sandbox_ends() {
    let Some(jail) = jail("background_processes_live_until_the_sandbox_ends") else { return };
    let mut sandbox = jail.create().unwrap();
    let start = "sleep 1000 >/dev/null 2>&1 & echo $!";
    let pid = stdout(&sandbox.exec(&shell(start), &Cancel::never()).unwrap());
    let probe = shell(&format!("kill -0 {} && echo alive", pid.trim()));
    assert_eq!(stdout(&sandbox.exec(&probe, &Cancel::never()).unwrap()), "alive\n");
    let before = Instant::now();
    sandbox.destroy().unwrap();
    assert!(before.elapsed() < Duration::from_secs(5));
}

/// The jail begins to end while the last process of a command still does, which must change nothing about it.
#[test]
fn how_the_last_process_ended_is_told_whatever_way_it_took() {
    let Some(jail) = jail("how_the_last_process_ended_is_told_whatever_way_it_took") else { return };
    let leader_first = "import ctypes, threading, time; exit = lambda code: ctypes.CDLL(None).syscall(60, code); \
                        threading.Thread(target=lambda: (time.sleep(0.001), exit(5))).start(); exit(5)";
    for (command, times, code, bytes) in [
        (shell("exec perl -e 'syscall 60, 3'"), 50, 3, 0),
        (shell("exec perl -e '$| = 1; print \"x\" x 65536; syscall 231, 4'"), 50, 4, 65536),
        (shell(&format!("exec python3 -c '{leader_first}'")), 10, 5, 0),
    ] {
        for _ in 0..times {
            let outcome = jail.run(&command, &Cancel::never()).unwrap();
            assert_eq!(outcome.termination, Termination::Exited { code });
            assert_eq!(outcome.output.stdout.len(), bytes);
        }
    }
}

#[test]
fn a_policy_need_not_let_the_time_be_told() {
    let rest = r#"
        description = "programs without a clock"
        include = ["events", "files", "host", "memory", "self", "signals", "terminal", "threads"]
        network.allowed = ["none"]
        [limits]
        cpu_time = "2s"
        wall_time = "5s"
        memory = "256M"
        processes = 64
        output = "16M"
        disk = "64M"
        inodes = 4096
        open_files = 64
        stack = "64M"
        file_size = "64M"
    "#;
    let forbid = "[[forbid]]\ncalls = [\"clock_gettime\"]\nreason = \"it is a test\"";
    for (name, rules) in [("clockless", ""), ("clock-forbidden", forbid)] {
        let policy = Policy::parse(&format!("name = \"{name}\"\n{rest}\n{rules}"), name).unwrap();
        let Some(jail) = jail_under(policy.clone(), "a_policy_need_not_let_the_time_be_told") else { return };
        let command = Command::new("/usr/bin/true", policy.default_limits().clone());
        let outcome = jail.run(&command, &Cancel::never()).unwrap();
        assert_eq!(outcome.termination, OK, "{name}");
    }
}

#[test]
fn what_hinders_init_is_told_however_early_it_does() {
    let name = "what_hinders_init_is_told_however_early_it_does";
    let bind =
        Bind { source: "/usr/bin".into(), target: "/usr/no/such/place".into(), access: Access::ReadOnly };
    let Some(jail) = jail_of(name, |jail| jail.bind(bind)) else { return };
    for _ in 0..50 {
        let error = jail.run(&shell("true"), &Cancel::never()).unwrap_err();
        assert!(matches!(error, SandboxError::Setup { stage: SetupStage::Fill, .. }), "{error:?}");
    }
}

/// Leaves a process in the background that does something to everybody without a pause, once this command has ended.
fn pest(what: &str) -> Command {
    let script = format!("select undef, undef, undef, 0.001 while getppid != 1; while (1) {{ {what} }}");
    shell(&format!("perl -e '{script}' >/dev/null 2>&1 &"))
}

#[test]
fn a_command_that_an_earlier_one_kills_as_it_starts_is_no_fault_of_ours() {
    let name = "a_command_that_an_earlier_one_kills_as_it_starts_is_no_fault_of_ours";
    let Some(jail) = jail(name) else { return };
    let pool = Pool::new(jail.clone(), 1).unwrap();
    for (mut sandbox, signal, number) in [
        (jail.create().unwrap(), "KILL", 9),
        (pool.take().unwrap(), "KILL", 9),
        (jail.create().unwrap(), "TERM", 15),
    ] {
        let pest = pest(&format!("kill {signal}, -1"));
        assert_eq!(sandbox.exec(&pest, &Cancel::never()).unwrap().termination, OK);
        for _ in 0..50 {
            let outcome = sandbox.exec(&shell("sleep 1000"), &Cancel::never()).unwrap();
            assert_eq!(outcome.termination, Termination::Signaled { signal: Signal(number) });
            assert!(outcome.usage.wall_time < WallTime::secs(1), "{:?}", outcome.usage);
        }
        sandbox.destroy().unwrap();
    }
}

#[test]
fn a_command_that_an_earlier_one_stops_as_it_starts_is_held_to_its_wall_time() {
    let name = "a_command_that_an_earlier_one_stops_as_it_starts_is_held_to_its_wall_time";
    let Some(jail) = jail(name) else { return };
    let mut sandbox = jail.create().unwrap();
    assert_eq!(sandbox.exec(&pest("kill STOP, -1"), &Cancel::never()).unwrap().termination, OK);
    let brief = Limits { wall_time: WallTime::millis(200), ..limits() };
    for _ in 0..3 {
        let command = Command::new("/bin/sleep", brief.clone()).arg("1000");
        let outcome = sandbox.exec(&command, &Cancel::never()).unwrap();
        assert_eq!(outcome.termination, Termination::LimitExceeded { limit: Limit::WallTime });
    }
    let begin = Instant::now();
    sandbox.destroy().unwrap();
    assert!(begin.elapsed() < Duration::from_secs(5));
}

#[test]
fn an_earlier_command_sets_no_limits_of_one_that_starts() {
    let Some(jail) = jail("an_earlier_command_sets_no_limits_of_one_that_starts") else { return };
    let mut sandbox = jail.create().unwrap();
    // No open files for any of the next processes.
    let (call, files) = (libc::SYS_prlimit64, libc::RLIMIT_NOFILE);
    let pest = pest(&format!("syscall({call}, $_, {files}, pack(\"QQ\", 0, 0), 0) for $$ + 1 .. $$ + 60"));
    assert_eq!(sandbox.exec(&pest, &Cancel::never()).unwrap().termination, OK);
    for _ in 0..50 {
        assert_eq!(sandbox.exec(&shell("exit 0"), &Cancel::never()).unwrap().termination, OK);
    }
    sandbox.destroy().unwrap();
}

#[test]
fn a_command_over_its_limit_ends_alone() {
    let Some(jail) = jail("a_command_over_its_limit_ends_alone") else { return };
    let mut sandbox = jail.create().unwrap();
    let background = sandbox.exec(&shell("sleep 1000 >/dev/null 2>&1 & echo $!"), &Cancel::never()).unwrap();
    let tight = Command::new("/bin/sh", Limits { cpu_time: CpuTime::millis(100), ..limits() })
        .args(["-c", "while :; do :; done"]);
    let outcome = sandbox.exec(&tight, &Cancel::never()).unwrap();
    assert_eq!(outcome.termination, Termination::LimitExceeded { limit: Limit::CpuTime });
    let probe = shell(&format!("kill -0 {} && echo alive", stdout(&background).trim()));
    assert_eq!(stdout(&sandbox.exec(&probe, &Cancel::never()).unwrap()), "alive\n");
}

#[test]
fn a_meter_shows_the_command_that_runs_and_no_other() {
    let Some(jail) = jail("a_meter_shows_the_command_that_runs_and_no_other") else { return };
    let mut sandbox = jail.create().unwrap();
    let busy = shell("i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done");
    let first = sandbox.exec(&busy, &Cancel::never()).unwrap();
    let (meter, cancel) = (Meter::default(), Cancel::new().unwrap());
    assert_eq!(meter.read(Instant::now()), None, "nothing runs");
    let command =
        shell("i=0; while [ $i -lt 2000 ]; do i=$((i+1)); done; sleep 1000 & wait").meter(meter.clone());
    let outcome = std::thread::scope(|scope| {
        let ended = scope.spawn(|| sandbox.exec(&command, &cancel).unwrap());
        let begin = Instant::now();
        let seen = loop {
            match meter.read(Instant::now()) {
                // The kernel counts the time of a process that runs when it is next switched.
                Some(seen) if seen.processes == 2 && seen.cpu_time > CpuTime::default() => break seen,
                seen => assert!(begin.elapsed() < Duration::from_secs(5), "{seen:?}"),
            }
        };
        assert!(seen.memory > Bytes::default(), "{seen:?}");
        assert!(seen.cpu_time < first.usage.cpu_time, "what the one before used: {seen:?}");
        cancel.cancel();
        ended.join().unwrap()
    });
    assert_eq!(outcome.termination, Termination::Cancelled);
    assert_eq!(meter.read(Instant::now()), None, "it has ended");
}

#[test]
fn each_command_is_measured_alone() {
    let Some(jail) = jail("each_command_is_measured_alone") else { return };
    let mut sandbox = jail.create().unwrap();
    let busy = shell("i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done");
    let first = sandbox.exec(&busy, &Cancel::never()).unwrap();
    let second = sandbox.exec(&shell("true"), &Cancel::never()).unwrap();
    assert!(first.usage.cpu_time > CpuTime::millis(50), "{:?}", first.usage);
    assert!(second.usage.cpu_time < first.usage.cpu_time, "{:?}", second.usage);
    assert_eq!(second.usage.peak_processes.unwrap_or(1), 1);
}

#[test]
fn programs_that_cannot_start_are_outcomes() {
    let Some(jail) = jail("programs_that_cannot_start_are_outcomes") else { return };
    let long = "x".repeat(1 << 20);
    for (command, reason) in [
        (Command::new("/no/such", limits()), StartFailure::NotFound),
        (Command::new("nosuch", limits()).env("PATH", "/bin:/usr/bin"), StartFailure::NotFound),
        (Command::new("/etc/passwd", limits()), StartFailure::NotExecutable),
        (Command::new("/usr", limits()), StartFailure::NotExecutable),
        (Command::new("/bin/true", limits()).arg(long), StartFailure::ArgumentsTooLong),
        (Command::new("/bin/true", limits()).workdir("/nowhere"), StartFailure::BadWorkdir),
    ] {
        let outcome = jail.run(&command, &Cancel::never()).unwrap();
        assert_eq!(outcome.termination, Termination::NotStarted { reason }, "{command:?}");
    }
}

#[test]
fn ends_are_told_apart() {
    let Some(jail) = jail("ends_are_told_apart") else { return };
    for (script, termination) in [
        ("exit 7", Termination::Exited { code: 7 }),
        ("kill -SEGV $$", Termination::Signaled { signal: Signal(11) }),
        ("kill -KILL $$", Termination::Signaled { signal: Signal(9) }),
        ("ulimit -c; exit 3", Termination::Exited { code: 3 }),
    ] {
        assert_eq!(jail.run(&shell(script), &Cancel::never()).unwrap().termination, termination, "{script}");
    }
}

#[test]
fn cancelling_ends_a_command() {
    let Some(jail) = jail("cancelling_ends_a_command") else { return };
    let cancel = Cancel::new().unwrap();
    let handle = cancel.clone();
    let thread = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(100));
        handle.cancel();
    });
    let outcome = jail.run(&shell("sleep 1000"), &cancel).unwrap();
    thread.join().unwrap();
    assert_eq!(outcome.termination, Termination::Cancelled);
    // A switch that was thrown before is thrown still.
    assert_eq!(jail.run(&shell("sleep 1000"), &cancel).unwrap().termination, Termination::Cancelled);
}

#[test]
fn idle_is_not_the_same_as_slow() {
    let Some(jail) = jail("idle_is_not_the_same_as_slow") else { return };
    let limits = Limits { idle_time: Some(WallTime::millis(400)), ..limits() };
    let run = |script: &str| {
        let command = Command::new("/bin/sh", limits.clone()).args(["-c", script]);
        jail.run(&command, &Cancel::never()).unwrap().termination
    };
    assert_eq!(run("sleep 5"), Termination::LimitExceeded { limit: Limit::IdleTime });
    assert_eq!(run("for i in 1 2 3 4 5 6 7 8; do echo .; sleep 0.1; done"), OK);
}

#[test]
fn limits_too_small_to_start_anything_are_refused() {
    let Some(jail) = jail("limits_too_small_to_start_anything_are_refused") else { return };
    let command = Command::new("/bin/true", Limits { memory: Bytes::kib(4), ..limits() });
    let error = jail.run(&command, &Cancel::never()).unwrap_err();
    assert!(matches!(error, SandboxError::TooSmall { limit: Limit::Memory, .. }), "{error}");
}

#[test]
fn many_jails_at_once() {
    let Some(jail) = jail("many_jails_at_once") else { return };
    std::thread::scope(|scope| {
        let runs: Vec<_> = (0..16)
            .map(|i| {
                let jail = &jail;
                scope.spawn(move || jail.run(&shell(&format!("echo {i}; id -u")), &Cancel::never()).unwrap())
            })
            .collect();
        for (i, run) in runs.into_iter().enumerate() {
            assert_eq!(stdout(&run.join().unwrap()), format!("{i}\n1000\n"));
        }
    });
}

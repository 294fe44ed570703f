//! One line for every end a program can have.

use std::collections::BTreeMap;

use dayfly_jobs::{Bytes, CpuTime, Output, Signal, Timings, WallTime};
use dayfly_policies::Catalog;
use dayfly_sandbox::{Counted, Network, Root, SandboxSpec};

use super::*;
use crate::limits;

fn request() -> Request {
    Request {
        spec: SandboxSpec {
            policy: Catalog::builtin().get("strict").unwrap(),
            root: Root::Host { toolchains: Vec::new() },
            binds: Vec::new(),
            network: Network::None,
            counted: Counted::Each,
            waive: [].into(),
        },
        cgroup_parent: None,
        command: vec!["prog".into()],
        env: BTreeMap::from([("PATH".into(), "/usr/bin".into())]),
        workdir: "/box".into(),
        limits: limits::tests::sample(),
        origins: BTreeMap::new(),
    }
}

fn outcome(termination: Termination) -> Outcome {
    let usage = Usage {
        cpu_time: CpuTime::micros(10_003_000),
        wall_time: WallTime::micros(30_000_500),
        peak_memory: Bytes::mib(256),
        output_bytes: (16 << 20) + 1,
        ..Usage::default()
    };
    let limits = Limits { idle_time: Some(WallTime::secs(2)), ..limits::tests::sample() };
    let (timings, output) = (Timings::default(), Output::default());
    Outcome { termination, usage, limits, enforced_by: BTreeMap::new(), timings, output }
}

fn said(termination: Termination) -> Option<String> {
    ending(&outcome(termination), &request(), None)
}

fn limit(limit: Limit) -> Termination {
    Termination::LimitExceeded { limit }
}

#[test]
fn a_program_that_ended_itself_is_not_talked_about() {
    assert_eq!(said(Termination::Exited { code: 0 }), None);
    assert_eq!(said(Termination::Exited { code: 7 }), None);
}

#[test]
fn every_other_end_is_one_line_with_value_and_limit() {
    for (termination, text) in [
        (limit(Limit::CpuTime), "stopped: cpu time 10.003s over the limit of 10s (--cpu-time)"),
        (limit(Limit::WallTime), "stopped: wall time 30.000s over the limit of 30s (--wall-time)"),
        (limit(Limit::IdleTime), "stopped: no progress for 2s (--idle-time)"),
        (limit(Limit::Memory), "stopped: memory reached the limit of 256M (--memory)"),
        (limit(Limit::Output), "stopped: output of 16.0M over the limit of 16M (--output)"),
        (limit(Limit::Disk), "stopped: disk reached the limit of 128M (--disk)"),
        (limit(Limit::FileSize), "stopped: file size reached the limit of 100M (--file-size)"),
        (Termination::Signaled { signal: Signal(11) }, "the program died on SIGSEGV (11)"),
        (Termination::Cancelled, "cancelled by dayfly"),
    ] {
        assert_eq!(said(termination), Some(format!("dayfly: {text}\n")));
    }
}

#[test]
fn ends_with_a_cure_tell_it() {
    for (termination, what, fix) in [
        (
            Termination::ForbiddenSyscall { syscall: "ptrace".into() },
            "system call ptrace",
            "choose a policy that allows it",
        ),
        (not_begun(StartFailure::NotFound), "no prog in the sandbox's PATH (/usr/bin)", "--bind"),
        (not_begun(StartFailure::NotExecutable), "not executable: prog", "chmod +x"),
        (not_begun(StartFailure::ArgumentsTooLong), "longer than the kernel accepts", "--stdin"),
        (not_begun(StartFailure::BadWorkdir), "working folder /box cannot be entered", "--workdir"),
    ] {
        let text = said(termination).unwrap();
        assert!(text.contains(what), "{text}");
        assert!(text.contains("\n  fix: ") && text.contains(fix), "{text}");
    }
}

fn not_begun(reason: StartFailure) -> Termination {
    Termination::NotStarted { reason }
}

#[test]
fn a_failure_that_the_kernel_caused_is_explained() {
    let mut outcome = outcome(Termination::Exited { code: 1 });
    outcome.usage.refused_processes = 3;
    outcome.usage.oom_kills = 1;
    let text = ending(&outcome, &request(), None).unwrap();
    assert!(text.contains("processes refused at the limit of 64 (--processes): 3"), "{text}");
    assert!(text.contains("processes killed at the limit of 256M (--memory): 1"), "{text}");
    outcome.termination = Termination::Exited { code: 0 };
    assert_eq!(ending(&outcome, &request(), None), None);
}

#[test]
fn cancelling_names_the_signal() {
    let text = ending(&outcome(Termination::Cancelled), &request(), Some("SIGTERM"));
    assert_eq!(text.as_deref(), Some("dayfly: cancelled by SIGTERM\n"));
}

#[test]
fn the_table_of_use_has_a_row_for_every_limit() {
    let text = used(&outcome(Termination::Exited { code: 0 }));
    for limit in Limit::ALL {
        assert!(text.contains(&format!("  {} ", name(limit))), "{limit} in {text}");
    }
    assert!(text.contains("10.003s"), "{text}");
}

#[test]
fn errors_are_coloured_only_when_asked() {
    let plain = error("cannot", Some("do"), Colours { on: false });
    assert_eq!(plain, "dayfly: cannot\n  fix: do\n");
    let coloured = error("cannot", None, Colours { on: true });
    assert_eq!(coloured, "\x1b[1;31mdayfly:\x1b[0m cannot\n");
}

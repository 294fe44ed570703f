//! The judging on a backend of paper, and the hogs on the bare shell.

use std::borrow::Cow;
use std::os::fd::BorrowedFd;
use std::process::{Command as Process, Stdio as ProcessStdio};

use dayfly_jobs::{CpuTime, Enforcement, Limit, Output, Signal, Standing, Timings, Usage, WallTime};
use nix::errno::Errno;

use super::*;
use crate::Sandbox;
use hogs::Hog;

/// A backend whose commands end as it was told.
struct Paper(fn(&Limits) -> Result<Outcome, SandboxError>);

impl Backend for Paper {
    fn create(&self, _: &SandboxSpec) -> Result<Box<dyn Sandbox>, SandboxError> {
        Ok(Box::new(Self(self.0)))
    }
}

impl Sandbox for Paper {
    fn limit_total(&mut self, _: &crate::Total) -> Result<(), SandboxError> {
        unreachable!("no proof has several commands")
    }

    fn exec(&mut self, command: &Command, _: &Cancel) -> Result<Outcome, SandboxError> {
        (self.0)(command.limits())
    }

    fn workspace(&self) -> BorrowedFd<'_> {
        unreachable!("no proof looks into the workspace")
    }

    fn scratch(&self) -> BorrowedFd<'_> {
        unreachable!("no proof looks into the writable tree")
    }

    fn stop(&mut self) -> Result<(), SandboxError> {
        Ok(())
    }

    fn destroy(self: Box<Self>) -> Result<(), SandboxError> {
        Ok(())
    }
}

fn outcome(limits: &Limits, termination: Termination) -> Outcome {
    let receipt = |limit| (limit, Enforcement::Kernel(Cow::Borrowed("some mechanism")));
    Outcome {
        termination,
        usage: Usage {
            wall_time: WallTime::micros(35_250),
            cpu_time: CpuTime::micros(201_960),
            ..Usage::default()
        },
        limits: limits.clone(),
        enforced_by: Limit::ALL.map(receipt).into(),
        timings: Timings { setup: WallTime::micros(2_949), ..Timings::default() },
        output: Output::default(),
    }
}

fn hog(limit: Limit) -> &'static Hog {
    HOGS.iter().find(|hog| hog.limit == limit).unwrap()
}

fn judged(limit: Limit, termination: Termination, change: fn(&mut Outcome)) -> Check {
    let mut outcome = outcome(&hog(limit).limits(), termination);
    change(&mut outcome);
    judge::judge(hog(limit), &Ok(outcome))
}

#[test]
fn every_limit_has_one_hog() {
    let hogs: Vec<_> = HOGS.iter().map(|hog| hog.limit).collect();
    assert_eq!(hogs, Limit::ALL);
}

#[test]
fn a_held_hog_is_a_proof() {
    let exceeded = |limit| Termination::LimitExceeded { limit };
    let refused = Termination::Exited { code: 42 };
    for (limit, termination, found) in [
        (Limit::CpuTime, exceeded(Limit::CpuTime), "killed at 200ms after 201.9 ms of it, by some mechanism"),
        (Limit::WallTime, exceeded(Limit::WallTime), "killed at 200ms after 35.2 ms, by some mechanism"),
        (Limit::IdleTime, exceeded(Limit::IdleTime), "killed at 200ms after 35.2 ms, by some mechanism"),
        (Limit::Memory, exceeded(Limit::Memory), "killed at 32M after 35.2 ms, by some mechanism"),
        (Limit::Output, exceeded(Limit::Output), "killed at 64k after 35.2 ms, by some mechanism"),
        (Limit::Disk, refused.clone(), "refused at 1M after 35.2 ms, by some mechanism"),
        (Limit::Disk, exceeded(Limit::Disk), "killed at 1M after 35.2 ms, by some mechanism"),
        (Limit::Inodes, refused.clone(), "refused at 50 after 35.2 ms, by some mechanism"),
        (Limit::OpenFiles, refused, "refused at 32 after 35.2 ms, by some mechanism"),
        (
            Limit::Stack,
            Termination::Signaled { signal: Signal(11) },
            "ended at 256k after 35.2 ms, by some mechanism",
        ),
        (
            Limit::FileSize,
            Termination::Signaled { signal: Signal(25) },
            "ended at 64k after 35.2 ms, by some mechanism",
        ),
        (Limit::FileSize, exceeded(Limit::FileSize), "killed at 64k after 35.2 ms, by some mechanism"),
    ] {
        let check = judged(limit, termination, |_| ());
        assert_eq!((check.standing, check.found.as_str()), (Standing::Ok, found), "{limit}");
        assert_eq!(check.id, format!("limit.{limit}"));
    }
}

#[test]
fn counters_prove_processes_and_cpus() {
    let exited = || Termination::Exited { code: 2 };
    let held = judged(Limit::Processes, exited(), |outcome| {
        (outcome.usage.refused_processes, outcome.usage.peak_processes) = (1, Some(16));
    });
    assert_eq!(held.found, "a fork bomb held at 16 after 35.2 ms, by some mechanism");
    for change in [
        |_: &mut Outcome| (),
        |outcome: &mut Outcome| {
            (outcome.usage.refused_processes, outcome.usage.peak_processes) = (1, Some(17))
        },
    ] {
        assert_eq!(judged(Limit::Processes, exited(), change).standing, Standing::Missing);
    }
    let throttled =
        judged(Limit::Cpus, exited(), |outcome| outcome.usage.throttled_time = WallTime::millis(1));
    assert_eq!(throttled.found, "held back at 0.05 after 35.2 ms, by some mechanism");
    assert_eq!(judged(Limit::Cpus, exited(), |_| ()).standing, Standing::Missing);
}

#[test]
fn a_hog_that_went_free_is_no_proof() {
    for hog in HOGS {
        for termination in [
            Termination::Exited { code: 0 },
            Termination::Exited { code: 43 },
            Termination::Signaled { signal: Signal(9) },
            Termination::Cancelled,
        ] {
            let check = judged(hog.limit, termination, |_| ());
            assert_eq!(check.standing, Standing::Missing, "{check:?}");
            assert!(check.found.contains("the hog went free") && check.fix.contains("report"), "{check:?}");
        }
    }
    let wrong = judged(Limit::Memory, Termination::LimitExceeded { limit: Limit::WallTime }, |_| ());
    assert_eq!(wrong.standing, Standing::Missing);
}

#[test]
fn a_limit_without_a_mechanism_is_not_enforced() {
    let exceeded = || Termination::LimitExceeded { limit: Limit::Memory };
    let waived = judged(Limit::Memory, exceeded(), |outcome| {
        outcome.enforced_by.insert(Limit::Memory, Enforcement::Waived("no swap accounting".into()));
    });
    assert_eq!(
        (waived.standing, waived.found.as_str()),
        (Standing::Missing, "not enforced: no swap accounting")
    );
    let silent = judged(Limit::Memory, exceeded(), |outcome| outcome.enforced_by.clear());
    assert_eq!(silent.standing, Standing::Missing);
}

#[test]
fn an_error_is_a_missing_limit_and_only_cpus_can_be_done_without() {
    for hog in HOGS {
        let check = judge::judge(hog, &Err(SandboxError::system("do this", Errno::EPERM)));
        let expected = if hog.limit == Limit::Cpus { Standing::Degraded } else { Standing::Missing };
        assert_eq!(
            (check.standing, check.found.as_str()),
            (expected, "cannot do this: EPERM: Operation not permitted")
        );
    }
}

#[test]
fn without_a_first_jail_nothing_else_is_tried() {
    let policy = dayfly_policies::Catalog::builtin().get("interpreted").unwrap();
    let broken = prove(&Paper(|_| Err(SandboxError::system("make a jail", Errno::EPERM))), &policy);
    assert_eq!(broken.len(), 1);
    assert_eq!((broken[0].id.as_str(), broken[0].standing), ("isolation.jail", Standing::Missing));
    let odd = prove(&Paper(|limits| Ok(outcome(limits, Termination::Exited { code: 1 }))), &policy);
    assert_eq!((odd.len(), odd[0].standing), (1, Standing::Missing));
    let good = prove(&Paper(|limits| Ok(outcome(limits, Termination::Exited { code: 7 }))), &policy);
    assert_eq!((good.len(), good[0].standing), (1 + HOGS.len(), Standing::Ok));
    assert_eq!(good[0].found, "a program ran in a jail that was set up in 2.9 ms");
    assert!(good[1..].iter().all(|check| check.standing == Standing::Missing));
}

/// Runs a hog's script in a shell of the host, under `ulimit` where one is given, and gives its exit code.
fn in_shell(limit: Limit, ulimit: &str) -> Option<i32> {
    let folder = tempfile::tempdir().unwrap();
    let status = Process::new("/bin/sh")
        .args(["-c", &format!("ulimit -c 0; {ulimit}\n{}", hog(limit).script)])
        .current_dir(folder.path())
        .stdout(ProcessStdio::null())
        .stderr(ProcessStdio::null())
        .status()
        .unwrap();
    status.code()
}

#[test]
fn scripts_that_tell_refusals_tell_the_truth() {
    assert_eq!(in_shell(Limit::OpenFiles, "ulimit -n 32"), Some(42));
    assert_eq!(in_shell(Limit::OpenFiles, "ulimit -n 1000"), Some(43));
    assert_eq!(in_shell(Limit::Disk, ""), Some(43));
    assert_eq!(in_shell(Limit::Inodes, ""), Some(43));
    // Dies on the signal for too large a file, or too deep a stack.
    assert_eq!(in_shell(Limit::FileSize, "ulimit -f 8"), None);
    assert_eq!(in_shell(Limit::Stack, "ulimit -s 256"), None);
}

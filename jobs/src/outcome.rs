//! What a command did: how it ended, what it used, and what held it.
//!
//! An [`Outcome`] is about the command only. A fault of Dayfly or of the host is an error of the crate it
//! arose in and never appears here.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Bytes, CpuTime, Limit, Limits, WallTime};

/// The measured end of one command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Outcome {
    /// How it ended.
    pub termination: Termination,
    /// What it used.
    pub usage: Usage,
    /// The limits it ran under.
    pub limits: Limits,
    /// What enforced each limit.
    pub enforced_by: Receipt,
    /// What the sandbox itself cost.
    pub timings: Timings,
    /// Captured output, where capture was asked for.
    #[serde(skip)]
    pub output: Output,
}

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Termination {
    /// The first process called `exit`.
    Exited {
        /// Its exit status.
        code: u8,
    },
    /// The first process died on a signal that Dayfly did not send.
    Signaled {
        /// The signal.
        signal: Signal,
    },
    /// It ran into a limit and was killed.
    LimitExceeded {
        /// The limit.
        limit: Limit,
    },
    /// A process made a system call that the policy forbids; all were killed before the call took effect.
    ForbiddenSyscall {
        /// The call's name, or its number where it has none on this machine.
        syscall: String,
    },
    /// The program could not be executed, so no instruction of it ran.
    NotStarted {
        /// Why.
        reason: StartFailure,
    },
    /// It was cancelled from outside.
    Cancelled,
}

impl Termination {
    /// The exit code that tells this end to a shell: the program's own; 128 + n for signal n; 124 for a limit on
    /// time, 123 on memory, 122 on size or count; 121 for a forbidden call; 120 for a cancel; 127 and 126 when it
    /// could not start.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Exited { code } => *code,
            Self::Signaled { signal } => 128_u8.saturating_add(signal.0),
            Self::LimitExceeded { limit } => limit.exit_code(),
            Self::ForbiddenSyscall { .. } => 121,
            Self::NotStarted { reason: StartFailure::NotFound } => 127,
            Self::NotStarted {
                reason:
                    StartFailure::NotExecutable | StartFailure::ArgumentsTooLong | StartFailure::BadWorkdir,
            } => 126,
            Self::Cancelled => 120,
        }
    }
}

/// Why a program could not be executed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StartFailure {
    /// No such file inside the sandbox (or its interpreter is missing).
    NotFound,
    /// The file is there but may not be or cannot be executed.
    NotExecutable,
    /// Arguments and environment together exceed what the kernel accepts.
    ArgumentsTooLong,
    /// The working directory does not exist inside the sandbox or may not be entered.
    BadWorkdir,
}

/// A signal number as Linux counts them.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(transparent)]
pub struct Signal(pub u8);

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.0 {
            1 => "SIGHUP",
            2 => "SIGINT",
            3 => "SIGQUIT",
            4 => "SIGILL",
            5 => "SIGTRAP",
            6 => "SIGABRT",
            7 => "SIGBUS",
            8 => "SIGFPE",
            9 => "SIGKILL",
            10 => "SIGUSR1",
            11 => "SIGSEGV",
            12 => "SIGUSR2",
            13 => "SIGPIPE",
            14 => "SIGALRM",
            15 => "SIGTERM",
            24 => "SIGXCPU",
            25 => "SIGXFSZ",
            31 => "SIGSYS",
            n => return write!(f, "signal {n}"),
        };
        f.write_str(name)
    }
}

/// What a command used, all its processes together.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Usage {
    /// CPU time in user and kernel mode.
    #[serde(rename = "cpu_time_us")]
    pub cpu_time: CpuTime,
    /// The part in user mode.
    #[serde(rename = "user_time_us")]
    pub user_time: CpuTime,
    /// The part in kernel mode.
    #[serde(rename = "system_time_us")]
    pub system_time: CpuTime,
    /// From start to end on the monotonic clock.
    #[serde(rename = "wall_time_us")]
    pub wall_time: WallTime,
    /// Most memory held at one moment.
    #[serde(rename = "peak_memory_bytes")]
    pub peak_memory: Bytes,
    /// Most processes and threads alive at one moment; `None` where the kernel does not record it (before 6.6).
    pub peak_processes: Option<u32>,
    /// How often a new process was refused because of the process limit.
    pub refused_processes: u64,
    /// Bytes fed to standard input through a pipe; a file that was copied for the job is not counted.
    pub input_bytes: u64,
    /// Bytes written to standard output and standard error.
    pub output_bytes: u64,
    /// Processes killed for want of memory.
    pub oom_kills: u64,
    /// Time the command was held back by the `cpus` limit.
    #[serde(rename = "throttled_time_us")]
    pub throttled_time: WallTime,
}

/// What a running command uses at one moment. A gauge: it is shown, and nothing is decided by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Sample {
    /// How long it has run.
    #[serde(rename = "wall_time_us")]
    pub wall_time: WallTime,
    /// CPU time of all its processes so far.
    #[serde(rename = "cpu_time_us")]
    pub cpu_time: CpuTime,
    /// Memory that it holds now.
    #[serde(rename = "memory_bytes")]
    pub memory: Bytes,
    /// Its processes and threads now.
    pub processes: u32,
}

impl Sample {
    /// Whether a machine could have measured this: what a worker sends is not believed beyond that.
    pub fn is_possible(&self) -> bool {
        // The kernel counts in signed numbers, and has 2^22 processes at most.
        let numbers = [self.wall_time.as_micros(), self.cpu_time.as_micros(), self.memory.get()];
        numbers.iter().all(|number| i64::try_from(*number).is_ok()) && self.processes <= 1 << 22
    }
}

/// What the sandbox cost around the command.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Timings {
    /// From asking for the sandbox to the program's first instruction.
    #[serde(rename = "setup_us")]
    pub setup: WallTime,
    /// From the program's first instruction to its end.
    #[serde(rename = "run_us")]
    pub run: WallTime,
    /// Killing what was left and removing the sandbox; zero while the sandbox lives on.
    #[serde(rename = "teardown_us")]
    pub teardown: WallTime,
}

/// For each limit, what enforced it.
pub type Receipt = BTreeMap<Limit, Enforcement>;

/// What stood behind one limit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Enforcement {
    /// A kernel mechanism, by name: `cgroup2 memory.max`.
    Kernel(Cow<'static, str>),
    /// Nothing: the limit could not be had and was waived by name. The text says why.
    Waived(String),
}

impl fmt::Display for Enforcement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kernel(mechanism) => f.write_str(mechanism),
            Self::Waived(why) => write!(f, "WAIVED: {why}"),
        }
    }
}

/// Captured standard output and standard error. Raw bytes: they may hold anything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Output {
    /// Standard output, up to the size that was asked for.
    pub stdout: Vec<u8>,
    /// Standard error, up to the size that was asked for.
    pub stderr: Vec<u8>,
    /// Whether more was written than was kept.
    pub truncated: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminations_have_the_documented_json() {
        for (termination, json) in [
            (Termination::Exited { code: 7 }, r#"{"kind":"exited","code":7}"#),
            (Termination::Signaled { signal: Signal(11) }, r#"{"kind":"signaled","signal":11}"#),
            (
                Termination::LimitExceeded { limit: Limit::CpuTime },
                r#"{"kind":"limit_exceeded","limit":"cpu_time"}"#,
            ),
            (
                Termination::ForbiddenSyscall { syscall: "ptrace".into() },
                r#"{"kind":"forbidden_syscall","syscall":"ptrace"}"#,
            ),
            (
                Termination::NotStarted { reason: StartFailure::NotFound },
                r#"{"kind":"not_started","reason":"not_found"}"#,
            ),
            (Termination::Cancelled, r#"{"kind":"cancelled"}"#),
        ] {
            assert_eq!(serde_json::to_string(&termination).ok().as_deref(), Some(json));
            assert_eq!(serde_json::from_str::<Termination>(json).ok(), Some(termination));
        }
    }

    #[test]
    fn every_end_has_its_documented_code() {
        let limit = |limit| Termination::LimitExceeded { limit };
        let not_started = |reason| Termination::NotStarted { reason };
        for (termination, code) in [
            (Termination::Exited { code: 0 }, 0),
            (Termination::Exited { code: 7 }, 7),
            (Termination::Exited { code: 255 }, 255),
            (Termination::Signaled { signal: Signal(9) }, 137),
            (Termination::Signaled { signal: Signal(11) }, 139),
            (Termination::Signaled { signal: Signal(64) }, 192),
            (limit(Limit::CpuTime), 124),
            (limit(Limit::WallTime), 124),
            (limit(Limit::IdleTime), 124),
            (limit(Limit::Memory), 123),
            (limit(Limit::Output), 122),
            (limit(Limit::Disk), 122),
            (limit(Limit::Inodes), 122),
            (limit(Limit::FileSize), 122),
            (limit(Limit::Processes), 122),
            (limit(Limit::OpenFiles), 122),
            (limit(Limit::Stack), 122),
            (limit(Limit::Cpus), 122),
            (Termination::ForbiddenSyscall { syscall: "ptrace".into() }, 121),
            (Termination::Cancelled, 120),
            (not_started(StartFailure::NotExecutable), 126),
            (not_started(StartFailure::ArgumentsTooLong), 126),
            (not_started(StartFailure::BadWorkdir), 126),
            (not_started(StartFailure::NotFound), 127),
        ] {
            assert_eq!(termination.exit_code(), code, "{termination:?}");
        }
    }
}

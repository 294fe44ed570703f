//! The exit codes of `dayfly`: one table, the same in the help, in the manual and here.

use dayfly_jobs::{Limit, StartFailure, Termination};

use crate::error::CliError;

/// The documented table, shown below `dayfly run --help`.
pub(crate) const TABLE: &str =
    "  0-119  the program's own exit code (it may use those below as well; --json tells them apart)
  120    cancelled: SIGINT, SIGTERM or SIGHUP reached dayfly
  121    stopped at a system call that the policy forbids
  122    stopped at the output, disk, inodes, file-size or another size or count limit
  123    stopped at the memory limit
  124    stopped at the cpu-time, wall-time or idle-time limit
  125    dayfly itself failed or refused; the program did not run to an end
  126    the program cannot be executed, its arguments are too long, or --workdir cannot be entered
  127    the program was not found inside the sandbox
  128+n  the program died on signal n; 141 also when the reader of dayfly's output went away";

/// Dayfly failed or refused.
pub(crate) const FAILED: u8 = 125;
/// Cancelled from outside.
pub(crate) const CANCELLED: u8 = 120;
/// What a program killed by SIGPIPE is seen with: 128 + 13.
const READER_GONE: u8 = 141;

/// The exit code for the end of a program.
pub(crate) fn of_termination(termination: &Termination) -> u8 {
    match termination {
        Termination::Exited { code } => *code,
        Termination::Signaled { signal } => 128_u8.saturating_add(signal.0),
        Termination::LimitExceeded { limit } => of_limit(*limit),
        Termination::ForbiddenSyscall { .. } => 121,
        Termination::NotStarted { reason: StartFailure::NotFound } => 127,
        Termination::NotStarted {
            reason: StartFailure::NotExecutable | StartFailure::ArgumentsTooLong | StartFailure::BadWorkdir,
        } => 126,
        Termination::Cancelled => CANCELLED,
    }
}

/// Processes, open files, stack and cpus refuse or slow the program instead of ending it; should a backend
/// ever stop a job over one of them, it counts as a limit on a size or count.
fn of_limit(limit: Limit) -> u8 {
    match limit {
        Limit::CpuTime | Limit::WallTime | Limit::IdleTime => 124,
        Limit::Memory => 123,
        Limit::Output | Limit::Disk | Limit::Inodes | Limit::FileSize => 122,
        Limit::Processes | Limit::OpenFiles | Limit::Stack | Limit::Cpus => 122,
    }
}

/// The exit code for an error of ours.
pub(crate) fn of_error(error: &CliError) -> u8 {
    match error {
        CliError::ReaderGone => READER_GONE,
        CliError::Usage { .. }
        | CliError::Unavailable { .. }
        | CliError::Config { .. }
        | CliError::Path { .. }
        | CliError::Policy(_)
        | CliError::Sandbox(_)
        | CliError::Output { .. }
        | CliError::Bench { .. }
        | CliError::Signals(_) => FAILED,
    }
}

#[cfg(test)]
mod tests {
    use dayfly_jobs::Signal;

    use super::*;

    fn limit(limit: Limit) -> Termination {
        Termination::LimitExceeded { limit }
    }

    fn not_started(reason: StartFailure) -> Termination {
        Termination::NotStarted { reason }
    }

    #[test]
    fn the_manual_has_the_table() {
        let manual = include_str!("../../docs/CONFIGURATION.md");
        assert!(manual.contains(TABLE), "copy TABLE to docs/CONFIGURATION.md");
    }

    #[test]
    fn every_end_has_its_documented_code() {
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
            assert_eq!(of_termination(&termination), code, "{termination:?}");
        }
    }

    #[test]
    fn errors_of_ours_are_never_mistaken_for_the_program() {
        assert_eq!(of_error(&CliError::usage("x", "y")), 125);
        assert_eq!(of_error(&CliError::config("x", "y")), 125);
        assert_eq!(of_error(&CliError::Unavailable { what: "x".into(), fix: "y" }), 125);
        let full = std::io::Error::from(std::io::ErrorKind::StorageFull);
        assert_eq!(of_error(&CliError::output("standard output", full)), 125);
        let gone = std::io::Error::from(std::io::ErrorKind::BrokenPipe);
        assert_eq!(of_error(&CliError::output("standard output", gone)), 141);
    }
}

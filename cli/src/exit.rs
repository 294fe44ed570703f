//! The exit codes of `dayfly`: one table, the same in the help, in the manual and here.

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
        | CliError::JobFile { .. }
        | CliError::Refused { .. }
        | CliError::Server { .. }
        | CliError::Runtime(_)
        | CliError::Bench { .. }
        | CliError::Listen { .. }
        | CliError::Scheduler(_)
        | CliError::Worker(_)
        | CliError::Signals(_) => FAILED,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manual_has_the_table() {
        let manual = include_str!("../../docs/CONFIGURATION.md");
        assert!(manual.contains(TABLE), "copy TABLE to docs/CONFIGURATION.md");
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

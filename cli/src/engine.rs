//! The seam to the jail. Translates a request, decides nothing.

use dayfly_jobs::{Outcome, Receipt};
use dayfly_sandbox::{Cancel, Command, Stdio};

use crate::error::CliError;
use crate::request::Request;

/// The three standard streams of a program.
pub(crate) struct Streams {
    /// Where its input comes from.
    pub(crate) stdin: Stdio,
    /// Where its output goes.
    pub(crate) stdout: Stdio,
    /// Where its diagnostics go.
    pub(crate) stderr: Stdio,
}

fn unlinked() -> CliError {
    CliError::Unavailable { what: "the jail".to_owned(), fix: "use a build with the sandbox in it" }
}

/// What would enforce each limit here.
pub(crate) fn enforcement(_request: &Request) -> Result<Receipt, CliError> {
    Err(unlinked())
}

/// Runs the program to its end.
pub(crate) fn run(request: &Request, streams: Streams, _cancel: &Cancel) -> Result<Outcome, CliError> {
    let _command = command(request, streams)?;
    Err(unlinked())
}

fn command(request: &Request, streams: Streams) -> Result<Command, CliError> {
    let Some((program, args)) = request.command.split_first() else {
        return Err(CliError::usage(
            "there is no program to run",
            "dayfly run [OPTIONS] -- PROGRAM [ARGS]...",
        ));
    };
    let command = Command::new(program, request.limits.clone()).args(args).workdir(&request.workdir);
    let command = request.env.iter().fold(command, |command, (key, value)| command.env(key, value));
    Ok(command.stdin(streams.stdin).stdout(streams.stdout).stderr(streams.stderr))
}

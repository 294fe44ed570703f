//! The seam to the jail. Translates a request, decides nothing.

use dayfly_jobs::{Outcome, Receipt};
use dayfly_sandbox::{Cancel, Command, Jail, JailBackend, Stdio};

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

/// The jail of a request. Building one refuses what this host cannot have.
fn jail(request: &Request) -> Result<Jail, CliError> {
    Ok(JailBackend::new(request.cgroup_parent.clone()).jail(&request.spec)?)
}

/// What enforces each limit here, or the error that running would give.
pub(crate) fn enforcement(request: &Request) -> Result<Receipt, CliError> {
    Ok(jail(request)?.receipt(&request.limits)?)
}

/// Runs the program to its end.
pub(crate) fn run(request: &Request, streams: Streams, cancel: &Cancel) -> Result<Outcome, CliError> {
    let command = command(request, streams)?;
    Ok(jail(request)?.run(&command, cancel)?)
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

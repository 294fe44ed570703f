//! The seam to the crates that do the work: policies and the jail. Translates, decides nothing.

use std::sync::Arc;

use dayfly_jobs::{Limits, Outcome, Receipt};
use dayfly_policies::Policy;
use dayfly_sandbox::{Cancel, Command, Stdio};

use crate::error::CliError;
use crate::request::Request;
use crate::values::PolicyRef;

/// The three standard streams of a program.
pub(crate) struct Streams {
    /// Where its input comes from.
    pub(crate) stdin: Stdio,
    /// Where its output goes.
    pub(crate) stdout: Stdio,
    /// Where its diagnostics go.
    pub(crate) stderr: Stdio,
}

fn unlinked(what: &str) -> CliError {
    CliError::Unavailable { what: what.to_owned(), fix: "use a build with the sandbox in it" }
}

/// The policy with this name or in this file.
pub(crate) fn policy(_wanted: &PolicyRef) -> Result<Arc<Policy>, CliError> {
    Err(unlinked("policies"))
}

/// The limits of a job that names none.
pub(crate) fn default_limits(_policy: &Policy) -> Result<Limits, CliError> {
    Err(unlinked("policies"))
}

/// What would enforce each limit here.
pub(crate) fn enforcement(_request: &Request) -> Result<Receipt, CliError> {
    Err(unlinked("the jail"))
}

/// Runs the program to its end.
pub(crate) fn run(request: &Request, streams: Streams, _cancel: &Cancel) -> Result<Outcome, CliError> {
    let _command = command(request, streams)?;
    Err(unlinked("the jail"))
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

/// The name of a request's policy.
pub(crate) fn policy_name(_request: &Request) -> &str {
    ""
}

/// Its name and what it is for.
pub(crate) fn policy_summary(_request: &Request) -> String {
    String::new()
}

/// The built-in policies.
pub(crate) fn policies() -> Result<Vec<Arc<Policy>>, CliError> {
    Err(unlinked("policies"))
}
/// name
pub(crate) fn name(_policy: &Policy) -> &str {
    ""
}
/// row
pub(crate) fn description(_policy: &Policy) -> [String; 2] {
    [String::new(), String::new()]
}
/// text
pub(crate) fn show(_policy: &Policy) -> Result<String, CliError> {
    Err(unlinked("policies"))
}

//! A whole program as others would start it, from start to end.

use std::ffi::{OsStr, OsString};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::rounds::Contender;
use crate::error::CliError;

/// A program and its arguments. It gets our environment and no streams.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    path: OsString,
    args: Vec<OsString>,
}

impl Program {
    /// Without arguments.
    pub(crate) fn new(path: impl AsRef<OsStr>) -> Self {
        Self { path: path.as_ref().to_owned(), args: Vec::new() }
    }

    /// Adds arguments.
    #[must_use]
    pub(crate) fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.path);
        command.args(&self.args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    /// Runs it to its end and gives what it wrote to standard output.
    pub(crate) fn output(&self) -> Result<String, CliError> {
        let output = self.command().stdout(Stdio::piped()).output().map_err(|error| self.failed(&error))?;
        match output.status.success() {
            true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
            false => Err(self.explained()),
        }
    }

    /// The error of a run that did not succeed, with what it says when it is run once more.
    fn explained(&self) -> CliError {
        match self.command().stderr(Stdio::piped()).output() {
            Ok(output) => {
                let said = String::from_utf8_lossy(&output.stderr);
                self.failed(&format_args!("{}: {}", output.status, said.trim()))
            }
            Err(error) => self.failed(&error),
        }
    }

    fn failed(&self, why: &dyn std::fmt::Display) -> CliError {
        let words: Vec<_> =
            [&self.path].into_iter().chain(&self.args).map(|word| word.to_string_lossy()).collect();
        CliError::bench(format!("cannot measure {}: {why}", self.path.display()), words.join(" "))
    }
}

impl Contender for Program {
    fn once(&mut self) -> Result<Duration, CliError> {
        let mut command = self.command();
        let start = Instant::now();
        let status = command.status().map_err(|error| self.failed(&error))?;
        let time = start.elapsed();
        if status.success() { Ok(time) } else { Err(self.explained()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_fails_is_not_a_fast_one() {
        assert!(Program::new("/bin/true").once().is_ok());
        let error = Program::new("/bin/sh").args(["-c", "echo no luck >&2; exit 3"]).once().unwrap_err();
        assert!(error.to_string().contains("exit status: 3: no luck"), "{error}");
        assert!(error.fix().unwrap().contains("/bin/sh -c"));
        assert!(Program::new("/no/such/program").once().is_err());
    }

    #[test]
    fn output_is_given_only_of_success() {
        assert_eq!(Program::new("/bin/echo").args(["7"]).output().unwrap(), "7\n");
        assert!(Program::new("/bin/false").output().is_err());
    }
}

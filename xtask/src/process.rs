//! Running other programs: every command is printed before it runs, and a failure names it.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::error::Error;
use crate::out;

/// A command to run.
pub(crate) struct Run {
    pub(crate) command: Command,
    /// Variables that are not shown.
    hidden: Vec<&'static str>,
}

impl Run {
    pub(crate) fn new(program: impl AsRef<OsStr>) -> Self {
        Self { command: Command::new(program), hidden: Vec::new() }
    }

    /// The cargo that runs us, so that a chosen toolchain stays chosen.
    pub(crate) fn cargo() -> Self {
        Self::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
    }

    pub(crate) fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.command.arg(arg);
        self
    }

    pub(crate) fn args(mut self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.command.args(args);
        self
    }

    pub(crate) fn env(mut self, key: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(key, value);
        self
    }

    /// Sets a variable that is not shown.
    pub(crate) fn hide(&mut self, key: &'static str, value: &str) {
        self.command.env(key, value);
        self.hidden.push(key);
    }

    pub(crate) fn dir(mut self, dir: &Path) -> Self {
        self.command.current_dir(dir);
        self
    }

    /// As it would be typed: the variables we set, the program's name, the arguments.
    pub(crate) fn shown(&self) -> String {
        let variables = self
            .command
            .get_envs()
            .filter(|(key, _)| !self.hidden.iter().any(|hidden| key == hidden))
            .filter_map(|(key, value)| Some(format!("{}={}", key.display(), value?.display())));
        let program = Path::new(self.command.get_program());
        let name = program.file_name().unwrap_or(program.as_os_str()).display().to_string();
        let args = self.command.get_args().map(|arg| quoted(&arg.to_string_lossy()));
        variables.chain([name]).chain(args).collect::<Vec<_>>().join(" ")
    }

    /// Prints and runs it, with our own streams; an error unless it succeeds.
    pub(crate) fn run(mut self) -> Result<(), Error> {
        let shown = self.shown();
        out::command(&shown);
        let status = self.command.status().map_err(|source| self.spawn_error(source))?;
        if status.success() {
            Ok(())
        } else {
            Err(Error::Failed { command: shown, status: status.to_string() })
        }
    }

    /// Prints and runs it, with our own streams; its exit code, which may be any.
    pub(crate) fn code(mut self) -> Result<i32, Error> {
        out::command(&self.shown());
        let status = self.command.status().map_err(|source| self.spawn_error(source))?;
        Ok(status.code().unwrap_or(-1))
    }

    /// Runs it unseen and collects what it printed, whether it succeeds or not.
    pub(crate) fn output(mut self) -> Result<Output, Error> {
        self.command.stdin(Stdio::null()).output().map_err(|source| self.spawn_error(source))
    }

    /// Runs it unseen; its standard output, or an error unless it succeeds.
    pub(crate) fn stdout(self) -> Result<Vec<u8>, Error> {
        let shown = self.shown();
        let output = self.output()?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let status = format!("{}: {}", output.status, said.trim());
        Err(Error::Failed { command: shown, status })
    }

    /// Whether it can be started and succeeds. What it prints is not shown.
    pub(crate) fn succeeds(self) -> bool {
        self.output().is_ok_and(|output| output.status.success())
    }

    pub(crate) fn spawn_error(&self, source: std::io::Error) -> Error {
        Error::Spawn { program: self.command.get_program().to_string_lossy().into_owned(), source }
    }
}

/// `text` in single quotes where a shell would need them.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,+@%".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_shown_as_it_would_be_typed() {
        let run = Run::new("/usr/bin/cargo").args(["test", "a b", "it's"]).env("A", "1");
        assert_eq!(run.shown(), r"A=1 cargo test 'a b' 'it'\''s'");
    }

    #[test]
    fn failures_name_the_command() {
        let error = Run::new("false").stdout().unwrap_err().to_string();
        assert!(error.contains("`false` failed"), "{error}");
        let error = Run::new("/no/such/program").stdout().unwrap_err().to_string();
        assert!(error.contains("/no/such/program"), "{error}");
    }
}

//! A job as plain lines, for files and programs: the output as it is, with a line before and after each step.

use std::io::Write;

use super::super::{Patient, Stream};
use super::{line, summary};
use crate::error::CliError;
use crate::watch::story::Scene;

/// Plain lines on standard output.
#[derive(Debug)]
pub(crate) struct Plain {
    steps: Vec<String>,
    file: Patient,
    open_line: bool,
}

impl Plain {
    pub(super) fn open(steps: Vec<String>) -> Result<Self, CliError> {
        let file = Stream::Stdout.open().map_err(broken)?;
        Ok(Self { steps, file, open_line: false })
    }

    pub(super) fn show(&mut self, scene: Scene) -> Result<(), CliError> {
        let name = |step: usize| self.steps.get(step).map(String::as_str).unwrap_or_default();
        match scene {
            Scene::Job(happened) => {
                line(&happened).map_or(Ok(()), |line| self.say(&format!("dayfly: {line}")))
            }
            Scene::Begin(step) => self.say(&format!("> {}", name(step))),
            Scene::End(step, result) => self.say(&summary(name(step), &result)),
            Scene::Output(bytes) => {
                self.open_line = bytes.last().is_some_and(|byte| *byte != b'\n');
                self.file.write_all(&bytes).map_err(broken)
            }
        }
    }

    fn say(&mut self, text: &str) -> Result<(), CliError> {
        self.end_line()?;
        self.file.write_all(format!("{text}\n").as_bytes()).map_err(broken)
    }

    /// What is said next stands on a line of its own.
    pub(super) fn end_line(&mut self) -> Result<(), CliError> {
        match std::mem::take(&mut self.open_line) {
            true => self.file.write_all(b"\n").map_err(broken),
            false => Ok(()),
        }
    }
}

fn broken(error: std::io::Error) -> CliError {
    CliError::output(Stream::Stdout.name(), error)
}

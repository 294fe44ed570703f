//! A job as plain lines, for files and programs: the output as it is, with a line before and after each step.

use super::super::LogSink;
use super::{line, skipped, stopped, summary};
use crate::error::CliError;
use crate::watch::story::Scene;

/// Plain lines on standard output.
#[derive(Debug)]
pub(crate) struct Plain {
    steps: Vec<String>,
    sink: LogSink,
    open_line: bool,
}

impl Plain {
    pub(super) fn open(steps: Vec<String>) -> Result<Self, CliError> {
        Ok(Self { steps, sink: LogSink::open(false)?, open_line: false })
    }

    pub(super) fn show(&mut self, scene: Scene) -> Result<(), CliError> {
        let name = |step: usize| self.steps.get(step).map(String::as_str).unwrap_or_default();
        match scene {
            Scene::Job(happened) => {
                line(&happened).map_or(Ok(()), |line| self.say(&format!("dayfly: {line}")))
            }
            Scene::Begin(step) => self.say(&format!("> {}", name(step))),
            Scene::End(step, result) => self.say(&summary(name(step), &result)),
            Scene::Skip(step) => self.say(&skipped(name(step))),
            Scene::Stop(step) => self.say(&stopped(name(step))),
            Scene::Output(bytes) => {
                self.open_line = bytes.last().is_some_and(|byte| *byte != b'\n');
                self.sink.write(&bytes)
            }
        }
    }

    pub(super) fn say(&mut self, text: &str) -> Result<(), CliError> {
        self.end_line()?;
        self.sink.write(format!("{text}\n").as_bytes())
    }

    /// What is said next stands on a line of its own.
    pub(super) fn end_line(&mut self) -> Result<(), CliError> {
        self.sink.finish()?;
        match std::mem::take(&mut self.open_line) {
            true => self.sink.write(b"\n"),
            false => Ok(()),
        }
    }
}

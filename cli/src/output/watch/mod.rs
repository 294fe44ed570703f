//! A job as it runs: on a terminal live and folded, else as plain lines.

use dayfly_jobs::StepResult;
use dayfly_jobs::wire::{Happened, JobDetail, RunningStep};

use super::human::Colours;
use super::jobs::{end, mark, verdict};
use super::table::{size, time};
use super::{Stream, colours_wanted, is_dumb};
use crate::args::Global;
use crate::error::CliError;
use crate::watch::story::Scene;

mod live;
mod plain;

use live::Live;
use plain::Plain;

/// How a job is shown.
#[derive(Debug)]
pub(crate) enum View {
    /// Somebody looks, on a terminal whose lines can be written anew.
    Live(Box<Live>),
    /// It goes to a file, a program, or a terminal that only goes forward.
    Plain(Plain),
    /// Only the result is wanted.
    Silent,
}

impl View {
    /// As the options and the terminal ask.
    pub(crate) fn open(job: &JobDetail, global: &Global) -> Result<Self, CliError> {
        let names = job.spec.steps.iter().map(|step| step.name.clone()).collect();
        let id = job.summary.id;
        let moves = Stream::Stdout.is_terminal() && !is_dumb();
        Ok(match (global.json, moves) {
            (true, _) => Self::Silent,
            (false, false) => Self::Plain(Plain::open(names)?),
            (false, true) => Self::Live(Box::new(Live::open(id, names, global.verbose > 0, colours()))),
        })
    }

    /// Shows what comes next.
    pub(crate) fn show(&mut self, scene: Scene) -> Result<(), CliError> {
        match self {
            Self::Live(live) => live.show(scene),
            Self::Plain(plain) => plain.show(scene),
            Self::Silent => Ok(()),
        }
    }

    /// Shows what the step that runs uses.
    pub(crate) fn usage(&mut self, running: &RunningStep) {
        match self {
            Self::Live(live) => live.usage(running),
            Self::Plain(_) | Self::Silent => {}
        }
    }

    /// Says why the job waits.
    pub(crate) fn waits(&mut self, why: &str) -> Result<(), CliError> {
        match self {
            Self::Live(live) => live.waits(why),
            Self::Plain(plain) => plain.say(&format!("dayfly: {why}")),
            Self::Silent => Ok(()),
        }
    }

    /// Says that the scheduler does not answer.
    pub(crate) fn away(&mut self) -> Result<(), CliError> {
        const AWAY: &str = "the scheduler does not answer; trying again";
        match self {
            Self::Live(live) => live.say(AWAY),
            Self::Plain(plain) => plain.say(&format!("dayfly: {AWAY}")),
            Self::Silent => Ok(()),
        }
    }

    /// Time has passed.
    pub(crate) fn tick(&mut self) -> Result<(), CliError> {
        match self {
            Self::Live(live) => live.tick(),
            Self::Plain(_) | Self::Silent => Ok(()),
        }
    }

    /// Leaves the terminal as it should be.
    pub(crate) fn close(self) -> Result<(), CliError> {
        match self {
            Self::Live(live) => live.close(),
            Self::Plain(mut plain) => plain.end_line(),
            Self::Silent => Ok(()),
        }
    }
}

fn colours() -> Colours {
    Colours { on: colours_wanted() }
}

/// What happened to the job, as a line; nothing for what the steps show.
fn line(happened: &Happened) -> Option<String> {
    match happened {
        Happened::Submitted => Some("queued".to_owned()),
        Happened::Leased { worker } => Some(format!("runs on {worker}")),
        Happened::HandedBack { worker } => {
            Some(format!("{worker} gave it back; it waits for another worker"))
        }
        Happened::Failed { worker, error } => Some(format!("{worker} could not run it: {error}")),
        Happened::Lost { worker } => Some(format!("{worker} was lost; it waits for another worker")),
        Happened::CancelRequested => Some("to be cancelled".to_owned()),
        Happened::Refused { .. }
        | Happened::StepStarted { .. }
        | Happened::StepEnded { .. }
        | Happened::Ended { .. } => None,
    }
}

/// A step that was not run.
fn skipped(name: &str) -> String {
    format!("- {name}: skipped")
}

/// A step that the end of the job ended.
fn stopped(name: &str) -> String {
    format!("✗ {name}: stopped")
}

/// How a step ended and what it used.
fn summary(name: &str, result: &StepResult) -> String {
    match &result.outcome {
        None => skipped(name),
        Some(outcome) => {
            let usage = &outcome.usage;
            let (wall, cpu) = (time(usage.wall_time.as_micros()), time(usage.cpu_time.as_micros()));
            let memory = size(usage.peak_memory.get());
            let mark = mark(result);
            format!("{mark} {name}: {} in {wall}, cpu {cpu}, memory {memory}", end(Some(outcome)))
        }
    }
}

/// The last line.
pub(crate) fn ending(job: &JobDetail) -> String {
    let summary = &job.summary;
    let end = match &job.result {
        Some(result) => verdict(&result.verdict, &job.spec),
        None => {
            let state = summary.state.name().replace('_', " ");
            match summary.reason.as_deref() {
                None => state,
                Some(reason) if reason.starts_with(&state) => reason.to_owned(),
                Some(reason) => format!("{state}: {reason}"),
            }
        }
    };
    format!("dayfly: job {} '{}' {end}\n", summary.id, summary.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_said_once() {
        for (state, reason, said) in [
            ("cancelled", Some("cancelled by its owner"), "cancelled by its owner"),
            ("cancelled", None, "cancelled"),
            ("infrastructure_error", Some("no room"), "infrastructure error: no room"),
        ] {
            let text = "steps: [{run: make}]";
            let spec = dayfly_jobs::JobSpec::parse(text, dayfly_jobs::Format::Yaml).unwrap();
            let job = serde_json::from_value(serde_json::json!({
                "id": "01m9x3s0d8kq3v7zj2r5t6w8ab", "name": "n", "tenant": "t", "queue": "q", "priority": 0,
                "state": state, "attempt": 1, "strikes": 0, "cancel": true, "submitted_ms": 0, "reason": reason,
                "spec": spec,
            }));
            let expected = format!("dayfly: job 01m9x3s0d8kq3v7zj2r5t6w8ab 'n' {said}\n");
            assert_eq!(ending(&job.unwrap()), expected);
        }
    }
}

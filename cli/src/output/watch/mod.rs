//! A job as it runs: on a terminal live and folded, else as plain lines.

use dayfly_jobs::StepResult;
use dayfly_jobs::wire::{Happened, JobDetail};

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
        let moves = Stream::Stdout.is_terminal() && !is_dumb();
        Ok(match (global.json, moves) {
            (true, _) => Self::Silent,
            (false, false) => Self::Plain(Plain::open(names)?),
            (false, true) => Self::Live(Box::new(Live::open(names, global.verbose > 0, colours()))),
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

    /// Says why the job waits.
    pub(crate) fn waits(&mut self, why: &str) -> Result<(), CliError> {
        match self {
            Self::Live(live) => live.waits(why),
            Self::Plain(plain) => plain.say(&format!("dayfly: {why}")),
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
            let reason = summary.reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
            format!("{}{reason}", summary.state.name().replace('_', " "))
        }
    };
    format!("dayfly: job {} '{}' {end}\n", summary.id, summary.name)
}

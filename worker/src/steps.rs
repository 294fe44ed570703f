//! Runs the steps of a job one after another and makes the verdict of how they ended.

use std::time::{Duration, Instant};

use dayfly_jobs::wire::{Lease, Progress};
use dayfly_jobs::{
    JobSpec, Limit, Limits, Outcome, StartFailure, Step, StepInput, StepResult, Termination, Verdict,
    WallTime,
};
use dayfly_sandbox::{Command, Sandbox, SandboxError, Stdio};

use crate::beneath::{self, AsOwner};
use crate::error::Halt;
use crate::journal::Journal;
use crate::request::{self, Request, WORKSPACE};
use crate::stop::Stop;

/// How the steps of a job ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Ran {
    pub(crate) steps: Vec<StepResult>,
    pub(crate) verdict: Verdict,
}

/// What happened to one step that was run.
struct Done {
    /// `None` when it could not be started because its input is missing.
    outcome: Option<Outcome>,
    termination: Termination,
}

/// Runs them.
pub(crate) fn run(
    sandbox: &mut dyn Sandbox,
    lease: &Lease,
    request: &Request,
    journal: &Journal,
    stop: &Stop,
) -> Result<Ran, Halt> {
    let begin = Instant::now();
    let spec = &lease.spec;
    let mut ran = Ran { steps: Vec::new(), verdict: Verdict::Passed };
    for (place, step) in spec.steps.iter().enumerate() {
        if stop.why().is_some() {
            return Err(Halt::Stopped);
        }
        let since: WallTime = begin.elapsed().into();
        let log_start = journal.border();
        let left = spec.timeouts.total.map(|total| total.as_duration().saturating_sub(begin.elapsed()));
        let due = is_due(step, &ran.verdict) && left != Some(Duration::ZERO);
        let outcome = if due {
            journal.say(Progress::StepStarted { step: place, log_start });
            let limits = within(request.limits(step), left);
            match exec(sandbox, place, step, limits, request, journal, stop) {
                Ok(done) => {
                    judge(&mut ran.verdict, place, step, &done.termination, left);
                    done.outcome
                }
                Err(Halt::Bad(reason)) => {
                    ran.verdict = Verdict::BadInput { reason: format!("step '{}': {reason}", step.name) };
                    None
                }
                Err(halt) => return Err(halt),
            }
        } else {
            None
        };
        let name = step.name.clone();
        let result = StepResult { name, outcome, log_start, log_end: journal.border(), begin: since };
        if due {
            journal.say(Progress::StepEnded { step: place, result: Box::new(result.clone()) });
        }
        ran.steps.push(result);
    }
    Ok(ran)
}

/// Whether a step runs after what happened so far. Nothing runs when the time of the whole job is over.
fn is_due(step: &Step, verdict: &Verdict) -> bool {
    match verdict {
        Verdict::Passed => true,
        Verdict::Failed { .. } => step.always,
        Verdict::TimedOut { .. } | Verdict::BadOutput { .. } | Verdict::BadInput { .. } => false,
    }
}

/// The limits of a step, with no more time than the job has left.
fn within(limits: Limits, left: Option<Duration>) -> Limits {
    match left {
        Some(left) => Limits { wall_time: limits.wall_time.min(left.into()), ..limits },
        None => limits,
    }
}

/// What the end of a step means for the job. The first step that fails decides, unless the time is over.
fn judge(verdict: &mut Verdict, place: usize, step: &Step, ended: &Termination, left: Option<Duration>) {
    let late = *ended == Termination::LimitExceeded { limit: Limit::WallTime };
    let by_job = left.is_some_and(|left| left < step.limits.wall_time.as_duration());
    if late && by_job {
        *verdict = Verdict::TimedOut { step: place };
    } else if *ended != (Termination::Exited { code: 0 })
        && !step.continue_on_error
        && *verdict == Verdict::Passed
    {
        *verdict = Verdict::Failed { step: place, termination: ended.clone() };
    }
}

fn exec(
    sandbox: &mut dyn Sandbox,
    place: usize,
    step: &Step,
    limits: Limits,
    request: &Request,
    journal: &Journal,
    stop: &Stop,
) -> Result<Done, Halt> {
    let stdin = match input(sandbox, step)? {
        Ok(stdin) => stdin,
        Err(problem) => {
            journal.remark(&format!("step '{}': standard input: {problem}", step.name));
            let termination = Termination::NotStarted { reason: StartFailure::NotFound };
            return Ok(Done { outcome: None, termination });
        }
    };
    let command = command(place, step, limits, request).stdin(stdin);
    let command = command.stdout(Stdio::sink(journal.writer())).stderr(Stdio::joined());
    let command = command.meter(journal.meter(place));
    let outcome = sandbox.exec(&command, stop.cancel()).map_err(fault)?;
    if outcome.termination == Termination::Cancelled {
        return Err(Halt::Stopped);
    }
    Ok(Done { termination: outcome.termination.clone(), outcome: Some(outcome) })
}

fn command(place: usize, step: &Step, limits: Limits, request: &Request) -> Command {
    let (program, arguments) = request::program(place, &step.action);
    let workdir = match &step.workdir {
        Some(folder) => format!("{WORKSPACE}/{folder}"),
        None => WORKSPACE.to_owned(),
    };
    let command = Command::new(program, limits).args(arguments).workdir(workdir);
    request.env(step).iter().fold(command, |command, (key, value)| command.env(key, value))
}

/// A step's standard input, or why it cannot be had: the job may have made anything of the file.
fn input(sandbox: &dyn Sandbox, step: &Step) -> Result<Result<Stdio, String>, Halt> {
    match &step.stdin {
        None => Ok(Ok(Stdio::null())),
        Some(StepInput::Inline(text)) => Ok(Ok(Stdio::bytes(text.clone().into_bytes()))),
        Some(StepInput::File(path)) => {
            let _owner = AsOwner::of(sandbox.workspace())?;
            let opened = beneath::open_file(sandbox.workspace(), path.as_bytes());
            Ok(opened.map(|(file, _)| Stdio::file(file)).map_err(|why| format!("{path}: {why}")))
        }
    }
}

/// Which errors of the sandbox are the job's own: it asks for something that no host can give.
pub(crate) fn fault(error: SandboxError) -> Halt {
    match error {
        SandboxError::TooSmall { .. }
        | SandboxError::FullOfFiles { .. }
        | SandboxError::BadCommand { .. }
        | SandboxError::NetworkRefused { .. } => Halt::Bad(error.to_string()),
        SandboxError::Policy(_) => Halt::Bad(error.to_string()),
        other => Halt::Ours(other.into()),
    }
}

/// The verdict of a job that could not begin.
pub(crate) fn not_begun(spec: &JobSpec, reason: String) -> Ran {
    let skipped = |step: &Step| StepResult {
        name: step.name.clone(),
        outcome: None,
        log_start: 0,
        log_end: 0,
        begin: WallTime::default(),
    };
    Ran { steps: spec.steps.iter().map(skipped).collect(), verdict: Verdict::BadInput { reason } }
}

#[cfg(test)]
mod tests;

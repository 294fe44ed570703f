//! Jobs for people: tables and stories. Pure: values in, text out.

use dayfly_jobs::wire::{Explanation, JobDetail, JobSummary, RunningStep};
use dayfly_jobs::{JobSpec, Outcome, StepResult, Termination, Verdict};

use super::moment::{moment, span};
use super::table::{render, size, time};

/// Jobs, one on a line.
pub(crate) fn list(jobs: &[JobSummary]) -> String {
    let head = ["id", "state", "exit", "name", "queue", "submitted (UTC)", "took"].map(str::to_owned);
    let row = |job: &JobSummary| {
        [
            job.id.to_string(),
            state(job),
            job.exit_code.map(|code| code.to_string()).unwrap_or_default(),
            shortened(&job.name, 40),
            job.queue.to_string(),
            moment(job.submitted_ms),
            took(job).unwrap_or_default(),
        ]
    };
    match jobs.is_empty() {
        true => "there are no such jobs\n".to_owned(),
        false => render(&[head].into_iter().chain(jobs.iter().map(row)).collect::<Vec<_>>(), ""),
    }
}

fn state(job: &JobSummary) -> String {
    let cancelling = job.cancel && !job.state.is_end();
    format!("{}{}", job.state.name(), if cancelling { ", to be cancelled" } else { "" })
}

fn took(job: &JobSummary) -> Option<String> {
    Some(span(job.ended_ms?.millis_since(job.started_ms?)))
}

/// What a job wrote, for one cell: it can neither begin a line of its own nor fill the screen.
fn shortened(text: &str, most: usize) -> String {
    let plain = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    let more = if text.chars().count() > most { "…" } else { "" };
    text.chars().take(most).map(plain).chain(more.chars()).collect()
}

/// One job in full.
pub(crate) fn detail(job: &JobDetail) -> String {
    let summary = &job.summary;
    let mut rows = vec![
        ["job".to_owned(), summary.id.to_string()],
        ["name".to_owned(), summary.name.clone()],
        ["state".to_owned(), state(summary)],
    ];
    let mut row =
        |name: &str, value: Option<String>| rows.extend(value.map(|value| [name.to_owned(), value]));
    row("result", job.result.as_ref().map(|result| verdict(&result.verdict, &job.spec)));
    row("reason", summary.reason.clone());
    row("exit code", summary.exit_code.map(|code| code.to_string()));
    row("tenant", Some(summary.tenant.to_string()));
    row("queue", Some(format!("{}, priority {}", summary.queue, summary.priority)));
    row("worker", summary.worker.as_ref().map(ToString::to_string));
    row(
        "attempt",
        (summary.attempt.0 > 1 || summary.strikes > 0)
            .then(|| format!("{}, {} lost or failed", summary.attempt, summary.strikes)),
    );
    row("running", job.running.as_ref().map(|running| running_step(running, &job.spec)));
    row("retry of", summary.retry_of.map(|id| id.to_string()));
    row("submitted", Some(moment(summary.submitted_ms)));
    row("started", summary.started_ms.map(moment));
    row("ended", summary.ended_ms.map(moment));
    row("took", took(summary));
    let steps = job.result.as_ref().map(|result| steps(&result.steps)).unwrap_or_default();
    format!("{}{steps}{}", render(&rows, ""), files(job))
}

/// What the step that runs uses.
fn running_step(running: &RunningStep, spec: &JobSpec) -> String {
    let sample = &running.sample;
    let name = spec.steps.get(running.step).map(|step| shortened(&step.name, 40)).unwrap_or_default();
    let [wall, cpu] =
        [sample.wall_time.as_micros(), sample.cpu_time.as_micros()].map(|time| span(time / 1000));
    let (memory, processes) = (size(sample.memory.get()), sample.processes);
    format!("step '{name}' for {wall}, cpu {cpu}, memory {memory}, processes {processes}")
}

fn steps(steps: &[StepResult]) -> String {
    let head = ["", "step", "end", "wall", "cpu", "memory", "output"].map(str::to_owned);
    let row = |step: &StepResult| {
        let used = |shown: fn(&Outcome) -> String| step.outcome.as_ref().map(shown).unwrap_or_default();
        [
            mark(step).to_owned(),
            shortened(&step.name, 40),
            end(step.outcome.as_ref()),
            used(|outcome| time(outcome.usage.wall_time.as_micros())),
            used(|outcome| time(outcome.usage.cpu_time.as_micros())),
            used(|outcome| size(outcome.usage.peak_memory.get())),
            used(|outcome| size(outcome.usage.output_bytes)),
        ]
    };
    format!("\n{}", render(&[head].into_iter().chain(steps.iter().map(row)).collect::<Vec<_>>(), ""))
}

/// One sign for how a step ended.
pub(crate) fn mark(step: &StepResult) -> &'static str {
    match step.outcome.as_ref().map(|outcome| &outcome.termination) {
        None => "-",
        Some(Termination::Exited { code: 0 }) => "✓",
        Some(_) => "✗",
    }
}

/// How a step ended, in a few words.
pub(crate) fn end(outcome: Option<&Outcome>) -> String {
    match outcome {
        None => "skipped".to_owned(),
        Some(outcome) => termination(&outcome.termination),
    }
}

fn termination(termination: &Termination) -> String {
    match termination {
        Termination::Exited { code: 0 } => "passed".to_owned(),
        Termination::Exited { code } => format!("exit code {code}"),
        Termination::Signaled { signal } => format!("died on {signal}"),
        Termination::LimitExceeded { limit } => format!("over the {limit} limit"),
        Termination::ForbiddenSyscall { syscall } => format!("forbidden system call {syscall}"),
        Termination::NotStarted { .. } => format!("not started, exit code {}", termination.exit_code()),
        Termination::Cancelled => "cancelled".to_owned(),
    }
}

/// How a job ended, as a sentence.
pub(crate) fn verdict(verdict: &Verdict, spec: &JobSpec) -> String {
    let name = |step: usize| spec.steps.get(step).map(|step| step.name.as_str()).unwrap_or_default();
    match verdict {
        Verdict::Passed => "passed".to_owned(),
        Verdict::Failed { step, termination: end } => {
            format!("failed: step '{}': {}", name(*step), termination(end))
        }
        Verdict::TimedOut { step } => format!("failed: out of time in step '{}'", name(*step)),
        Verdict::BadOutput { reason } => format!("failed: outputs: {reason}"),
        Verdict::BadInput { reason } => format!("failed: inputs: {reason}"),
    }
}

fn files(job: &JobDetail) -> String {
    let Some(result) = &job.result else { return String::new() };
    let artifact =
        |file: &dayfly_jobs::Artifact| [file.name.clone(), shortened(&file.path, 60), size(file.size.get())];
    let output = |file: &dayfly_jobs::OutputFile| {
        let first = file.text.as_deref().and_then(|text| text.lines().next()).unwrap_or("(no text)");
        [file.name.clone(), shortened(&file.path, 60), shortened(first, 60)]
    };
    let mut text = String::new();
    for (title, rows) in [
        ("outputs", result.outputs.iter().map(output).collect::<Vec<_>>()),
        ("artifacts", result.artifacts.iter().map(artifact).collect()),
    ] {
        if !rows.is_empty() {
            text += &format!("\n{title}\n{}", render(&rows, "  "));
        }
    }
    text
}

/// What there is to get.
pub(crate) fn artifacts(files: &[dayfly_jobs::Artifact]) -> String {
    let head = ["name", "path", "size", "sha256"].map(str::to_owned);
    let row = |file: &dayfly_jobs::Artifact| {
        [file.name.clone(), shortened(&file.path, 200), size(file.size.get()), file.digest.to_string()]
    };
    match files.is_empty() {
        true => "the job has no artifacts\n".to_owned(),
        false => render(&[head].into_iter().chain(files.iter().map(row)).collect::<Vec<_>>(), ""),
    }
}

/// The story of a job.
pub(crate) fn explanation(told: &Explanation) -> String {
    let rows: Vec<_> = told.story.iter().map(|line| [moment(line.at_ms), line.text.clone()]).collect();
    format!("{}\n\n{}", told.summary, render(&rows, ""))
}

#[cfg(test)]
mod tests;

//! Why a job is where it is, in words, from its events and from what the store says about waiting. Pure.

use dayfly_jobs::wire::{Explanation, Happened, JobDetail, JobEvent, StoryLine, Waiting};
use dayfly_jobs::{State, Termination, Verdict};

/// Tells the story of a job.
pub(crate) fn explain(job: &JobDetail, events: &[JobEvent], waiting: Option<Waiting>) -> Explanation {
    let story = events.iter().map(|event| StoryLine { at_ms: event.at_ms, text: sentence(job, event) });
    Explanation {
        id: job.summary.id,
        state: job.summary.state,
        summary: summary(job, waiting.as_ref()),
        waiting,
        story: story.collect(),
    }
}

fn summary(job: &JobDetail, waiting: Option<&Waiting>) -> String {
    let own = &job.summary;
    let worker = || own.worker.as_ref().map_or("a worker".to_owned(), |name| format!("worker {name}"));
    let reason = || own.reason.clone().unwrap_or_else(|| "no reason was noted".to_owned());
    match own.state {
        State::Queued => format!("It waits: {}", waiting.map_or("its turn comes now.".to_owned(), why)),
        State::Leased => format!("{} has it and prepares its sandbox (attempt {}).", worker(), own.attempt),
        State::Running if own.cancel => {
            format!("{} is stopping it, because it is to be cancelled.", worker())
        }
        State::Running => format!("{} runs it (attempt {}).", worker(), own.attempt),
        State::Finished => match &job.result {
            Some(result) => format!("It ran on {}: {}", worker(), verdict(job, &result.verdict)),
            None => format!("It ran on {}.", worker()),
        },
        State::Cancelled => format!("It was cancelled: {}.", reason()),
        State::InfrastructureError => {
            format!(
                "It could not be run, for no fault of its own, in {} attempts: {}.",
                own.strikes,
                reason()
            )
        }
        State::Quarantined => format!(
            "Its worker was lost in each of {} attempts, so it is not tried again: it may be what kills them. {}.",
            own.strikes,
            reason()
        ),
    }
}

fn why(waiting: &Waiting) -> String {
    match waiting {
        Waiting::NoWorkers => {
            "no worker was heard of lately. Start one: `dayfly worker --server URL`, or `dayfly up`."
                .to_owned()
        }
        Waiting::NoFit { missing } => {
            format!(
                "no worker has what it asks for. The one that comes closest lacks {}.",
                missing.join(", ")
            )
        }
        Waiting::Cap { of, most } => {
            format!("{of} runs {most} jobs, which is all it may; it goes on when one of them ends.")
        }
        Waiting::Turn { ahead: 0 } => "it is next, as soon as a worker has room.".to_owned(),
        Waiting::Turn { ahead: 1 } => "one job is before it for the same workers.".to_owned(),
        Waiting::Turn { ahead } => format!("{ahead} jobs are before it for the same workers."),
    }
}

fn verdict(job: &JobDetail, verdict: &Verdict) -> String {
    match verdict {
        Verdict::Passed => "it passed.".to_owned(),
        Verdict::Failed { step, termination } => {
            format!("step {} {}.", step_name(job, *step), ended(termination))
        }
        Verdict::TimedOut { step } => format!(
            "its steps together took longer than its `timeouts.total`; step {} was killed then.",
            step_name(job, *step)
        ),
        Verdict::BadOutput { reason } => format!("what it was to leave could not be taken: {reason}."),
        Verdict::BadInput { reason } => format!("it could not begin: {reason}."),
    }
}

fn ended(termination: &Termination) -> String {
    match termination {
        Termination::Exited { code } => format!("ended with exit code {code}"),
        Termination::Signaled { signal } => format!("died of {signal}"),
        Termination::LimitExceeded { limit } => format!("was killed at its limit of {limit}"),
        Termination::ForbiddenSyscall { syscall } => {
            format!("was killed because its policy forbids the system call {syscall}")
        }
        Termination::NotStarted { .. } => "named a program that could not be started".to_owned(),
        Termination::Cancelled => "was cancelled".to_owned(),
    }
}

fn step_name(job: &JobDetail, step: usize) -> String {
    job.spec.steps.get(step).map_or_else(|| format!("{step}"), |step| format!("'{}'", step.name))
}

fn sentence(job: &JobDetail, event: &JobEvent) -> String {
    let attempt = event.attempt;
    match &event.what {
        Happened::Submitted => match job.summary.retry_of {
            Some(before) => format!("submitted to queue {} as another try of {before}", job.summary.queue),
            None => format!("submitted to queue {}", job.summary.queue),
        },
        Happened::Leased { worker } => format!("attempt {attempt}: worker {worker} took it"),
        Happened::StepStarted { step, .. } => {
            format!("attempt {attempt}: step {} began", step_name(job, *step))
        }
        Happened::StepEnded { step, result } => {
            let how = result.outcome.as_ref().map_or("was skipped".to_owned(), |end| ended(&end.termination));
            format!("attempt {attempt}: step {} {how}", step_name(job, *step))
        }
        Happened::HandedBack { worker } => {
            format!("attempt {attempt}: worker {worker} gave it back unharmed; it waits again")
        }
        Happened::Failed { worker, error } => {
            format!("attempt {attempt}: worker {worker} could not run it: {error}")
        }
        Happened::Lost { worker } => {
            format!("attempt {attempt}: worker {worker} was not heard of in time; its lease is lost")
        }
        Happened::Refused { attempt, worker, what } => {
            format!("attempt {attempt}: worker {worker} wanted {what}, too late; it was refused")
        }
        Happened::CancelRequested => "its end was asked for".to_owned(),
        Happened::Ended { state, reason } => match reason {
            Some(reason) => format!("ended as {}: {reason}", state.name()),
            None => format!("ended as {}", state.name()),
        },
    }
}

#[cfg(test)]
mod tests;

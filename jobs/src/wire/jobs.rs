//! Jobs as clients see them.

use serde::{Deserialize, Serialize};

use crate::{
    Attempt, JobId, JobResult, JobSpec, QueueName, Sample, State, TenantName, Timestamp, WorkerName,
};

/// The answer to a submit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Submitted {
    /// The job.
    pub id: JobId,
    /// Whether it is new; false when the same `Idempotency-Key` was seen before.
    pub created: bool,
}

/// A job in a listing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct JobSummary {
    /// The job.
    pub id: JobId,
    /// Its name.
    pub name: String,
    /// Whose it is.
    pub tenant: TenantName,
    /// Where it waits or waited.
    pub queue: QueueName,
    /// Its priority.
    pub priority: i8,
    /// Where it stands.
    pub state: State,
    /// The latest attempt; 0 before the first.
    pub attempt: Attempt,
    /// Attempts that were lost or failed.
    pub strikes: u32,
    /// Whether it is to be cancelled.
    pub cancel: bool,
    /// Who runs it or ran it last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worker: Option<WorkerName>,
    /// Why it ended without a verdict.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The exit code `dayfly submit --watch` ends with, once it has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<u8>,
    /// When it was submitted.
    pub submitted_ms: Timestamp,
    /// When the latest attempt was leased.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leased_ms: Option<Timestamp>,
    /// When its first step began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_ms: Option<Timestamp>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_ms: Option<Timestamp>,
    /// The job it is another try of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_of: Option<JobId>,
}

/// One job in full.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct JobDetail {
    /// What a listing shows.
    #[serde(flatten)]
    pub summary: JobSummary,
    /// What was submitted, with everything that was left out filled in.
    pub spec: JobSpec,
    /// What became of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<JobResult>,
    /// What the step that runs uses, once it has run for a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub running: Option<RunningStep>,
}

/// What a step that runs uses, as its worker told last: every few seconds, every second while somebody watches. It
/// is kept nowhere. Whoever follows a job's events gets each as an event of the type `usage`, which has no number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct RunningStep {
    /// In which attempt.
    pub attempt: Attempt,
    /// Its place among the steps, from 0.
    pub step: usize,
    /// When it was told.
    pub at_ms: Timestamp,
    /// What it uses.
    #[serde(flatten)]
    pub sample: Sample,
}

/// One page of a listing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Page<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// To be given as `cursor` for the next one; none on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// Something that happened to a job. The list of them is complete and never changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct JobEvent {
    /// Its place, from 1, without gaps within a job.
    pub seq: u64,
    /// When.
    pub at_ms: Timestamp,
    /// In which attempt; 0 before the first.
    pub attempt: Attempt,
    /// What.
    #[serde(flatten)]
    pub what: Happened,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Happened {
    /// It was accepted.
    Submitted,
    /// A worker took it.
    Leased {
        /// Who.
        worker: WorkerName,
    },
    /// A step began.
    StepStarted {
        /// Its place among the steps, from 0.
        step: usize,
        /// Where its output begins in the log.
        log_start: u64,
    },
    /// A step ended.
    StepEnded {
        /// Its place among the steps, from 0.
        step: usize,
        /// Its result.
        result: Box<crate::StepResult>,
    },
    /// Its worker gave it back.
    HandedBack {
        /// Who.
        worker: WorkerName,
    },
    /// Its worker could not run it.
    Failed {
        /// Who.
        worker: WorkerName,
        /// Why.
        error: String,
    },
    /// Its worker was not heard of in time.
    Lost {
        /// Who.
        worker: WorkerName,
    },
    /// A word of a worker that had lost its lease was refused.
    Refused {
        /// The attempt it spoke for. Named apart from the attempt of the event, which stands beside it.
        #[serde(rename = "spoke_for")]
        attempt: Attempt,
        /// Who.
        worker: WorkerName,
        /// What it wanted.
        what: String,
    },
    /// Its owner wants it ended.
    CancelRequested,
    /// It has ended.
    Ended {
        /// How.
        state: State,
        /// Why, where there is no verdict.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
}

/// A piece of a log that is followed, as one server-sent event. The event's id is the place after the piece, and
/// what `Last-Event-ID` resumes from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct LogEvent {
    /// Where it begins in the log.
    pub offset: u64,
    /// The bytes, if they are UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The bytes in base64, if not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base64: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_keeps_its_attempt_apart_from_that_of_the_event() {
        let what = Happened::Refused {
            attempt: Attempt(1),
            worker: "w".parse().unwrap(),
            what: "to end it".to_owned(),
        };
        let event = JobEvent { seq: 9, at_ms: Timestamp(7), attempt: Attempt(2), what };
        let text = serde_json::to_string(&event).unwrap();
        assert_eq!(text.matches("attempt").count(), 1, "{text}");
        assert_eq!(serde_json::from_str::<JobEvent>(&text).unwrap(), event);
    }
}

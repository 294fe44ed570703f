//! What became of a job: the verdict, its steps, what they left.

use serde::{Deserialize, Serialize};

use crate::{Bytes, Digest, Outcome, Termination, WallTime};

/// The end of one attempt, as the worker reports it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct JobResult {
    /// The verdict.
    pub verdict: Verdict,
    /// Every step of the job, in order.
    pub steps: Vec<StepResult>,
    /// Small files that were asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outputs: Vec<OutputFile>,
    /// Files that were uploaded as blobs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub artifacts: Vec<Artifact>,
    /// The whole log.
    pub log: LogEnd,
}

/// How a job ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Verdict {
    /// Every step that counts ended with 0.
    Passed,
    /// A step did not.
    Failed {
        /// Its place among the steps, from 0.
        step: usize,
        /// How it ended.
        termination: Termination,
    },
    /// The steps together took longer than the job's `timeouts.total`.
    TimedOut {
        /// The step that ran then.
        step: usize,
    },
    /// What was asked for could not be taken from the workspace: missing, too large, no regular file.
    BadOutput {
        /// Which and why.
        reason: String,
    },
    /// The job could not begin because of what is in it: a broken archive, an input over another.
    BadInput {
        /// Which and why.
        reason: String,
    },
}

impl Verdict {
    /// The name that it has in JSON.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed { .. } => "failed",
            Self::TimedOut { .. } => "timed_out",
            Self::BadOutput { .. } => "bad_output",
            Self::BadInput { .. } => "bad_input",
        }
    }

    /// The exit code for whoever waits for the job: 0 when passed, else that of `dayfly run`; 1 for what `run` has
    /// no code for.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Passed => 0,
            Self::Failed { termination, .. } => termination.exit_code(),
            Self::TimedOut { .. } => 124,
            Self::BadOutput { .. } | Self::BadInput { .. } => 1,
        }
    }
}

/// One step of a job that has ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct StepResult {
    /// Its name.
    pub name: String,
    /// What happened; `None` when it was skipped.
    pub outcome: Option<Outcome>,
    /// Where its output begins in the log.
    pub log_start: u64,
    /// Where it ends.
    pub log_end: u64,
    /// From the beginning of the first step to its own.
    #[serde(rename = "begin_us")]
    pub begin: WallTime,
}

impl StepResult {
    /// From the beginning of the first step to the end of this one.
    pub fn end(&self) -> WallTime {
        let ran = self.outcome.as_ref().map_or(0, |outcome| outcome.usage.wall_time.as_micros());
        WallTime::micros(self.begin.as_micros().saturating_add(ran))
    }
}

/// A small file given back in the result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct OutputFile {
    /// The `name` it was asked for under.
    pub name: String,
    /// Its path in the workspace; bytes that are no UTF-8 are escaped as `\xNN`.
    pub path: String,
    /// Its content, if that is UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Its content in base64, if not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base64: Option<String>,
}

/// A file kept as a blob.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Artifact {
    /// The `name` it was asked for under.
    pub name: String,
    /// Its path in the workspace; bytes that are no UTF-8 are escaped as `\xNN`.
    pub path: String,
    /// Its size.
    pub size: Bytes,
    /// Its content.
    pub digest: Digest,
}

/// A log that will not grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct LogEnd {
    /// Bytes in it.
    pub bytes: u64,
    /// SHA-256 of them.
    pub digest: Digest,
}

//! A job as its owner wrote it: what to run, with what, under which limits.
//!
//! [`JobSpec::parse`] is the only way in: a value of these types has been checked. Paths are relative to the
//! workspace, with no `..` and no leading `/`. There are two formats, and they never mix: what people write
//! (`written`: units as text, most of it optional), and what these types derive, which is everything spelled out
//! in numbers, for stores and workers that got it from a scheduler they trust.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use crate::{Bytes, Digest, Label, Limits, QueueName, SecretName, WallTime};

mod check;
mod demand;
mod error;
mod fault;
mod notation;
mod parse;
mod print;
#[cfg(test)]
mod tests;
mod text;
mod written;

pub use error::{Place, SpecError};
use notation::Written;
pub use parse::Setting;
pub use text::Format;

/// A job. Steps run one after another in one sandbox and share its workspace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JobSpec {
    /// The version of this format: 1.
    pub version: u32,
    /// For people; 1 to 100 characters, none of them a control character.
    pub name: String,
    /// What a worker must have to get this job.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub labels: BTreeSet<Label>,
    /// The queue it waits in; `default` when not said.
    pub queue: QueueName,
    /// From -100 to 100; within one tenant, one step is worth a minute of waiting.
    pub priority: i8,
    /// What the sandbox is like.
    pub sandbox: SandboxRequest,
    /// What each step may use. A step may ask for less, never for more.
    pub limits: Limits,
    /// Files that are in the workspace before the first step.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inputs: Vec<Input>,
    /// Environment of every step.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// What is run, in order; at least one.
    pub steps: Vec<Step>,
    /// Secrets of the tenant that the steps may use.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<SecretUse>,
    /// Small files to give back in the result.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outputs: Vec<Collect>,
    /// Files to keep as blobs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub artifacts: Vec<Collect>,
    /// When to try again.
    pub retry: Retry,
    /// How long it may wait and take.
    pub timeouts: Timeouts,
    /// Whom to tell about the end.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub report: Vec<Report>,
}

/// What the sandbox of a job is like.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SandboxRequest {
    /// How jobs are kept apart.
    pub backend: BackendKind,
    /// What is at `/`.
    pub root: RootRequest,
    /// The name of a policy that the worker has.
    pub policy: String,
    /// What network there is.
    pub network: NetworkRequest,
}

/// How a job is kept apart from its host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BackendKind {
    /// Namespaces, control groups, system call filter.
    Jail,
}

/// What is at `/` in the sandbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RootRequest {
    /// The worker's own `/usr`, read-only.
    Host,
}

/// What network a job has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NetworkRequest {
    /// None at all.
    None,
    /// Its own loopback.
    Loopback,
}

/// A file of the workspace that is there from the start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// Where it appears in the workspace; for an archive the folder it is unpacked into.
    pub path: String,
    /// What is in it.
    pub source: InputSource,
    /// Whether it may be executed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub executable: bool,
    /// The kind of archive it is, to be unpacked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unpack: Option<ArchiveKind>,
}

/// Where the content of an input comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum InputSource {
    /// This text.
    Inline(String),
    /// A blob that was uploaded before.
    Blob(Digest),
    /// A file beside the job file. `dayfly submit` uploads it and makes it a blob; a scheduler refuses it.
    File(String),
}

/// Kinds of archives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ArchiveKind {
    /// A tar file.
    Tar,
    /// A tar file compressed with gzip.
    TarGz,
}

/// One command of a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// For people; unique in the job.
    pub name: String,
    /// What is executed.
    pub action: Action,
    /// Environment on top of the job's.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// The working folder; the workspace itself when not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workdir: Option<String>,
    /// What is on standard input; nothing when not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stdin: Option<StepInput>,
    /// What it may use: the job's limits or less.
    pub limits: Limits,
    /// Whether the job goes on when it fails.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub continue_on_error: bool,
    /// Whether it runs even after an earlier step failed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub always: bool,
}

/// What a step executes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// A script, given to a shell as a file.
    Run {
        /// The text.
        script: String,
        /// Who reads it.
        shell: Shell,
    },
    /// A program with arguments; at least the program.
    Command(Vec<String>),
}

/// Who reads a script.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Shell {
    /// `sh -e`
    #[default]
    Sh,
    /// `bash --noprofile --norc -eo pipefail`
    Bash,
    /// `python3`
    Python,
}

/// What is on a step's standard input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StepInput {
    /// This text.
    Inline(String),
    /// A file of the workspace.
    File(String),
}

/// A secret and how the job sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SecretUse {
    /// Its name at the scheduler.
    pub name: SecretName,
    /// The variable it is in; without one it is the file `/run/secrets/NAME`, or wherever
    /// `DAYFLY_SECRETS` says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub env: Option<String>,
}

/// Files to take from the workspace after the last step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Collect {
    /// For people, and the key in the result.
    pub name: String,
    /// Paths and patterns (`*`, `?`, `**`) of regular files.
    pub paths: Vec<String>,
    /// Bytes of all of them together at most; the job fails when they are larger.
    pub max_size: Bytes,
    /// Whether it is an error when nothing matches.
    #[serde(default)]
    pub required: bool,
}

/// When a job is tried again. A result of the job itself never is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Retry {
    /// How many attempts may be lost or fail for want of the infrastructure: 1 to 10.
    pub max_attempts: NonZeroU32,
}

/// How long a job may wait and take.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Timeouts {
    /// Waiting for a worker, all attempts together; then it is cancelled.
    #[serde(rename = "queue_us", default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<WallTime>,
    /// All steps of one attempt together; then the step that runs is killed and the job has failed.
    #[serde(rename = "total_us", default, skip_serializing_if = "Option::is_none")]
    pub total: Option<WallTime>,
}

/// Whom to tell about the end of a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Report {
    /// A signed POST to this address (`http` or `https`).
    Webhook(String),
}

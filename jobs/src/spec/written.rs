//! The job file as people write it: most of it optional, units as text. What derives from these types is the
//! schema that editors use, so their documentation is the documentation of the keys.
//!
//! Nothing here is checked beyond its shape; see `check`.

use std::collections::BTreeMap;
use std::num::{NonZeroU32, NonZeroU64};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::notation::{Ceiling, Count, Scalar, Written};
use super::{ArchiveKind, BackendKind, NetworkRequest, RootRequest, Shell};
use crate::{Bytes, CpuTime, Cpus, Digest, Label, QueueName, SecretName, WallTime};

macro_rules! written {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty,)* })*) => { $(
        #[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
        $(#[$doc])*
        #[serde(deny_unknown_fields)]
        pub(super) struct $name {
            $(
                $(#[$field_doc])*
                #[serde(default, skip_serializing_if = "is_default")]
                pub(super) $field: $type,
            )*
        }
    )* };
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// A list, a table or a text that may be left out.
type Env = BTreeMap<String, String>;

written! {
    #[schemars(extend("required" = ["steps"]))]
    /// A job: steps that run one after another in one sandbox and share its workspace.
    Job {
        /// The version of this format: 1, which is also the default.
        version: Option<u32>,
        /// For people; at most 100 characters. Default: the name of the first step.
        #[schemars(with = "Option<Scalar>")]
        name: Option<String>,
        /// What is run, in order; 1 to 256.
        #[schemars(length(min = 1, max = 256))]
        steps: Vec<Step>,
        /// What a worker must have to get this job; at most 32. Default: nothing.
        labels: Vec<Written<Label>>,
        /// The queue it waits in. Default: default.
        queue: Option<Written<QueueName>>,
        /// From -100 to 100; within one tenant, one step is worth a minute of waiting. Default: 0.
        #[schemars(range(min = -100, max = 100))]
        priority: Option<i64>,
        /// What the sandbox is like.
        sandbox: Sandbox,
        /// What each step may use.
        limits: Limits,
        /// Files that are in the workspace before the first step, by their path; at most 1000.
        inputs: BTreeMap<String, Input>,
        /// Environment of every step; at most 256 variables.
        #[schemars(with = "BTreeMap<String, Scalar>")]
        env: Env,
        /// Secrets that the steps may use, by name; at most 64.
        secrets: Vec<SecretUse>,
        /// Small files to give back in the result; at most 64, and 1M all together.
        outputs: Vec<Collect>,
        /// Files to keep; at most 64.
        artifacts: Vec<Collect>,
        /// When to try again.
        retry: Retry,
        /// How long it may wait and take.
        timeouts: Timeouts,
        /// Whom to tell about the end; at most 8.
        report: Vec<ReportTo>,
    }

    /// What the sandbox of a job is like.
    Sandbox {
        /// How jobs are kept apart. Default: jail.
        backend: Option<BackendKind>,
        /// What is at '/'. Default: host, which is the worker's own /usr, read-only.
        root: Option<RootRequest>,
        /// The name of a policy that the worker has. Default: ci.
        policy: Option<String>,
        /// What network there is. Default: loopback, an own 127.0.0.1; with another policy than the usual: none.
        network: Option<NetworkRequest>,
    }

    /// What a step may use. What a step leaves out is as in the job; what the job leaves out has the default.
    Limits {
        /// CPU time of all processes together. Default: 1h.
        cpu_time: Option<Written<CpuTime>>,
        /// Time from start to end. Default: 10m.
        wall_time: Option<Written<WallTime>>,
        /// Longest stretch in which no CPU is used and no byte moves, or 'none'. Default: none.
        idle_time: Option<Written<Ceiling<WallTime>>>,
        /// Memory of all processes together, files in the workspace included; never any swap. Default: 1G.
        memory: Option<Written<Bytes>>,
        /// Processes and threads at the same time. Default: 512.
        processes: Option<Written<Count<NonZeroU32>>>,
        /// Processors. Default: 1.
        cpus: Option<Written<Ceiling<Cpus>>>,
        /// Bytes written to standard output and standard error together. Default: 64M.
        output: Option<Written<Bytes>>,
        /// Bytes in the files of the workspace. Default: 512M.
        disk: Option<Written<Bytes>>,
        /// Files, folders and links in the workspace. Default: 200000.
        inodes: Option<Written<Count<NonZeroU64>>>,
        /// Open files of one process. Default: 1024.
        open_files: Option<Written<Count<NonZeroU32>>>,
        /// Stack of a process's first thread. Default: 8M.
        stack: Option<Written<Bytes>>,
        /// Size of one file. Default: 512M.
        file_size: Option<Written<Bytes>>,
    }

    /// A file of the workspace that is there from the start: exactly one of 'inline', 'file' and 'blob'.
    Input {
        /// This text.
        #[schemars(with = "Option<Scalar>")]
        inline: Option<String>,
        /// A file in the job file's folder or below it, which 'dayfly submit' uploads.
        file: Option<String>,
        /// A blob that was uploaded before.
        blob: Option<Written<Digest>>,
        /// Whether it may be executed. Default: false.
        executable: Option<bool>,
        /// The kind of archive it is; its path is then the folder it is unpacked into. Default: no archive.
        unpack: Option<ArchiveKind>,
    }

    /// One command of a job: exactly one of 'run' and 'command'.
    Step {
        /// For people; unique in the job, at most 100 characters. Default: what is run.
        #[schemars(with = "Option<Scalar>")]
        name: Option<String>,
        /// A script.
        #[schemars(with = "Option<Scalar>")]
        run: Option<String>,
        /// A program and its arguments; no shell reads them.
        #[schemars(with = "Vec<Scalar>")]
        command: Vec<String>,
        /// Who reads the script: sh (with -e), bash (with -eo pipefail) or python. Default: sh.
        shell: Option<Shell>,
        /// Environment on top of the job's.
        #[schemars(with = "BTreeMap<String, Scalar>")]
        env: Env,
        /// The working folder, below the workspace. Default: the workspace.
        workdir: Option<String>,
        /// What is on standard input. Default: nothing.
        stdin: Option<Stdin>,
        /// What it may use: the job's limits or less.
        limits: Limits,
        /// Whether the job goes on when this step fails. Default: false.
        continue_on_error: Option<bool>,
        /// Whether it runs even after an earlier step failed. Default: false.
        always: Option<bool>,
    }

    /// What is on standard input: exactly one of 'inline' and 'file'.
    Stdin {
        /// This text.
        #[schemars(with = "Option<Scalar>")]
        inline: Option<String>,
        /// A file of the workspace.
        file: Option<String>,
    }

    #[schemars(extend("required" = ["name", "paths"]))]
    /// Files to take from the workspace after the last step.
    Collect {
        /// For people, and the key in the result; unique in its list.
        #[schemars(with = "Option<Scalar>")]
        name: Option<String>,
        /// Paths and patterns of regular files, 1 to 64: '*' and '?' stay within a folder, '**' goes through any.
        paths: Vec<String>,
        /// Bytes of all of them together; the job fails when they are larger. Default: 64k for outputs, 256M for
        /// artifacts.
        max_size: Option<Written<Bytes>>,
        /// Whether it is an error when nothing matches. Default: false.
        required: Option<bool>,
    }

    /// When a job is tried again. A result of the job itself never is.
    Retry {
        /// How many attempts may be lost or fail for want of the infrastructure: 1 to 10. Default: 3.
        #[schemars(range(min = 1, max = 10))]
        max_attempts: Option<Written<Count<NonZeroU32>>>,
        /// What is a reason to try again. Default, and all there is: `[infrastructure]`.
        on: Vec<RetryReason>,
    }

    /// How long a job may wait and take.
    Timeouts {
        /// Waiting for a worker, all attempts together; then it is cancelled. Default: no such limit.
        queue: Option<Written<WallTime>>,
        /// All steps of one attempt together. Default: no limit but those of the steps.
        total: Option<Written<WallTime>>,
    }

    #[schemars(extend("required" = ["webhook"]))]
    /// Whom to tell.
    ReportTo {
        /// A signed POST to this address.
        #[schemars(url)]
        webhook: Option<String>,
    }

    #[schemars(extend("required" = ["name"]))]
    /// A secret under another guise than as a file.
    NamedSecret {
        /// Its name at the scheduler.
        name: Option<Written<SecretName>>,
        /// The variable it is in. Default: none; it is the file /run/secrets/NAME.
        env: Option<String>,
    }
}

/// A reason to try again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum RetryReason {
    /// The worker was lost, or could not run the job.
    Infrastructure,
}

/// A secret: its name, or a table with its name.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum SecretUse {
    /// By name.
    Name(Written<SecretName>),
    /// With more about it.
    Table(NamedSecret),
}

impl<'de> Deserialize<'de> for SecretUse {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SecretVisitor)
    }
}

struct SecretVisitor;

impl<'de> serde::de::Visitor<'de> for SecretVisitor {
    type Value = SecretUse;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the name of a secret, or a table with the keys name and env")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<SecretUse, E> {
        text.parse().map(|name| SecretUse::Name(Written(name))).map_err(E::custom)
    }

    fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<SecretUse, A::Error> {
        let deserializer = serde::de::value::MapAccessDeserializer::new(map);
        NamedSecret::deserialize(deserializer).map(SecretUse::Table)
    }
}

//! What a sandbox looks like from inside, before any command is known.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;

use dayfly_jobs::{Bytes, Cpus, Limit, Limits};
pub use dayfly_policies::Network;
use dayfly_policies::Policy;

use crate::cgroup::Wants;

/// The shape of a sandbox.
#[derive(Debug, Clone)]
pub struct SandboxSpec {
    /// What the job may do.
    pub policy: Arc<Policy>,
    /// What is at `/`.
    pub root: Root,
    /// Host paths to show inside.
    pub binds: Vec<Bind>,
    /// What network there is.
    pub network: Network,
    /// How limits count.
    pub counted: Counted,
    /// Limits that may go unenforced when this host cannot enforce them; each is told in the result.
    pub waive: BTreeSet<Limit>,
}

/// How limits count. Each command has its own either way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Counted {
    /// For each command with what it leaves running. So two that leave something may use the double together.
    #[default]
    Each,
    /// Also for the total of all commands: [`crate::Sandbox::limit_total`] must be called before the first. Takes one
    /// more control group.
    InTotal,
}

/// What all commands of one sandbox may use together, with what they leave running and the files they write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Total {
    /// Memory, as in [`Limits::memory`].
    pub memory: Bytes,
    /// Processes and threads at the same time.
    pub processes: NonZeroU32,
    /// Processors; `None` means all of the host's.
    pub cpus: Option<Cpus>,
}

impl Total {
    /// No more together than one command may use by these limits.
    pub fn of(limits: &Limits) -> Self {
        Self { memory: limits.memory, processes: limits.processes, cpus: limits.cpus.clone() }
    }

    pub(crate) fn wants(&self) -> Wants {
        Wants::of_cpus(self.cpus.as_ref())
    }
}

/// What is at `/`. It is read-only either way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Root {
    /// The host's `/usr` with a synthesised `/etc`, and these toolchains.
    Host {
        /// Programs that live elsewhere than in `/usr`.
        toolchains: Vec<Toolchain>,
    },
    /// This folder of the host.
    Folder(PathBuf),
}

/// A compiler or interpreter outside `/usr`, shown read-only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Toolchain {
    /// The name it has in the configuration.
    pub name: String,
    /// Host folders and where they appear.
    pub binds: Vec<Bind>,
    /// Folders of the sandbox to put at the front of `PATH`.
    pub path: Vec<PathBuf>,
    /// Variables it needs.
    pub env: BTreeMap<String, String>,
}

/// A host path shown inside the sandbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bind {
    /// The path on the host: a file or a folder, with what is mounted below it.
    pub source: PathBuf,
    /// The absolute path inside.
    pub target: PathBuf,
    /// Whether the job may write there.
    pub access: Access,
}

/// What a job may do with a bind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Read and execute.
    ReadOnly,
    /// Read, execute and write. The job's files belong to the owner of the bind's source.
    Writable,
}

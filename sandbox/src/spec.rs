//! What a sandbox looks like from inside, before any command is known.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use dayfly_jobs::Limit;
pub use dayfly_policies::Network;
use dayfly_policies::Policy;

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
    /// Limits that may go unenforced when this host cannot enforce them; each is told in the result.
    pub waive: BTreeSet<Limit>,
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

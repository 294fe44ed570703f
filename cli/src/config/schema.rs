//! The keys of `dayfly.toml`. What is not here is refused.

use std::collections::BTreeMap;
use std::path::PathBuf;

use dayfly_sandbox::Network;
use serde::Deserialize;
use serde::de::{Deserializer, Error};

use super::service::{SchedulerConfig, WorkerConfig};
use crate::limits::LimitOverrides;
use crate::values::{NetworkArg, PolicyRef, policy_ref};

/// The whole file. Every key may be absent: a later layer adds only what it has.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    /// Defaults of `dayfly run`.
    pub(crate) run: RunConfig,
    /// The roots.
    pub(crate) root: RootConfig,
    /// Toolchains by name.
    pub(crate) toolchain: BTreeMap<String, ToolchainConfig>,
    /// Control groups.
    pub(crate) cgroup: CgroupConfig,
    /// `dayfly up` and `dayfly scheduler`.
    pub(crate) scheduler: SchedulerConfig,
    /// `dayfly up` and `dayfly worker`.
    pub(crate) worker: WorkerConfig,
    /// Calls to a scheduler.
    pub(crate) client: ClientConfig,
}

impl Config {
    /// What the built-in text says, without parsing it; a test compares the two.
    pub(crate) fn built_in() -> Self {
        let policy = Some(PolicyRef::Name("interpreted".to_owned()));
        let network = Some(NetworkArg(Network::None));
        let host = HostRootConfig { toolchains: vec!["rustup".to_owned()] };
        Self {
            run: RunConfig { policy, network, limits: LimitOverrides::default() },
            root: RootConfig { host },
            ..Self::default()
        }
    }
}

/// `[run]`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RunConfig {
    /// A policy's name or absolute path.
    #[serde(deserialize_with = "policy")]
    pub(crate) policy: Option<PolicyRef>,
    /// The network.
    #[serde(deserialize_with = "network")]
    pub(crate) network: Option<NetworkArg>,
    /// Limits over the policy's.
    pub(crate) limits: LimitOverrides,
}

/// `[root]`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RootConfig {
    /// The root `host`.
    pub(crate) host: HostRootConfig,
}

/// `[root.host]`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct HostRootConfig {
    /// Names of toolchains to show.
    pub(crate) toolchains: Vec<String>,
}

/// `[toolchain.NAME]`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ToolchainConfig {
    /// Host folders and where they appear: `SRC` or `SRC:DST`.
    pub(crate) binds: Vec<String>,
    /// Folders to put in front of `PATH`.
    pub(crate) path: Vec<PathBuf>,
    /// Variables it needs.
    pub(crate) env: BTreeMap<String, String>,
}

/// `[cgroup]`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct CgroupConfig {
    /// The group below which jobs get theirs.
    pub(crate) parent: Option<PathBuf>,
}

/// `[client]`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ClientConfig {
    /// The scheduler's address.
    pub(crate) server: Option<String>,
    /// The file with the token.
    pub(crate) token_file: Option<PathBuf>,
    /// Whether a token may go to another machine unencrypted.
    pub(crate) plain_http: Option<bool>,
}

fn policy<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<PolicyRef>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let policy =
        policy_ref(text.into()).map_err(|error| D::Error::custom(format!("{error}; {}", error.fix)))?;
    match &policy {
        PolicyRef::File(path) if path.is_relative() => {
            Err(D::Error::custom("a policy file must be given by its absolute path here"))
        }
        PolicyRef::File(_) | PolicyRef::Name(_) => Ok(Some(policy)),
    }
}

fn network<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<NetworkArg>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let network = text.parse::<NetworkArg>();
    network.map(Some).map_err(|error| D::Error::custom(format!("{error}; {}", error.fix)))
}

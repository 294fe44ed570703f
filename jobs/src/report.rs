//! What a host can do, as `dayfly doctor` found it. Workers register with it; schedulers match jobs on it.

use serde::{Deserialize, Serialize};

/// The findings about one host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct HostReport {
    /// Kernel release, as `uname -r` prints it.
    pub kernel: String,
    /// One entry for each thing looked at, in the order they are shown.
    pub checks: Vec<Check>,
}

/// One thing looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Check {
    /// Stable name for programs: `cgroup.memory_peak`.
    pub id: String,
    /// How it stands.
    pub standing: Standing,
    /// What was found, for people.
    pub found: String,
    /// What cannot be had because of it; empty when all is well.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub lost: String,
    /// The command or the step that mends it; empty when there is nothing to mend.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub fix: String,
}

/// How one thing stands.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// As it should be.
    Ok,
    /// Works, with something lost.
    Degraded,
    /// Not there: what needs it is refused.
    Missing,
}

impl HostReport {
    /// Whether nothing is missing that the default profile needs.
    pub fn is_usable(&self) -> bool {
        self.checks.iter().all(|check| check.standing != Standing::Missing)
    }
}

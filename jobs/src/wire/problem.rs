//! How a refusal looks, whoever refuses.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// The body of every answer that is no success, as `application/problem+json` (RFC 9457).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Problem {
    /// What kind of problem it is: `urn:dayfly:problem:NAME`. Programs decide by this.
    #[serde(rename = "type")]
    pub kind: Cow<'static, str>,
    /// The kind in words; the same for every problem of a kind.
    pub title: Cow<'static, str>,
    /// The status of the answer.
    pub status: u16,
    /// What was wrong this time.
    pub detail: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fix: Option<Cow<'static, str>>,
}

impl Problem {
    /// What `kind` starts with.
    pub const URN: &'static str = "urn:dayfly:problem:";

    /// The name of its kind: `stale-attempt`.
    pub fn name(&self) -> &str {
        self.kind.strip_prefix(Self::URN).unwrap_or(&self.kind)
    }
}

//! The shape of a policy text: what TOML keys there are and what type each has. Meaning is checked later.

use std::fmt;

use dayfly_jobs::Limits;
use serde::{Deserialize, Serialize};
use toml::Spanned;

use super::amounts::{Ceilings, LimitsText};
use super::values::{Value, Values};

/// A whole policy.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Document {
    pub(super) name: Spanned<String>,
    pub(super) description: Spanned<String>,
    #[serde(default)]
    pub(super) include: Vec<Spanned<String>>,
    pub(super) network: NetworkTable,
    #[serde(with = "LimitsText")]
    pub(super) limits: Limits,
    #[serde(default)]
    pub(super) ceilings: Ceilings,
    #[serde(default)]
    pub(super) allow: Vec<Allow>,
    #[serde(default)]
    pub(super) deny: Vec<Deny>,
    #[serde(default)]
    pub(super) forbid: Vec<Forbid>,
}

/// Rules that several policies share.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Group {
    pub(super) description: String,
    #[serde(default)]
    pub(super) allow: Vec<Allow>,
    #[serde(default)]
    pub(super) deny: Vec<Deny>,
    #[serde(default)]
    pub(super) forbid: Vec<Forbid>,
}

/// What network a job may have; it is always one of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Network {
    /// No interface is up, not even loopback.
    None,
    /// Loopback only.
    Loopback,
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::Loopback => "loopback",
        })
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NetworkTable {
    pub(super) allowed: Spanned<Vec<Network>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Allow {
    pub(super) calls: Spanned<Vec<Spanned<String>>>,
    pub(super) reason: Spanned<String>,
    #[serde(default)]
    pub(super) args: Vec<Spanned<Argument>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Deny {
    pub(super) calls: Spanned<Vec<Spanned<String>>>,
    pub(super) errno: Spanned<String>,
    pub(super) reason: Spanned<String>,
    #[serde(default)]
    pub(super) args: Vec<Spanned<Argument>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Forbid {
    pub(super) calls: Spanned<Vec<Spanned<String>>>,
    pub(super) reason: Spanned<String>,
    #[serde(default)]
    pub(super) args: Vec<Spanned<Argument>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Argument {
    pub(super) index: u8,
    pub(super) op: Op,
    pub(super) mask: Option<Spanned<Value>>,
    pub(super) value: Values,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Op {
    /// Equal in all 64 bits.
    Eq,
    /// Equal in the low 32 bits, which is all the kernel looks at where an argument is an `int`.
    Eq32,
    /// The bits of the mask are those of the value.
    Masked,
    /// At least one bit of the value is set.
    AnyOf,
    /// No bit of the value is set.
    NoneOf,
}

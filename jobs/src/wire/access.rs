//! Tokens and secrets as administrators see them.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{SecretName, TenantName, Timestamp};

/// What the bearer of a token may do. None implies another, but `admin` implies all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Permission {
    /// Submit jobs and upload blobs.
    Submit,
    /// See jobs, logs and artifacts.
    Read,
    /// Cancel jobs.
    Cancel,
    /// Join as a worker.
    Worker,
    /// Everything, for every tenant.
    Admin,
}

impl Permission {
    /// The name in the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Submit => "submit",
            Self::Read => "read",
            Self::Cancel => "cancel",
            Self::Worker => "worker",
            Self::Admin => "admin",
        }
    }
}

/// A wish for a token: `POST /v1/tokens`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenRequest {
    /// What it is for; for people.
    pub name: String,
    /// Whose jobs it is good for.
    pub tenant: TenantName,
    /// What it allows.
    pub permissions: BTreeSet<Permission>,
    /// How long it is good for; for ever when not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lasts_ms: Option<u64>,
}

/// A token in a listing: everything but the token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TokenInfo {
    /// Its number, to revoke it by: the first 16 hexadecimal digits of its SHA-256.
    pub id: String,
    /// What it is for.
    pub name: String,
    /// Whose jobs it is good for.
    pub tenant: TenantName,
    /// What it allows.
    pub permissions: BTreeSet<Permission>,
    /// When it was made.
    pub created_ms: Timestamp,
    /// When it stops to be good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_ms: Option<Timestamp>,
}

/// A new token. This is the only time it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TokenCreated {
    /// The token: `dfy_` and 43 characters.
    pub token: String,
    /// What it is.
    #[serde(flatten)]
    pub info: TokenInfo,
}

/// The name of a secret and when it was put. The value never comes out again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SecretInfo {
    /// Its name.
    pub name: SecretName,
    /// When it was put.
    pub updated_ms: Timestamp,
}

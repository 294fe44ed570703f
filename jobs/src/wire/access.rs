//! Tokens, secrets and blobs as clients see them.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Bytes, Digest, SecretName, TenantName, Timestamp};

/// What is known of a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TokenInfo {
    /// For people; unique.
    pub name: String,
    /// Whose jobs it is about.
    pub tenant: TenantName,
    /// What it permits.
    pub permits: BTreeSet<Permission>,
    /// When it was made.
    pub created_ms: Timestamp,
    /// When it becomes invalid; never without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_ms: Option<Timestamp>,
}

/// What a token permits. Workers have tokens of their own, given when they register.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Permission {
    /// To submit jobs of its tenant and to upload what they need.
    Submit,
    /// To see jobs of its tenant.
    Read,
    /// To end jobs of its tenant.
    Cancel,
    /// To register workers.
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
    /// For people; unique. 1 to 64 of a-z, A-Z, 0-9, '.', '_' and '-'.
    pub name: String,
    /// Whose jobs it is about.
    pub tenant: TenantName,
    /// What it permits.
    pub permits: BTreeSet<Permission>,
    /// How long it is good for; for ever when not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lasts_ms: Option<u64>,
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

/// The key that a tenant's webhooks are signed with. This is the only time it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WebhookKey {
    /// `whsec_` and the key in base64, as the Standard Webhooks specification has it.
    pub key: String,
}

/// What may be said of a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SecretInfo {
    /// Its name.
    pub name: SecretName,
    /// When it was set last.
    pub set_ms: Timestamp,
}

/// What is known of a blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BlobInfo {
    /// Its content.
    pub digest: Digest,
    /// Its size.
    #[serde(rename = "size_bytes")]
    pub size: Bytes,
    /// When it was added or named by a job last.
    pub used_ms: Timestamp,
}

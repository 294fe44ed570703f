//! Who calls, and what the caller may do. Tokens are kept as hashes only; a token is never logged.

mod rate;
mod token;

pub(crate) use rate::Buckets;
pub(crate) use token::{Hash, Token};

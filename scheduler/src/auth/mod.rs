//! Who calls, and what the caller may do. Tokens are kept as hashes only; a token is never logged.

mod memory;
mod places;
mod rate;
mod token;

pub(crate) use memory::{Full, Kept, Memory};
pub(crate) use places::{Place, Places};
pub(crate) use rate::Buckets;
pub(crate) use token::{Hash, Token};

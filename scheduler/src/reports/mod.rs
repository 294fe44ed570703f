//! Reports to the outside: one signed POST for each webhook of a job that has ended, tried for days, then kept as
//! dead until somebody has it sent again. It must never reach into the operator's own network unless allowed, and
//! believes nothing that comes back but the status.

mod address;
mod backoff;
mod client;
mod payload;
mod sender;
mod signature;

pub(crate) use address::Rules;
pub use address::{BadNetwork, Network};
pub(crate) use backoff::SCHEDULE_MS;
pub(crate) use sender::Sender;
pub(crate) use signature::Key;

//! The service as a whole, as real processes: whatever is killed, stopped, flooded or filled up, every job that was
//! acknowledged reaches exactly one accepted end, no sandbox outlives its job, and nothing is left on the host.
#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail by panicking")]

mod clock;
mod disk;
mod drain;
mod flood;
mod kills;
mod late;
mod polls;
mod readers;
mod terminal;
mod twice;
mod workers;

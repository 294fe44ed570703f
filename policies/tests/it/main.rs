//! The policies from outside: what they decide, how they are read, how they are shown.
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail like tests")]

mod builtin;
mod ceilings;
mod decisions;
mod kernel;
mod loader;
mod properties;
mod sockets;
mod words;

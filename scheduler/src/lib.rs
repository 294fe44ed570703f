//! The scheduler: a durable, fair queue of jobs behind an HTTP API.
//!
//! The store is the only truth. A scheduler that is killed at any moment and started again goes on as if nothing
//! had happened: what it answered is committed, what it did not answer may or may not be.
#![forbid(unsafe_code)]

pub mod dispatch;
pub mod store;

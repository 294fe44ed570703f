//! The scheduler: a durable, fair queue of jobs behind an HTTP API.
//!
//! The store is the only truth. A scheduler that is killed at any moment and started again goes on as if nothing
//! had happened: what it answered is committed, what it did not answer may or may not be.
#![forbid(unsafe_code)]

mod api;
mod auth;
mod chance;
mod clock;
mod config;
pub mod dispatch;
mod error;
mod metrics;
mod problem;
mod reports;
mod scheduler;
mod secrets;
mod server;
mod service;
pub mod store;

pub use config::{Config, Http, Webhooks};
pub use error::SchedulerError;
pub use reports::{BadNetwork, Network};
pub use scheduler::{Scheduler, serve};

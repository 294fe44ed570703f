//! The worker: leases jobs from a scheduler, runs each one in a fresh sandbox, streams its log, reports its end.
//!
//! It keeps nothing that matters. A worker that is killed leaves a lease that runs out, and a host that the next one
//! sweeps. The async side talks to the scheduler; every job has a thread of its own, on which `run_job` tells the
//! whole story.
#![forbid(unsafe_code)]

mod archive;
mod attend;
mod beneath;
mod cache;
mod client;
mod collect;
mod config;
mod descriptors;
mod enlist;
mod error;
mod glob;
mod held;
mod journal;
mod metrics;
mod pools;
mod protect;
mod request;
mod retry;
mod room;
mod run;
mod run_job;
mod stage;
mod steps;
mod stop;

pub use client::CallError;
pub use config::{Config, JoinToken};
pub use error::WorkerError;
pub use room::of_host as capacity_of_host;
pub use run::run;

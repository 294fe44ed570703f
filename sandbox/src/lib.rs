//! The sandbox of one job: a Linux jail that enforces every limit it is given, measures what happened, and
//! leaves nothing behind.
//!
//! `Err` is a fault of ours or of the host; `Ok(Outcome)` is what the program did. The two never mix.
mod backend;
mod cancel;
mod cgroup;
mod command;
mod error;
pub mod floor;
pub mod host;
mod jail;
mod meter;
mod slot;
mod spec;
mod stage;
mod sweep;
mod sys;

pub use backend::{Backend, Sandbox};
pub use cancel::Cancel;
pub use cgroup::{CgroupError, Layout};
pub use command::{Command, Stdio};
pub use error::SandboxError;
pub use jail::{Jail, JailBackend, JailBuilder, Pool};
pub use meter::Meter;
pub use slot::SlotError;
pub use spec::{Access, Bind, Counted, Network, Root, SandboxSpec, Toolchain, Total};
pub use stage::SetupStage;
pub use sweep::{SweepReport, sweep};

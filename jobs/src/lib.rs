//! The vocabulary of Dayfly: units, limits, outcomes. Pure data and pure logic.
//!
//! This crate does no IO, reads no clock and contains no `unsafe`. Whatever enters Dayfly from outside is
//! parsed here once; after that a value of one of these types needs no second check.
#![forbid(unsafe_code)]

mod error;
mod ids;
mod limits;
mod mask;
mod nearest;
mod outcome;
mod report;
mod result;
mod spec;
pub mod state;
mod units;
pub mod wire;

pub use error::{IdError, UnitError};
pub use ids::{
    Attempt, Digest, JobId, Label, LeaseId, QueueName, SecretName, TenantName, Timestamp, WorkerName,
};
pub use limits::{CpuSet, Cpus, Limit, Limits};
pub use mask::{HIDDEN, MaskError, Masker};
pub use nearest::nearest;
pub use outcome::{
    Enforcement, Outcome, Output, Receipt, Sample, Signal, StartFailure, Termination, Timings, Usage,
};
pub use report::{Check, HostReport, Standing};
pub use result::{Artifact, JobResult, LogEnd, OutputFile, StepResult, Verdict};
pub use spec::{
    Action, ArchiveKind, BackendKind, Collect, Format, Input, InputSource, JobSpec, NetworkRequest, Place,
    Report, Retry, RootRequest, SandboxRequest, SecretUse, Setting, Shell, SpecError, Step, StepInput,
    Timeouts,
};
pub use state::State;
pub use units::{Bytes, CpuTime, WallTime};

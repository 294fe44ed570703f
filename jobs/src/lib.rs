//! The vocabulary of Dayfly: units, limits, outcomes. Pure data and pure logic.
//!
//! This crate does no IO, reads no clock and contains no `unsafe`. Whatever enters Dayfly from outside is
//! parsed here once; after that a value of one of these types needs no second check.
#![forbid(unsafe_code)]

mod error;
mod limits;
mod outcome;
mod report;
mod units;

pub use error::UnitError;
pub use limits::{CpuSet, Cpus, Limit, Limits};
pub use outcome::{Enforcement, Outcome, Output, Receipt, Signal, StartFailure, Termination, Timings, Usage};
pub use report::{Check, HostReport, Standing};
pub use units::{Bytes, CpuTime, WallTime};

//! The pieces of `cargo xtask demo`: what is shown, what Dayfly reported about it, and the table at the end.
//! Only `service` runs anything.

mod cases;
mod report;
mod service;
mod table;

pub(crate) use cases::{CASES, Case, compile_limits};
pub(crate) use report::Report;
pub(crate) use service::pipelines;
pub(crate) use table::{Cell, table};

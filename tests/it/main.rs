//! Every integration test, as one binary: one module for each group of attacks, and the promises of the
//! command line. A test that answers a row of the attack table is named `row_NN_…`; the table itself is in
//! docs/THREAT_MODEL.md and must name it.
#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail by panicking")]

mod crashes;
mod exhaust;
mod fd;
mod forgery;
mod fs;
mod kernel;
mod languages;
mod limits;
mod net;
mod ns;
mod process;
mod seccomp;
mod secrets;
mod silent;
mod streams;
mod table;
mod timing;
mod toctou;
mod tty;
mod unprivileged;

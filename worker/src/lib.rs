//! The worker: leases jobs from a scheduler, runs each one in a fresh sandbox, streams its log, reports its end.
//!
//! It keeps nothing that matters. A worker that is killed leaves a lease that runs out, and a host that the next one
//! sweeps.
#![forbid(unsafe_code)]

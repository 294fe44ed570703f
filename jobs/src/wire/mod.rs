//! What goes over the HTTP API, on both sides of it. Fields are only ever added.

mod access;
mod jobs;
mod problem;
mod reports;
mod shares;
mod workers;

pub use access::*;
pub use jobs::*;
pub use problem::Problem;
pub use reports::*;
pub use shares::*;
pub use workers::*;

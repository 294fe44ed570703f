//! What goes over the HTTP API, on both sides of it. Fields are only ever added.

mod jobs;
mod workers;

pub use jobs::*;
pub use workers::*;

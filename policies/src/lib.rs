//! What a job may do: profiles as reviewed data, loaded strictly.
#![forbid(unsafe_code)]

/// What a job may do.
#[derive(Debug)]
pub struct Policy {}

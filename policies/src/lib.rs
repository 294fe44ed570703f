//! What a job may do: profiles as reviewed data, loaded strictly, compiled to filters for the kernel.
//!
//! A [`Policy`] names the system calls a job may make, the networks it may have, and its limits. Four are
//! built in; others are files of the same shape. There is no way to a policy that is not checked whole, and
//! this crate knows nothing about processes: the sandbox installs what is made here.
#![forbid(unsafe_code)]

mod catalog;
mod explain;
mod language;
mod policy;
mod resolve;

pub use catalog::Catalog;
pub use explain::Explanation;
pub use language::{
    Action, Arch, Call, Ceilings, Condition, Decision, Errno, Filter, Instruction, Network, Place,
    PolicyError, REPORT_FD, Rule, Test, syscall_name, syscall_number,
};
pub use policy::Policy;
pub use resolve::resolve;

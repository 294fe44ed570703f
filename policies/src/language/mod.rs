//! The policy language: from text to checked rules to a filter the kernel runs.
//!
//! Pure but for one thing: libseccomp writes its program to a pipe. This module is shared with the build
//! script, which compiles the built-in policies, so it must not use anything outside itself.

mod amounts;
mod arguments;
mod calls;
mod check;
mod compile;
mod definition;
mod document;
mod error;
mod expand;
mod filter;
mod groups;
mod launch;
mod machine;
mod nearest;
mod op;
mod rule;
mod shorten;
mod symbols;
mod values;
mod verify;

pub use amounts::Ceilings;
pub use calls::{Arch, syscall_name, syscall_number};
pub(crate) use calls::{is_call, suggestion};
pub(crate) use compile::compile;
pub(crate) use definition::{Definition, Head, MAX_TEXT};
pub use document::Network;
pub use error::{Place, PolicyError};
pub use filter::{Decision, Filter, Instruction};
pub use machine::Call;
pub(crate) use nearest::hint;
pub use rule::{Action, Condition, Errno, REPORT_FD, Rule, Test};

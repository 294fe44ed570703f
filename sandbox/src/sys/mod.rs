//! The system calls that no library wraps: one function each, no policy.
pub(crate) mod pidfd;
pub(crate) mod xattr;

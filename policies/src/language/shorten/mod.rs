//! Makes a filter shorter without changing what it decides.
//!
//! The kernel translates a filter for the processor whenever one is installed, in time that grows with its
//! length, so the length is part of every start of a job. libseccomp tests each call number on its own; but
//! neighbours mostly have the same answer, as have neighbours among the values of an argument. So the program
//! is read back as a decision diagram, in which values with equal answers form runs, and written anew as a
//! search over the runs. Nothing is assumed about how libseccomp arranges its programs: whatever
//! [`machine`](super::machine) runs is read.
//!
//! This must not know the rules: the proof in [`verify`](super::verify) compares them with what is made here.

mod diagram;
mod read;
mod write;

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

use super::filter::Filter;

/// A filter that is not to be used. Each is a fault of Dayfly or of the library it was built with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum ShortenError {
    #[error(
        "instruction {at} of its filter is unknown or missing; build Dayfly with a libseccomp that writes \
         loads of words, masks, jumps and returns only, as 2.5 does"
    )]
    Unreadable { at: usize },
    #[error(
        "its filter was read but not written anew, which is a fault of Dayfly; report it with the policy"
    )]
    Unwritable,
}

/// A filter that decides every call as `filter` does, and is not longer: where nothing is gained, or following
/// the program takes more than its bounds, `filter` itself, which costs time and nothing else.
pub(super) fn shorten(filter: &Filter) -> Result<Filter, ShortenError> {
    let Some((diagram, first)) = read::read(filter.program())? else { return Ok(filter.clone()) };
    let program = write::write(&diagram, first).ok_or(ShortenError::Unwritable)?;
    if program.len() > filter.program().len() {
        return Ok(filter.clone());
    }
    Filter::of(program).ok_or(ShortenError::Unwritable)
}

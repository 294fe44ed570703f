//! Making the folder of a group: what can be in the way, and trying again.
//!
//! A sweep removes parents that it finds empty, at any moment until the first group is in them. Nobody
//! locks: who finds the parent gone, or not yet filled, makes it and tries again.

use nix::errno::Errno;

use super::{CgroupError, GroupName};

/// How often something is tried before it is taken to be impossible. Each try but the first needs a sweep,
/// or a dead group, to get in the way at just that moment.
const TRIES: u32 = 20;

/// Why a group was not made.
pub(super) enum MakeError {
    /// A dead process left one of that name.
    Exists,
    /// A parent is not there any more, or not filled yet.
    ParentGone(CgroupError),
    /// Anything else.
    Other(CgroupError),
}

impl MakeError {
    /// Sorts the failure to make the folder itself.
    pub(super) fn of(errno: Errno, error: CgroupError) -> Self {
        if errno == Errno::EEXIST { Self::Exists } else { Self::from(error) }
    }
}

impl From<CgroupError> for MakeError {
    fn from(error: CgroupError) -> Self {
        if is_gone(&error) { Self::ParentGone(error) } else { Self::Other(error) }
    }
}

impl MakeError {
    /// As an error, where nothing in the way can be ours to remove.
    pub(super) fn into_error(self, name: &GroupName) -> CgroupError {
        match self {
            Self::Exists => CgroupError::file("make", name.as_str(), Errno::EEXIST),
            Self::ParentGone(error) | Self::Other(error) => error,
        }
    }
}

fn is_gone(error: &CgroupError) -> bool {
    matches!(error, CgroupError::File { errno: Errno::ENOENT | Errno::ENODEV, .. })
}

/// Does something to folders that a sweep may remove meanwhile.
pub(super) fn again<T>(mut attempt: impl FnMut() -> Result<T, CgroupError>) -> Result<T, CgroupError> {
    for _ in 1..TRIES {
        match attempt() {
            Err(error) if is_gone(&error) => {}
            done => return done,
        }
    }
    attempt()
}

/// Does something to a parent that a sweep may remove before or meanwhile.
pub(super) fn renewed<T>(
    mut attempt: impl FnMut() -> Result<T, CgroupError>,
    renew_parent: impl Fn() -> Result<(), CgroupError>,
) -> Result<T, CgroupError> {
    for _ in 1..TRIES {
        match attempt() {
            Err(error) if is_gone(&error) => renew_parent()?,
            done => return done,
        }
    }
    attempt()
}

/// What was done to a folder, or `None` when it is not there any more.
pub(super) fn unless_gone<T>(done: Result<T, CgroupError>) -> Result<Option<T>, CgroupError> {
    match done {
        Ok(done) => Ok(Some(done)),
        Err(error) if is_gone(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Makes a group, clearing what is in the way.
pub(super) fn group<T>(
    name: &GroupName,
    mut attempt: impl FnMut() -> Result<T, MakeError>,
    remove_leftover: impl Fn() -> Result<(), CgroupError>,
    renew_parent: impl Fn() -> Result<(), CgroupError>,
) -> Result<T, CgroupError> {
    let mut last = MakeError::Exists.into_error(name);
    for _ in 0..TRIES {
        match attempt() {
            Ok(made) => return Ok(made),
            Err(MakeError::Exists) => remove_leftover()?,
            Err(MakeError::ParentGone(error)) => {
                last = error;
                renew_parent()?;
            }
            Err(MakeError::Other(error)) => return Err(error),
        }
    }
    Err(last)
}

//! Making the folder of a group: what can be in the way.

use nix::errno::Errno;

use super::{CgroupError, GroupName};

/// How often making a group clears what is in the way before it gives up.
pub(super) const RETRIES: u32 = 3;

/// Why a group was not made.
pub(super) enum MakeError {
    /// A dead process left one of that name.
    Exists,
    /// A parent is not there any more.
    ParentGone(CgroupError),
    Other(CgroupError),
}

impl MakeError {
    pub(super) fn of(errno: Errno, error: CgroupError) -> Self {
        if errno == Errno::EEXIST {
            Self::Exists
        } else if matches!(errno, Errno::ENOENT | Errno::ENODEV) {
            Self::ParentGone(error)
        } else {
            Self::Other(error)
        }
    }

    pub(super) fn into_error(self, name: &GroupName) -> CgroupError {
        match self {
            Self::Exists => CgroupError::file("make", name.as_str(), Errno::EEXIST),
            Self::ParentGone(error) | Self::Other(error) => error,
        }
    }
}

impl From<CgroupError> for MakeError {
    fn from(error: CgroupError) -> Self {
        Self::Other(error)
    }
}

//! The three kinds of user that programs run as in the proving ground. `tests/ground/sessions.sh` makes them.

/// A kind of user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum User {
    /// Everything is allowed.
    Root,
    /// An ordinary user with a delegated control group and a range of subordinate user ids.
    Ground,
    /// An ordinary user with neither.
    Plain,
}

impl User {
    pub(crate) const ALL: [Self; 3] = [Self::Root, Self::Ground, Self::Plain];

    /// The login name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Ground => "ground",
            Self::Plain => "plain",
        }
    }
}

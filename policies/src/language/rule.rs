//! Checked rules: which call, under which conditions, gets which answer, and why.

use std::fmt;
use std::sync::Arc;

use super::error::Place;
use super::symbols;

/// Over this descriptor the launching process hands the filter's listener to the supervisor, so every
/// policy allows `sendmsg` on it. The job cannot use it: the descriptor is gone after `execve`.
pub const REPORT_FD: i32 = 3;

/// What happens when a call matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// The call goes through.
    Allow,
    /// The call fails with this errno and the job goes on.
    Deny(Errno),
    /// The job is stopped and the call reported by name.
    Forbid,
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Allow => f.write_str("allow"),
            Self::Deny(errno) => write!(f, "deny {errno}"),
            Self::Forbid => f.write_str("forbid"),
        }
    }
}

/// An errno that policies may answer with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Errno(pub(super) u16);

impl Errno {
    /// What a call gets that no rule names.
    pub const ENOSYS: Self = Self(38);

    /// Its number.
    pub const fn number(self) -> u16 {
        self.0
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match symbols::errno_name(*self) {
            Some(name) => f.write_str(name),
            None => write!(f, "errno {}", self.0),
        }
    }
}

/// One rule of a policy, for one call.
#[derive(Debug, Clone)]
pub struct Rule {
    /// The call's name.
    pub call: Arc<str>,
    /// What happens.
    pub action: Action,
    /// All of these must hold; none means any arguments. At most one per argument.
    pub conditions: Vec<Condition>,
    /// Why.
    pub reason: Arc<str>,
    /// Where it was written.
    pub place: Place,
}

/// A test of one argument, with the text it was written as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// Which argument, 0 to 5.
    pub argument: u8,
    /// What must hold.
    pub test: Test,
    /// The value as it was written, for people: `AF_UNIX`.
    pub label: Arc<str>,
}

/// What must hold for the 64 bits of an argument's register. Never for what a pointer points to: the job
/// could change that after the check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Test {
    /// Equal.
    Equal(u64),
    /// Not equal.
    NotEqual(u64),
    /// Unsigned less than.
    Less(u64),
    /// Unsigned less or equal.
    LessOrEqual(u64),
    /// Unsigned greater than.
    Greater(u64),
    /// Unsigned greater or equal.
    GreaterOrEqual(u64),
    /// The bits in `mask` are those of `value`.
    Masked {
        /// The bits that count.
        mask: u64,
        /// What they must be; a subset of `mask`.
        value: u64,
    },
}

impl Test {
    /// Whether an argument passes.
    pub fn holds(self, argument: u64) -> bool {
        match self {
            Self::Equal(value) => argument == value,
            Self::NotEqual(value) => argument != value,
            Self::Less(value) => argument < value,
            Self::LessOrEqual(value) => argument <= value,
            Self::Greater(value) => argument > value,
            Self::GreaterOrEqual(value) => argument >= value,
            Self::Masked { mask, value } => argument & mask == value,
        }
    }

    /// Whether it is certain that no argument passes both. Errs on the side of "no".
    pub(super) fn excludes(self, other: Self) -> bool {
        match (self, other) {
            (Self::Equal(value), test) | (test, Self::Equal(value)) => !test.holds(value),
            (Self::Masked { mask: m1, value: v1 }, Self::Masked { mask: m2, value: v2 }) => {
                (v1 ^ v2) & m1 & m2 != 0
            }
            _ => match (self.bounds(), other.bounds()) {
                (Some((low1, high1)), Some((low2, high2))) => high1 < low2 || high2 < low1,
                _ => false,
            },
        }
    }

    /// The least and the greatest argument that pass, where those between pass as well.
    fn bounds(self) -> Option<(u64, u64)> {
        match self {
            Self::Equal(value) => Some((value, value)),
            Self::Less(value) => value.checked_sub(1).map(|high| (0, high)),
            Self::LessOrEqual(value) => Some((0, value)),
            Self::Greater(value) => value.checked_add(1).map(|low| (low, u64::MAX)),
            Self::GreaterOrEqual(value) => Some((value, u64::MAX)),
            Self::NotEqual(_) | Self::Masked { .. } => None,
        }
    }

    /// Whether any argument passes at all, and whether any fails.
    pub(super) fn is_meaningful(self) -> bool {
        match self {
            Self::Equal(_) | Self::NotEqual(_) => true,
            Self::Less(value) | Self::GreaterOrEqual(value) => value != 0,
            Self::LessOrEqual(value) | Self::Greater(value) => value != u64::MAX,
            Self::Masked { mask, value } => mask != 0 && value & !mask == 0,
        }
    }
}

impl Rule {
    /// Whether the arguments meet every condition.
    pub fn matches(&self, arguments: &[u64; 6]) -> bool {
        self.conditions.iter().all(|condition| {
            arguments.get(usize::from(condition.argument)).is_some_and(|value| condition.test.holds(*value))
        })
    }

    /// Whether it is certain that no call matches both rules.
    pub(super) fn excludes(&self, other: &Self) -> bool {
        self.conditions.iter().any(|mine| {
            other
                .conditions
                .iter()
                .any(|theirs| mine.argument == theirs.argument && mine.test.excludes(theirs.test))
        })
    }

    /// Whether every call that matches `other` matches this rule too, as far as can be seen without search.
    pub(super) fn covers(&self, other: &Self) -> bool {
        self.conditions.iter().all(|mine| {
            other.conditions.iter().any(|theirs| (mine.argument, mine.test) == (theirs.argument, theirs.test))
        })
    }
}

const LOW_32: u64 = 0xFFFF_FFFF;

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (argument, label) = (self.argument, &self.label);
        match self.test {
            Test::Equal(_) => write!(f, "arg{argument} == {label}"),
            Test::NotEqual(_) => write!(f, "arg{argument} != {label}"),
            Test::Less(_) => write!(f, "arg{argument} < {label}"),
            Test::LessOrEqual(_) => write!(f, "arg{argument} <= {label}"),
            Test::Greater(_) => write!(f, "arg{argument} > {label}"),
            Test::GreaterOrEqual(_) => write!(f, "arg{argument} >= {label}"),
            Test::Masked { mask: LOW_32, .. } => write!(f, "int arg{argument} == {label}"),
            Test::Masked { mask, .. } => write!(f, "arg{argument} & {mask:#x} == {label}"),
        }
    }
}

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

/// What must hold for the 64 bits of an argument's register: those in the mask are those of the value. Never
/// for what a pointer points to: the job could change that after the check.
///
/// Bits are all there is to test. Flags, constants and sets of them need no more, whether two rules exclude
/// each other is decided exactly, and libseccomp 2.5 loops forever on some sets of rules with ranges.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Test {
    /// The bits that count.
    pub mask: u64,
    /// What they must be; a subset of the mask.
    pub value: u64,
}

impl Test {
    /// Whether an argument passes.
    pub fn holds(self, argument: u64) -> bool {
        argument & self.mask == self.value
    }

    /// Whether no argument passes both.
    fn excludes(self, other: Self) -> bool {
        (self.value ^ other.value) & self.mask & other.mask != 0
    }
}

impl Rule {
    /// Whether the arguments meet every condition.
    pub fn matches(&self, arguments: &[u64; 6]) -> bool {
        self.conditions.iter().all(|condition| {
            arguments.get(usize::from(condition.argument)).is_some_and(|value| condition.test.holds(*value))
        })
    }

    /// Whether no call matches both rules.
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

/// All an `int` argument has, as the kernel sees it.
pub(super) const LOW_32: u64 = 0xFFFF_FFFF;

impl Condition {
    /// The condition up to its value, for people: `int arg1 == `.
    pub(crate) fn stem(&self) -> String {
        let (argument, Test { mask, value }) = (self.argument, self.test);
        match mask {
            u64::MAX => format!("arg{argument} == "),
            LOW_32 => format!("int arg{argument} == "),
            _ if value == mask => format!("arg{argument} has "),
            _ => format!("arg{argument} & {mask:#x} == "),
        }
    }
}

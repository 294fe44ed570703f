//! What can be wrong with a policy, or with what is asked of one. Each error names the place and the fix.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use dayfly_jobs::Limit;

use super::rule::Action;

/// Where in a policy's text something is. Lines and columns count from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file, or the name of a text that is built in.
    pub origin: Arc<str>,
    /// The line.
    pub line: u32,
    /// The column, in characters.
    pub column: u32,
}

impl Place {
    /// The place of the byte `offset` in `text`.
    pub fn of(origin: &Arc<str>, text: &str, offset: usize) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let column = before.get(line_start..).unwrap_or_default().chars().count();
        let from_one = |count: usize| u32::try_from(count).map_or(u32::MAX, |count| count.saturating_add(1));
        Self {
            origin: Arc::clone(origin),
            line: from_one(before.matches('\n').count()),
            column: from_one(column),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.origin, self.line, self.column)
    }
}

/// A policy that cannot be used, or a request that a policy does not grant.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// The file could not be read.
    #[error("{}: cannot read this policy: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The text is longer than any sensible policy.
    #[error(
        "{origin}: a policy has at most {max} bytes; this one is longer, split what it allows into fewer rules"
    )]
    TooLarge {
        /// The file.
        origin: String,
        /// The most that is read.
        max: usize,
    },
    /// The text is not TOML, or not of a policy's shape.
    #[error("{place}: {message}")]
    Syntax {
        /// Where.
        place: Place,
        /// What the parser said.
        message: String,
    },
    /// A name that nothing goes by.
    #[error("{place}: there is no {kind} '{name}'{hint}")]
    UnknownName {
        /// Where.
        place: Place,
        /// What was expected: "system call", "symbol", "errno", "group".
        kind: &'static str,
        /// The name as it was given.
        name: String,
        /// The nearest name that exists, as the end of a sentence, or nothing.
        hint: String,
    },
    /// Somebody asked about a system call that does not exist.
    #[error("there is no system call '{name}'{hint}")]
    UnknownCall {
        /// The name as it was given.
        name: String,
        /// The nearest name that exists, as the end of a sentence, or nothing.
        hint: String,
    },
    /// A value that is well formed and makes no sense.
    #[error("{place}: {problem}")]
    Invalid {
        /// Where.
        place: Place,
        /// What is wrong and what would be right.
        problem: &'static str,
    },
    /// Two rules say the same thing.
    #[error("{place}: '{call}' is already covered by {first}; remove one of the two rules")]
    Duplicate {
        /// The second rule.
        place: Place,
        /// The call.
        call: Arc<str>,
        /// The first rule.
        first: Place,
    },
    /// Two rules with different actions could both match one call.
    #[error(
        "{place}: this rule would {second_action} '{call}' where {first} says to {first_action}; rules have no \
         order, so give both conditions on the same argument that cannot hold together, or remove one"
    )]
    Contradiction {
        /// The second rule.
        place: Place,
        /// The call.
        call: Arc<str>,
        /// What the second rule says.
        second_action: Action,
        /// The first rule.
        first: Place,
        /// What the first rule says.
        first_action: Action,
    },
    /// No policy has this name.
    #[error(
        "there is no policy '{name}'{hint}; built in are {known}; anything with a '/' or ending in .toml is a file"
    )]
    UnknownPolicy {
        /// The name as it was given.
        name: String,
        /// The nearest name that exists, as the end of a sentence, or nothing.
        hint: String,
        /// The names that exist.
        known: String,
    },
    /// A job asked for more than its policy lets anybody have.
    #[error(
        "{limit} {asked} is above the ceiling of policy '{policy}', {ceiling}; ask for {ceiling} or less"
    )]
    AboveCeiling {
        /// The policy.
        policy: String,
        /// The limit.
        limit: Limit,
        /// What was asked for.
        asked: String,
        /// The most that is granted.
        ceiling: String,
    },
    /// The rules are in order but no filter can be made of them.
    #[error("policy '{policy}' cannot be compiled: {reason}")]
    Uncompilable {
        /// The policy.
        policy: String,
        /// Why.
        reason: String,
    },
    /// The compiled filter does not do what the rules say, so it is not used.
    #[error(
        "policy '{policy}' cannot be compiled faithfully: for {call} the rules say {wanted}, the filter {found}; \
         test the same arguments in each rule of this call"
    )]
    Unfaithful {
        /// The policy.
        policy: String,
        /// The call for which they differ.
        call: String,
        /// What the rules say.
        wanted: String,
        /// What the filter does.
        found: String,
    },
}

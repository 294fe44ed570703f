//! Errors of the vocabulary: what is wrong with a value somebody typed, and what would be right.

/// A value with a unit could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnitError {
    /// Nothing before the unit, or nothing at all.
    #[error("'{text}' has no number; write {expected}")]
    NoNumber {
        /// The text as it was given.
        text: String,
        /// An example of what is accepted.
        expected: &'static str,
    },
    /// The part after the number is not a known unit.
    #[error("'{unit}' in '{text}' is not a unit; write {expected}")]
    UnknownUnit {
        /// The text as it was given.
        text: String,
        /// The part that was not understood.
        unit: String,
        /// An example of what is accepted.
        expected: &'static str,
    },
    /// A number without a unit where the unit decides the meaning.
    #[error("'{text}' needs a unit; write {expected}")]
    MissingUnit {
        /// The text as it was given.
        text: String,
        /// An example of what is accepted.
        expected: &'static str,
    },
    /// No limit has this name.
    #[error("'{text}' is no limit; {known}")]
    NoLimit {
        /// The text as it was given.
        text: String,
        /// The limits there are.
        known: &'static str,
    },
    /// The value does not fit, or is finer than the smallest unit.
    #[error("'{text}' is out of range; {allowed}")]
    OutOfRange {
        /// The text as it was given.
        text: String,
        /// What is allowed.
        allowed: &'static str,
    },
}

/// A name or an id that cannot be one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is not the name of a {what}; expected {expected}")]
pub struct IdError {
    what: &'static str,
    text: String,
    expected: &'static str,
}

impl IdError {
    pub(crate) fn new(what: &'static str, text: &str, expected: &'static str) -> Self {
        Self { what, text: text.chars().take(80).collect(), expected }
    }
}

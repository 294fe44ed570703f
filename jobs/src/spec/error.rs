//! What is wrong with a job file: where, what, and what to write instead.

use std::fmt;

/// Where in a text something is. Lines and columns count from 1, columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

impl Place {
    /// The place of a byte in a text; one that is inside a character or past the end counts as the end.
    pub(super) fn of(text: &str, offset: usize) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let column = before.get(start..).unwrap_or_default().chars().count() + 1;
        Self { line: before.matches('\n').count() + 1, column }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// A job file that is none. Shown as `LINE:COLUMN: KEY: what is wrong; what to write`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{}", Prefix(self), Sentence(self))]
pub struct SpecError {
    /// Where; nothing when it is about a value that was set from outside of the text.
    pub place: Option<Place>,
    /// Which key, such as `steps[2].limits.memory`; empty when it is about the whole text.
    pub key: String,
    /// What is wrong.
    pub what: String,
    /// What to write instead.
    pub fix: Option<String>,
}

impl SpecError {
    /// Whatever is wrong with the text before there are any keys in it.
    pub(super) fn unreadable(place: Option<Place>, what: impl Into<String>, fix: Option<String>) -> Self {
        Self { place, key: String::new(), what: what.into(), fix }
    }
}

struct Prefix<'a>(&'a SpecError);

impl fmt::Display for Prefix<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = self.0.place {
            write!(f, "{place}: ")?;
        }
        match self.0.key.as_str() {
            "" => Ok(()),
            key => write!(f, "{key}: "),
        }
    }
}

struct Sentence<'a>(&'a SpecError);

impl fmt::Display for Sentence<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.what)?;
        match &self.0.fix {
            Some(fix) => write!(f, "; {fix}"),
            None => Ok(()),
        }
    }
}

//! A fault in what was written, by key path. Where in the text that key is, is looked up once, at the end.

use std::fmt::Display;

use crate::nearest;

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Segment {
    Key(String),
    Index(usize),
}

/// What a fault points at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Points {
    ToValue,
    /// To the last key of the path itself: it should not be there, or not be called so.
    ToKey,
}

/// Something that was written and cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub(super) struct Fault {
    /// From the inside out, because it is put together on the way up.
    reversed: Vec<Segment>,
    pub(super) points: Points,
    pub(super) what: String,
    pub(super) fix: Option<String>,
}

impl Fault {
    pub(super) fn new(what: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { fix: Some(fix.into()), ..Self::bare(what) }
    }

    pub(super) fn bare(what: impl Into<String>) -> Self {
        Self { reversed: Vec::new(), points: Points::ToValue, what: what.into(), fix: None }
    }

    /// From an error of the vocabulary, which ends in `; what to write`.
    pub(super) fn of(error: impl Display) -> Self {
        let text = error.to_string();
        match text.rsplit_once("; ") {
            Some((what, fix)) => Self::new(what, fix),
            None => Self::bare(text),
        }
    }

    /// The path, from the outside in.
    pub(super) fn path(&self) -> impl DoubleEndedIterator<Item = &Segment> {
        self.reversed.iter().rev()
    }

    pub(super) fn inside(mut self, segment: Segment) -> Self {
        self.reversed.push(segment);
        self
    }

    /// The same fault, of this key of a table.
    pub(super) fn of_key(mut self, key: &str) -> Self {
        self.points = Points::ToKey;
        self.inside(Segment::Key(key.to_owned()))
    }

    /// The path as people write it: `steps[2].limits.memory`, `inputs."a.txt".blob`.
    pub(super) fn key(&self) -> String {
        let mut text = String::new();
        for segment in self.path() {
            match segment {
                Segment::Index(index) => text.push_str(&format!("[{index}]")),
                Segment::Key(key) => {
                    text.push_str(if text.is_empty() { "" } else { "." });
                    text.push_str(&quoted(key));
                }
            }
        }
        text
    }
}

/// A key as it would be written: quoted when it is no plain word, and cut short when somebody plays with us.
fn quoted(key: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    match key.len() {
        1..=80 if key.bytes().all(plain) => key.to_owned(),
        _ => format!("{:?}", shortened(key, 80)),
    }
}

/// The first characters of a text that came from outside, for a message.
pub(super) fn shortened(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// Adds the way to a fault, from the inside out.
pub(super) trait At {
    fn at(self, key: &str) -> Self;
    fn at_index(self, index: usize) -> Self;
}

impl<T> At for Result<T, Fault> {
    fn at(self, key: &str) -> Self {
        self.map_err(|fault| fault.inside(Segment::Key(key.to_owned())))
    }

    fn at_index(self, index: usize) -> Self {
        self.map_err(|fault| fault.inside(Segment::Index(index)))
    }
}

fn listed(names: &[&str]) -> String {
    names.join(", ")
}

impl serde::de::Error for Fault {
    fn custom<T: Display>(message: T) -> Self {
        Self::of(message)
    }

    fn invalid_value(unexpected: serde::de::Unexpected<'_>, expected: &dyn serde::de::Expected) -> Self {
        Self::bare(format!("{unexpected} is not {expected}"))
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        let fix = match nearest(field, expected.iter().copied()) {
            Some(name) => format!("did you mean '{name}'?"),
            None => format!("the keys here are {}", listed(expected)),
        };
        Self::new("there is no such key", fix)
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        let what = format!("'{}' is not known here", shortened(variant, 80));
        let fix = match nearest(variant, expected.iter().copied()) {
            Some(name) => format!("did you mean '{name}'?"),
            None => format!("write {}", expected.join(" or ")),
        };
        Self::new(what, fix)
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new(format!("the key '{field}' is missing"), format!("add {field}"))
    }
}

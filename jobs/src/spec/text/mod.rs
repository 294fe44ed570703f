//! Job files as text: YAML, JSON or TOML become one tree, which knows where each value stands.
//!
//! Knows nothing of jobs. Whatever is read has a bound: bytes, depth, and what aliases may blow up.

use super::error::{Place, SpecError};

mod json;
mod node;
mod read;
mod toml;
mod yaml;

pub(super) use node::Node;

/// The most bytes a job file may have; larger contents are inputs of their own.
pub(super) const MAX_BYTES: usize = 1 << 20;
/// The deepest nesting. No job needs half of it.
const MAX_DEPTH: usize = 24;
/// What all values may weigh together once aliases are replaced by what they stand for.
const MAX_WEIGHT: usize = 8 << 20;
/// What a value weighs beside its text.
const NODE_WEIGHT: usize = 64;

/// The language a job file is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// YAML 1.2, with anchors and aliases, without tags and merge keys.
    Yaml,
    /// JSON.
    Json,
    /// TOML 1.1.
    Toml,
}

impl Format {
    /// By the ending of a file's name; `None` when it is none of ours.
    pub fn of_name(name: &str) -> Option<Self> {
        match name.rsplit_once('.')?.1 {
            "yaml" | "yml" => Some(Self::Yaml),
            "json" => Some(Self::Json),
            "toml" => Some(Self::Toml),
            _ => None,
        }
    }
}

/// Reads a text into a tree.
pub(super) fn parse(text: &str, format: Format) -> Result<Node, SpecError> {
    if text.len() > MAX_BYTES {
        let what =
            format!("a job file has at most {} KiB, this one has {}", MAX_BYTES >> 10, text.len() >> 10);
        return Err(SpecError::unreadable(None, what, Some("put large contents into inputs".into())));
    }
    let read = match format {
        Format::Yaml => yaml::parse(text),
        Format::Json => json::parse(text),
        Format::Toml => toml::parse(text),
    };
    read.map_err(|misread| {
        SpecError::unreadable(Some(Place::of(text, misread.offset)), misread.what, misread.fix)
    })
}

/// Why a text cannot be read, and where.
struct Misread {
    offset: usize,
    what: String,
    fix: Option<String>,
}

impl Misread {
    fn new(offset: usize, what: impl Into<String>) -> Self {
        Self { offset, what: what.into(), fix: None }
    }

    fn fix(self, fix: impl Into<String>) -> Self {
        Self { fix: Some(fix.into()), ..self }
    }

    fn duplicate(offset: usize, key: &str) -> Self {
        Self::new(offset, format!("the key '{}' is there twice", super::fault::shortened(key, 80)))
            .fix("remove one of them")
    }
}

/// What may still be read.
struct Budget {
    left: usize,
}

impl Budget {
    const fn new() -> Self {
        Self { left: MAX_WEIGHT }
    }

    /// Counts one value with a text of this length.
    fn charge(&mut self, text: usize, offset: usize) -> Result<(), Misread> {
        self.charge_weight(NODE_WEIGHT.saturating_add(text), offset)
    }

    fn charge_weight(&mut self, weight: usize, offset: usize) -> Result<(), Misread> {
        self.left = self.left.checked_sub(weight).ok_or_else(|| {
            Misread::new(offset, "there are too many values").fix("write fewer values and aliases")
        })?;
        Ok(())
    }

    fn check_depth(depth: usize, offset: usize) -> Result<(), Misread> {
        match depth {
            0..MAX_DEPTH => Ok(()),
            _ => Err(Misread::new(offset, format!("this is nested deeper than {MAX_DEPTH} levels"))),
        }
    }
}

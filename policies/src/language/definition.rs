//! A policy as its text defines it, with every name resolved and every contradiction found.

use std::ops::Range;
use std::sync::Arc;

use dayfly_jobs::Limits;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::amounts::Ceilings;
use super::document::{Document, Group, Network};
use super::error::{Place, PolicyError};
use super::expand::Expansion;
use super::nearest::hint;
use super::rule::Rule;
use super::{check, groups};

/// What a policy says besides its rules: all that a process needs of one whose filter it has already.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Head {
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) networks: Vec<Network>,
    pub(crate) limits: Limits,
    pub(crate) ceilings: Ceilings,
}

/// A policy's text that has the right shape. Its rules are read on demand.
#[derive(Debug)]
pub(crate) struct Definition {
    document: Document,
    source: Source,
}

/// The longest text that is read.
pub(crate) const MAX_TEXT: usize = 256 * 1024;

impl Definition {
    /// Reads the text's shape. `origin` is what errors call the text, usually a file name.
    pub(crate) fn parse(text: &str, origin: &str) -> Result<Self, PolicyError> {
        if text.len() > MAX_TEXT {
            return Err(PolicyError::TooLarge { origin: origin.to_owned(), max: MAX_TEXT });
        }
        let source = Source { origin: origin.into(), text: text.into() };
        let document: Document = source.parse()?;
        let definition = Self { document, source };
        definition.check_header()?;
        Ok(definition)
    }

    fn check_header(&self) -> Result<(), PolicyError> {
        let Document { name, description, network, .. } = &self.document;
        let named = (1..=32).contains(&name.as_ref().len())
            && name.as_ref().bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        self.source.require(named, &name.span(), "a name is 1 to 32 of a-z, 0-9 and '-'")?;
        let described = !description.as_ref().trim().is_empty();
        self.source.require(described, &description.span(), "say in a sentence what the policy is for")?;
        let networked = !network.allowed.as_ref().is_empty();
        self.source.require(networked, &network.allowed.span(), "allow at least one network: \"none\"")
    }

    /// The policy's name.
    pub(crate) fn name(&self) -> &str {
        self.document.name.as_ref()
    }

    /// All but the rules.
    pub(crate) fn into_head(self) -> Head {
        let Document { name, description, network, limits, ceilings, .. } = self.document;
        let (name, description) = (name.into_inner(), description.into_inner());
        Head { name, description, networks: network.allowed.into_inner(), limits, ceilings }
    }

    /// The rules: those of the included groups, its own, and those that every policy needs to start a
    /// program.
    pub(crate) fn rules(&self) -> Result<Vec<Rule>, PolicyError> {
        let mut expansion = Expansion::default();
        for (i, name) in self.document.include.iter().enumerate() {
            let earlier = self.document.include.iter().take(i).any(|other| other.as_ref() == name.as_ref());
            self.source.require(!earlier, &name.span(), "this group is included already; remove one")?;
            let text = groups::text(name.as_ref()).ok_or_else(|| self.unknown_group(name))?;
            expansion.add_group(&Source { origin: format!("group {}", name.as_ref()).into(), text })?;
        }
        let Document { allow, deny, forbid, .. } = &self.document;
        expansion.add(&self.source, allow, deny, forbid)?;
        let rules = expansion.finish();
        check::contradictions(&rules)?;
        Ok(rules)
    }

    fn unknown_group(&self, name: &toml::Spanned<String>) -> PolicyError {
        PolicyError::UnknownName {
            place: self.source.place(&name.span()),
            kind: "group",
            name: name.as_ref().clone(),
            hint: hint(name.as_ref(), groups::names()),
        }
    }
}

/// A text and what errors call it.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) origin: Arc<str>,
    pub(super) text: Arc<str>,
}

impl Source {
    pub(super) fn place(&self, span: &Range<usize>) -> Place {
        Place::of(&self.origin, &self.text, span.start)
    }

    /// An error at `span` unless `condition` holds.
    pub(super) fn require(
        &self,
        condition: bool,
        span: &Range<usize>,
        problem: &'static str,
    ) -> Result<(), PolicyError> {
        match condition {
            true => Ok(()),
            false => Err(PolicyError::Invalid { place: self.place(span), problem }),
        }
    }

    fn parse<T: DeserializeOwned>(&self) -> Result<T, PolicyError> {
        toml::from_str(&self.text).map_err(|error| PolicyError::Syntax {
            place: self.place(&error.span().unwrap_or(0..0)),
            message: error.message().to_owned(),
        })
    }

    pub(super) fn parse_group(&self) -> Result<Group, PolicyError> {
        self.parse()
    }
}

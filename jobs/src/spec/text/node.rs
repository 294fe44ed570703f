//! The tree of what was written, with the place of each value. No meaning yet.

use std::collections::BTreeMap;

use super::super::fault::{Fault, Points, Segment};
use super::NODE_WEIGHT;

/// One value.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::spec) struct Node {
    pub(super) value: Value,
    /// The byte it starts at; `None` for one that was set from outside.
    pub(super) offset: Option<usize>,
}

/// What a value is. Numbers and words keep the text they were written as, so that a version 1.10 stays 1.10.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::spec) enum Value {
    /// Not quoted: a number, `true`, `null`, and in YAML any word.
    Plain(String),
    /// Quoted.
    Text(String),
    List(Vec<Node>),
    Table(BTreeMap<String, Entry>),
}

/// The value of a key.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::spec) struct Entry {
    pub(super) key_offset: Option<usize>,
    pub(super) node: Node,
}

impl Value {
    /// Whether it says that there is nothing.
    pub(super) fn is_null(&self) -> bool {
        matches!(self, Self::Plain(text) if matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL"))
    }

    /// What it is, for messages.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            value if value.is_null() => "nothing",
            Self::Plain(_) | Self::Text(_) => "a single value",
            Self::List(_) => "a list",
            Self::Table(_) => "a table of keys",
        }
    }
}

impl Node {
    pub(super) const fn new(value: Value, offset: usize) -> Self {
        Self { value, offset: Some(offset) }
    }

    /// What it weighs, all in all.
    pub(super) fn weight(&self) -> usize {
        let inside: usize = match &self.value {
            Value::Plain(text) | Value::Text(text) => text.len(),
            Value::List(items) => items.iter().map(Self::weight).sum(),
            Value::Table(table) => table.iter().map(|(key, entry)| key.len() + entry.node.weight()).sum(),
        };
        inside.saturating_add(NODE_WEIGHT)
    }

    /// The byte a fault is about: what its path leads to, or the nearest thing around it that is in the text.
    pub(in crate::spec) fn locate(&self, fault: &Fault) -> Option<usize> {
        let mut node = self;
        let mut key_offset = None;
        for segment in fault.path() {
            let Some(next) = node.get(segment) else { return node.offset };
            (node, key_offset) = next;
        }
        match fault.points {
            Points::ToKey => key_offset.or(node.offset),
            Points::ToValue => node.offset,
        }
    }

    fn get(&self, segment: &Segment) -> Option<(&Self, Option<usize>)> {
        match (segment, &self.value) {
            (Segment::Key(key), Value::Table(table)) => {
                table.get(key).map(|entry| (&entry.node, entry.key_offset))
            }
            (Segment::Index(index), Value::List(items)) => items.get(*index).map(|node| (node, None)),
            (Segment::Key(_) | Segment::Index(_), _) => None,
        }
    }

    /// Sets the value at a dotted path, `steps.0.env.MODE`, making the tables on the way.
    pub(in crate::spec) fn set(&mut self, path: &str, value: &str) -> Result<(), Fault> {
        let (key, rest) = path.split_once('.').map_or((path, None), |(key, rest)| (key, Some(rest)));
        let below = self.child(key)?;
        match rest {
            Some(rest) => below.set(rest, value).map_err(|fault| fault.inside(Segment::Key(key.to_owned()))),
            None => {
                *below = Self { value: Value::Plain(value.to_owned()), offset: None };
                Ok(())
            }
        }
    }

    fn child(&mut self, key: &str) -> Result<&mut Self, Fault> {
        if self.value.is_null() {
            self.value = Value::Table(BTreeMap::new());
        }
        match &mut self.value {
            Value::Table(table) => Ok(&mut table.entry(key.to_owned()).or_insert_with(Entry::unset).node),
            Value::List(items) => {
                let count = items.len();
                let index = key.parse::<usize>().ok();
                index.and_then(|index| items.get_mut(index)).ok_or_else(|| {
                    Fault::new(
                        format!("'{key}' is no place in this list"),
                        format!("it has {count}, from 0 on"),
                    )
                })
            }
            Value::Plain(_) | Value::Text(_) => {
                Err(Fault::bare(format!("this is a single value and has no '{key}'")))
            }
        }
    }
}

impl Entry {
    fn unset() -> Self {
        Self { key_offset: None, node: Node { value: Value::Plain(String::new()), offset: None } }
    }
}

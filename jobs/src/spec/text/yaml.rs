//! YAML into the tree, by the events of its parser: what is plain stays as it was written.
//!
//! Aliases are replaced by what they stand for, each time charged to the budget. Tags, merge keys and further
//! documents are refused: none of them would mean here what it means elsewhere.

use std::borrow::Cow;
use std::collections::BTreeMap;

use granit_parser::{Event, Parser, ScalarStyle, Span, StrInput, Tag};

use super::node::{Entry, Node, Value};
use super::{Budget, Misread};

pub(super) fn parse(text: &str) -> Result<Node, Misread> {
    let mut reader =
        Reader { parser: Parser::new_from_str(text), anchors: BTreeMap::new(), budget: Budget::new() };
    reader.document()
}

struct Reader<'a> {
    parser: Parser<'a, StrInput<'a>>,
    anchors: BTreeMap<usize, Node>,
    budget: Budget,
}

/// An event and the byte it starts at.
type Found<'a> = (Event<'a>, usize);

impl<'a> Reader<'a> {
    fn document(&mut self) -> Result<Node, Misread> {
        let root = loop {
            match self.next()? {
                (Event::StreamStart | Event::DocumentStart(..), _) => {}
                (Event::StreamEnd | Event::DocumentEnd, offset) => {
                    return Err(
                        Misread::new(offset, "the text is empty").fix("write a job with at least one step")
                    );
                }
                found => break self.node(found, 0)?,
            }
        };
        loop {
            match self.next()? {
                (Event::StreamEnd, _) => return Ok(root),
                (Event::DocumentEnd, _) => {}
                (_, offset) => {
                    return Err(
                        Misread::new(offset, "there is a second document").fix("write one job to a file")
                    );
                }
            }
        }
    }

    fn next(&mut self) -> Result<Found<'a>, Misread> {
        match self.parser.next() {
            Some(Ok((event, span))) => Ok((event, start(&span))),
            Some(Err(error)) => {
                Err(Misread::new(error.marker().byte_offset().unwrap_or(usize::MAX), error.info()))
            }
            None => Ok((Event::StreamEnd, usize::MAX)),
        }
    }

    fn node(&mut self, (event, offset): Found<'a>, depth: usize) -> Result<Node, Misread> {
        Budget::check_depth(depth, offset)?;
        let (value, anchor) = match event {
            Event::Alias(anchor) => return self.alias(anchor, offset),
            Event::Scalar(text, style, anchor, tag) => {
                refuse(tag.as_ref(), offset)?;
                self.budget.charge(text.len(), offset)?;
                (scalar(text.into_owned(), style), anchor)
            }
            Event::SequenceStart(_, anchor, tag) => {
                refuse(tag.as_ref(), offset)?;
                self.budget.charge(0, offset)?;
                (self.list(depth)?, anchor)
            }
            Event::MappingStart(_, anchor, tag) => {
                refuse(tag.as_ref(), offset)?;
                self.budget.charge(0, offset)?;
                (self.table(depth)?, anchor)
            }
            _ => return Err(Misread::new(offset, "a value is missing here")),
        };
        let node = Node::new(value, offset);
        if anchor != 0 {
            self.budget.charge_weight(node.weight(), offset)?;
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn alias(&mut self, anchor: usize, offset: usize) -> Result<Node, Misread> {
        let unfinished = || Misread::new(offset, "this alias stands for something it is a part of");
        let node = self.anchors.get(&anchor).ok_or_else(unfinished)?;
        self.budget.charge_weight(node.weight(), offset)?;
        Ok(node.clone())
    }

    fn list(&mut self, depth: usize) -> Result<Value, Misread> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(Value::List(items)),
                found => items.push(self.node(found, depth + 1)?),
            }
        }
    }

    fn table(&mut self, depth: usize) -> Result<Value, Misread> {
        let mut table = BTreeMap::new();
        loop {
            let (key, offset) = match self.next()? {
                (Event::MappingEnd, _) => return Ok(Value::Table(table)),
                (Event::Scalar(key, ..), offset) => (key.into_owned(), offset),
                (_, offset) => return Err(Misread::new(offset, "a key is a single word here")),
            };
            if key == "<<" {
                return Err(Misread::new(offset, "merge keys are not supported").fix("repeat the keys"));
            }
            let found = self.next()?;
            let node = self.node(found, depth + 1)?;
            if table.contains_key(&key) {
                return Err(Misread::duplicate(offset, &key));
            }
            table.insert(key, Entry { key_offset: Some(offset), node });
        }
    }
}

fn start(span: &Span) -> usize {
    span.start.byte_offset().unwrap_or(usize::MAX)
}

fn scalar(text: String, style: ScalarStyle) -> Value {
    match style {
        ScalarStyle::Plain => Value::Plain(text),
        _ => Value::Text(text),
    }
}

fn refuse(tag: Option<&Cow<'_, Tag>>, offset: usize) -> Result<(), Misread> {
    match tag {
        Some(_) => {
            Err(Misread::new(offset, "tags are not supported").fix("remove it; quote what is to be text"))
        }
        None => Ok(()),
    }
}

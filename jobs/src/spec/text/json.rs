//! JSON into the tree. Each level is read with its values left as slices of the text, which tells where they are.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::node::{Entry, Node, Value};
use super::{Budget, Misread};

pub(super) fn parse(text: &str) -> Result<Node, Misread> {
    let mut reader = Reader { text, budget: Budget::new() };
    let root: &RawValue = reader.read(text)?;
    reader.node(root, 0)
}

struct Reader<'a> {
    text: &'a str,
    budget: Budget,
}

impl<'a> Reader<'a> {
    fn node(&mut self, raw: &'a RawValue, depth: usize) -> Result<Node, Misread> {
        let text = raw.get();
        let offset = self.offset(text);
        Budget::check_depth(depth, offset)?;
        let value = match text.as_bytes().first() {
            Some(b'{') => self.table(text, depth)?,
            Some(b'[') => self.list(text, depth)?,
            Some(b'"') => Value::Text(self.read(text)?),
            Some(_) | None => Value::Plain(text.to_owned()),
        };
        let length = match &value {
            Value::Plain(text) | Value::Text(text) => text.len(),
            Value::List(_) | Value::Table(_) => 0,
        };
        self.budget.charge(length, offset)?;
        Ok(Node::new(value, offset))
    }

    fn list(&mut self, text: &'a str, depth: usize) -> Result<Value, Misread> {
        let items: Vec<&RawValue> = self.read(text)?;
        let items = items.into_iter().map(|item| self.node(item, depth + 1));
        Ok(Value::List(items.collect::<Result<_, _>>()?))
    }

    fn table(&mut self, text: &'a str, depth: usize) -> Result<Value, Misread> {
        let Pairs(pairs) = self.read(text)?;
        let mut table = BTreeMap::new();
        for (raw, value) in pairs {
            let key: String = self.read(raw.get())?;
            let offset = self.offset(raw.get());
            let node = self.node(value, depth + 1)?;
            if table.contains_key(&key) {
                return Err(Misread::duplicate(offset, &key));
            }
            table.insert(key, Entry { key_offset: Some(offset), node });
        }
        Ok(Value::Table(table))
    }

    fn read<T: Deserialize<'a>>(&self, part: &'a str) -> Result<T, Misread> {
        serde_json::from_str(part).map_err(|error| self.misread(part, &error))
    }

    /// Where in the whole text a part of it begins.
    fn offset(&self, part: &str) -> usize {
        part.as_ptr().addr().saturating_sub(self.text.as_ptr().addr())
    }

    fn misread(&self, part: &str, error: &serde_json::Error) -> Misread {
        let lines = part.split_inclusive('\n').take(error.line().saturating_sub(1));
        let within = lines.map(str::len).sum::<usize>() + error.column().saturating_sub(1);
        let message = error.to_string();
        let message = message.rsplit_once(" at line ").map_or(message.as_str(), |(message, _)| message);
        Misread::new(self.offset(part) + within, message)
    }
}

/// The keys and values of an object, in order, repeated ones included.
struct Pairs<'a>(Vec<(&'a RawValue, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Pairs<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(PairsVisitor).map(Self)
    }
}

struct PairsVisitor;

impl<'de> Visitor<'de> for PairsVisitor {
    type Value = Vec<(&'de RawValue, &'de RawValue)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut pairs = Vec::new();
        while let Some(pair) = map.next_entry()? {
            pairs.push(pair);
        }
        Ok(pairs)
    }
}

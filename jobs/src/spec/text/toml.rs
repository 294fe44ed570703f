//! TOML into the tree.

use std::collections::BTreeMap;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::node::{Entry, Node, Value};
use super::{Budget, Misread};

pub(super) fn parse(text: &str) -> Result<Node, Misread> {
    let root = DeTable::parse(text).map_err(|error| {
        Misread::new(error.span().map_or(usize::MAX, |span| span.start), error.message().trim_end())
    })?;
    let value = table(root.get_ref(), 0, &mut Budget::new())?;
    Ok(Node::new(value, 0))
}

fn node(found: &Spanned<DeValue<'_>>, depth: usize, budget: &mut Budget) -> Result<Node, Misread> {
    let offset = found.span().start;
    Budget::check_depth(depth, offset)?;
    let value = match found.get_ref() {
        DeValue::String(text) => Value::Text(text.clone().into_owned()),
        DeValue::Integer(number) => Value::Plain(decimal(number.as_str(), number.radix())),
        DeValue::Float(number) => Value::Plain(number.as_str().to_owned()),
        DeValue::Boolean(truth) => Value::Plain(truth.to_string()),
        DeValue::Datetime(_) => {
            return Err(Misread::new(offset, "a date has no meaning here").fix("quote what is to be text"));
        }
        DeValue::Array(items) => {
            let items = items.iter().map(|item| node(item, depth + 1, budget));
            Value::List(items.collect::<Result<_, _>>()?)
        }
        DeValue::Table(inner) => table(inner, depth, budget)?,
    };
    let length = match &value {
        Value::Plain(text) | Value::Text(text) => text.len(),
        Value::List(_) | Value::Table(_) => 0,
    };
    budget.charge(length, offset)?;
    Ok(Node::new(value, offset))
}

fn table(found: &DeTable<'_>, depth: usize, budget: &mut Budget) -> Result<Value, Misread> {
    let mut table = BTreeMap::new();
    for (key, value) in found.iter() {
        let node = node(value, depth + 1, budget)?;
        table.insert(key.get_ref().to_string(), Entry { key_offset: Some(key.span().start), node });
    }
    Ok(Value::Table(table))
}

/// A number as text: hexadecimal, octal and binary ones in decimal.
fn decimal(digits: &str, radix: u32) -> String {
    match radix {
        10 => digits.to_owned(),
        _ => {
            i64::from_str_radix(digits, radix).map_or_else(|_| digits.to_owned(), |number| number.to_string())
        }
    }
}

//! The tree as a source for serde: gives values to what is derived, and the way to whatever it refuses.

use serde::de::value::StrDeserializer;
use serde::de::{DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;

use super::super::fault::{At, Fault, shortened};
use super::node::{Entry, Node, Value};

impl Node {
    /// The text of a single value, however it was written.
    fn text(&self, expected: &str) -> Result<&str, Fault> {
        match &self.value {
            value if value.is_null() => {
                Err(Fault::new("there is no value", format!("write {expected}, or \"\" for an empty text")))
            }
            Value::Plain(text) | Value::Text(text) => Ok(text),
            Value::List(_) | Value::Table(_) => Err(self.mismatch(expected)),
        }
    }

    fn parsed<T: std::str::FromStr>(&self, expected: &str) -> Result<T, Fault> {
        match &self.value {
            Value::Plain(text) => text.to_ascii_lowercase().parse().map_err(|_| self.mismatch(expected)),
            Value::Text(_) | Value::List(_) | Value::Table(_) => Err(self.mismatch(expected)),
        }
    }

    fn mismatch(&self, expected: &str) -> Fault {
        match &self.value {
            value if value.is_null() => Fault::bare(format!("there is no value, expected {expected}")),
            Value::Plain(text) => Fault::bare(format!("expected {expected}, found {}", shortened(text, 40))),
            Value::Text(text) => {
                Fault::bare(format!("expected {expected}, found \"{}\"", shortened(text, 40)))
            }
            Value::List(_) | Value::Table(_) => {
                Fault::bare(format!("expected {expected}, found {}", self.value.kind()))
            }
        }
    }

    fn expected_list(&self) -> Fault {
        let fault = self.mismatch("a list");
        match &self.value {
            Value::Plain(text) | Value::Text(text)
                if text.len() <= 40 && !text.contains(['\n', '[', '"']) =>
            {
                Fault::new(fault.what, format!("write [\"{text}\"]"))
            }
            _ => fault,
        }
    }

    fn visit_table<'de, V: Visitor<'de>>(&'de self, visitor: V, expected: &str) -> Result<V::Value, Fault> {
        match &self.value {
            Value::Table(table) => visitor.visit_map(Entries { rest: table.iter(), value: None }),
            value if value.is_null() => visitor.visit_map(Entries { rest: EMPTY.iter(), value: None }),
            Value::Plain(_) | Value::Text(_) | Value::List(_) => Err(self.mismatch(expected)),
        }
    }
}

static EMPTY: std::collections::BTreeMap<String, Entry> = std::collections::BTreeMap::new();

macro_rules! numbers {
    ($($method:ident $visit:ident),*) => { $(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
            visitor.$visit(self.parsed("a whole number that fits")?)
        }
    )* };
}

impl<'de> Deserializer<'de> for &'de Node {
    type Error = Fault;

    /// Asked for by whoever takes a text or a table.
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match &self.value {
            Value::Plain(_) | Value::Text(_) => visitor.visit_borrowed_str(self.text("a value")?),
            Value::List(_) => Err(self.mismatch("a single value or a table of keys")),
            Value::Table(_) => self.visit_table(visitor, "a table of keys"),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_bool(self.parsed("true or false")?)
    }

    numbers! {
        deserialize_i8 visit_i8, deserialize_i16 visit_i16, deserialize_i32 visit_i32, deserialize_i64 visit_i64,
        deserialize_u8 visit_u8, deserialize_u16 visit_u16, deserialize_u32 visit_u32, deserialize_u64 visit_u64
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_borrowed_str(self.text("a text")?)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.value.is_null() {
            true => visitor.visit_none(),
            false => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    /// What is empty in YAML (`steps:` and no more) is an empty list.
    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match &self.value {
            Value::List(items) => visitor.visit_seq(Items { rest: items.iter().enumerate() }),
            value if value.is_null() => visitor.visit_seq(Items { rest: [].iter().enumerate() }),
            Value::Plain(_) | Value::Text(_) | Value::Table(_) => Err(self.expected_list()),
        }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.visit_table(visitor, "a table of keys and values")
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let first: Vec<&str> = fields.iter().copied().take(4).collect();
        self.visit_table(visitor, &format!("a table of keys such as {}", first.join(", ")))
    }

    /// Only words: no enum of a job file carries more.
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let text: StrDeserializer<'_, Fault> = self.text(&variants.join(" or "))?.into_deserializer();
        visitor.visit_enum(text)
    }

    forward_to_deserialize_any! {
        i128 u128 f32 f64 char bytes byte_buf unit unit_struct tuple tuple_struct identifier ignored_any
    }
}

struct Items<'de> {
    rest: std::iter::Enumerate<std::slice::Iter<'de, Node>>,
}

impl<'de> SeqAccess<'de> for Items<'de> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Fault> {
        let Some((index, node)) = self.rest.next() else { return Ok(None) };
        seed.deserialize(node).map(Some).at_index(index)
    }
}

struct Entries<'de> {
    rest: std::collections::btree_map::Iter<'de, String, Entry>,
    value: Option<(&'de str, &'de Node)>,
}

impl<'de> MapAccess<'de> for Entries<'de> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Fault> {
        let Some((key, entry)) = self.rest.next() else { return Ok(None) };
        self.value = Some((key, &entry.node));
        let text: StrDeserializer<'de, Fault> = key.as_str().into_deserializer();
        seed.deserialize(text).map(Some).map_err(|fault| fault.of_key(key))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        let (key, node) =
            self.value.take().ok_or_else(|| Fault::bare("a value was asked for before its key"))?;
        seed.deserialize(node).at(key)
    }
}

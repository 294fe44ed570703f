//! How single values are written in a job file: sizes, durations, counts, names. Text in, text out, and the schema
//! of each.

use std::borrow::Cow;
use std::fmt::{self, Display};
use std::num::{NonZeroU32, NonZeroU64};
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserializer, Visitor};
use serde::{Deserialize, Serialize, Serializer};

use crate::{Bytes, CpuTime, Cpus, Digest, Label, QueueName, SecretName, WallTime};

/// A value that is written as one word.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Written<T>(pub(super) T);

/// The name and the schema of a kind of words.
pub(super) trait Notation: FromStr<Err: Display> + Display {
    const NAME: &'static str;

    fn schema() -> Schema;
}

impl<T: Notation> Serialize for Written<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de, T: Notation> Deserialize<'de> for Written<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Word(std::marker::PhantomData))
    }
}

struct Word<T>(std::marker::PhantomData<T>);

impl<T: Notation> Visitor<'_> for Word<T> {
    type Value = Written<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::NAME)
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Written<T>, E> {
        text.parse().map(Written).map_err(E::custom)
    }
}

impl<T: Notation> JsonSchema for Written<T> {
    fn schema_name() -> Cow<'static, str> {
        T::NAME.into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        T::schema()
    }
}

macro_rules! notation {
    ($($type:ty, $name:literal, $schema:tt);* $(;)?) => { $(
        impl Notation for $type {
            const NAME: &'static str = $name;

            fn schema() -> Schema {
                json_schema!($schema)
            }
        }
    )* };
}

notation! {
    Bytes, "Size", {
        "description": "Bytes, in units of 1024: 65536, 64k, 256M, 1.5G.",
        "type": ["string", "integer"],
        "pattern": "^[0-9]+(\\.[0-9]+)?(B|[kKMGT]|[KMGT]i|[KMGT]iB)?$", "minimum": 0
    };
    CpuTime, "CpuTime", {
        "description": "A duration: 500us, 500ms, 2s, 1.5s, 3m, 1h.",
        "type": "string", "pattern": "^[0-9]+(\\.[0-9]+)?(us|ms|s|m|min|h)$"
    };
    WallTime, "Duration", {
        "description": "A duration: 500us, 500ms, 2s, 1.5s, 3m, 1h.",
        "type": "string", "pattern": "^[0-9]+(\\.[0-9]+)?(us|ms|s|m|min|h)$"
    };
    Ceiling<WallTime>, "DurationOrNone", {
        "description": "A duration such as 500ms, 2s, 3m, or 'none'.",
        "type": "string", "pattern": "^(none|[0-9]+(\\.[0-9]+)?(us|ms|s|m|min|h))$"
    };
    Ceiling<Cpus>, "Cpus", {
        "description": "Processors: a share such as 1 or 0.5, certain ones such as pin:0,2-3, or 'none' for all.",
        "type": ["string", "number"], "pattern": "^(none|[0-9]+(\\.[0-9]{1,3})?|pin:[0-9,-]+)$", "exclusiveMinimum": 0
    };
    Label, "Label", {
        "description": "1 to 64 of a-z, A-Z, 0-9, '.', '_' and '-', the first no '.' or '-'.",
        "type": ["string", "number"], "pattern": "^[A-Za-z0-9_][A-Za-z0-9._-]{0,63}$"
    };
    QueueName, "QueueName", {
        "description": "1 to 64 of a-z, A-Z, 0-9, '.', '_' and '-', the first no '.' or '-'.",
        "type": ["string", "number"], "pattern": "^[A-Za-z0-9_][A-Za-z0-9._-]{0,63}$"
    };
    SecretName, "SecretName", {
        "description": "1 to 64 of a-z, A-Z, 0-9, '.', '_' and '-', the first no '.' or '-'.",
        "type": ["string", "number"], "pattern": "^[A-Za-z0-9_][A-Za-z0-9._-]{0,63}$"
    };
    Digest, "Digest", {
        "description": "The 64 hexadecimal digits of a SHA-256, with or without 'sha256:' before them.",
        "type": "string", "pattern": "^(sha256:)?[0-9a-fA-F]{64}$"
    };
    Count<NonZeroU32>, "Count", {
        "description": "A whole number of at least 1.", "type": ["integer", "string"],
        "pattern": "^[1-9][0-9]*$", "minimum": 1, "maximum": 4_294_967_295_u32
    };
    Count<NonZeroU64>, "LargeCount", {
        "description": "A whole number of at least 1.", "type": ["integer", "string"],
        "pattern": "^[1-9][0-9]*$", "minimum": 1
    };
}

/// A limit that can be lifted: `none` or a value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Ceiling<T> {
    None,
    At(T),
}

impl<T> Ceiling<T> {
    pub(super) fn into_option(self) -> Option<T> {
        match self {
            Self::None => None,
            Self::At(value) => Some(value),
        }
    }

    pub(super) fn of(value: Option<T>) -> Self {
        value.map_or(Self::None, Self::At)
    }
}

impl<T: FromStr> FromStr for Ceiling<T> {
    type Err = T::Err;

    fn from_str(text: &str) -> Result<Self, T::Err> {
        match text {
            "none" => Ok(Self::None),
            _ => text.parse().map(Self::At),
        }
    }
}

impl<T: Display> Display for Ceiling<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::At(value) => value.fmt(f),
        }
    }
}

/// A number of things, at least one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Count<T>(pub(super) T);

impl<T: FromStr> FromStr for Count<T> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bad =
            |_| format!("'{}' is no whole number of at least 1; write a number such as 64", shortened(text));
        text.parse().map(Self).map_err(bad)
    }
}

fn shortened(text: &str) -> String {
    super::fault::shortened(text, 40)
}

impl<T: Display> Display for Count<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The schema of text that may also be written as a number or as `true`, unquoted.
pub(super) struct Scalar;

impl JsonSchema for Scalar {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Text".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "number", "boolean"] })
    }
}

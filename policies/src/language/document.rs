//! The shape of a policy text: what TOML keys there are and what type each has. Meaning is checked later.

use std::fmt;
use std::num::{NonZeroU32, NonZeroU64};
use std::str::FromStr;

use dayfly_jobs::{Bytes, CpuTime, Cpus, Limits, WallTime};
use serde::de::{self, Deserializer, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use toml::Spanned;

/// A whole policy.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Document {
    pub(super) name: Spanned<String>,
    pub(super) description: Spanned<String>,
    #[serde(default)]
    pub(super) include: Vec<Spanned<String>>,
    pub(super) network: NetworkTable,
    #[serde(with = "LimitsText")]
    pub(super) limits: Limits,
    #[serde(default)]
    pub(super) ceilings: Ceilings,
    #[serde(default)]
    pub(super) allow: Vec<Allow>,
    #[serde(default)]
    pub(super) deny: Vec<Deny>,
    #[serde(default)]
    pub(super) forbid: Vec<Forbid>,
}

/// Rules that several policies share.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Group {
    pub(super) description: String,
    #[serde(default)]
    pub(super) allow: Vec<Allow>,
    #[serde(default)]
    pub(super) deny: Vec<Deny>,
    #[serde(default)]
    pub(super) forbid: Vec<Forbid>,
}

/// What network a job may have; it is always one of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Network {
    /// No interface is up, not even loopback.
    None,
    /// Loopback only.
    Loopback,
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::Loopback => "loopback",
        })
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NetworkTable {
    pub(super) allowed: Spanned<Vec<Network>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Allow {
    pub(super) calls: Spanned<Vec<Spanned<String>>>,
    pub(super) reason: Spanned<String>,
    #[serde(default)]
    pub(super) args: Vec<Spanned<Argument>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Deny {
    pub(super) calls: Spanned<Vec<Spanned<String>>>,
    pub(super) errno: Spanned<String>,
    pub(super) reason: Spanned<String>,
    #[serde(default)]
    pub(super) args: Vec<Spanned<Argument>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Forbid {
    pub(super) calls: Spanned<Vec<Spanned<String>>>,
    pub(super) reason: Spanned<String>,
    #[serde(default)]
    pub(super) args: Vec<Spanned<Argument>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Argument {
    pub(super) index: u8,
    pub(super) op: Op,
    pub(super) mask: Option<Spanned<Value>>,
    pub(super) value: Values,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Op {
    Eq,
    /// Equal in the low 32 bits, which is all the kernel looks at where an argument is an `int`.
    Eq32,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    /// The bits of the mask are those of the value.
    Masked,
    /// At least one bit of the value is set.
    AnyOf,
    /// No bit of the value is set.
    NoneOf,
}

/// A number, or names of constants joined by `|`.
#[derive(Debug)]
pub(super) enum Value {
    Number(u64),
    Symbols(String),
}

/// One value or a list of which one must match.
#[derive(Debug)]
pub(super) struct Values(pub(super) Vec<Spanned<Value>>);

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl Visitor<'_> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number, or the name of a constant such as \"AF_UNIX\"")
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Number(number.cast_unsigned()))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Value, E> {
        Ok(Value::Number(number))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Symbols(text.to_owned()))
    }
}

impl<'de> Deserialize<'de> for Values {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value: Spanned<OneOrMany> = Spanned::deserialize(deserializer)?;
        let span = value.span();
        Ok(match value.into_inner() {
            OneOrMany::One(value) => Self(vec![Spanned::new(span, value)]),
            OneOrMany::Many(values) => Self(values),
        })
    }
}

enum OneOrMany {
    One(Value),
    Many(Vec<Spanned<Value>>),
}

impl<'de> Deserialize<'de> for OneOrMany {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OneOrManyVisitor)
    }
}

struct OneOrManyVisitor;

impl<'de> Visitor<'de> for OneOrManyVisitor {
    type Value = OneOrMany;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number, the name of a constant such as \"AF_UNIX\", or a list of these")
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<OneOrMany, E> {
        ValueVisitor.visit_i64(number).map(OneOrMany::One)
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<OneOrMany, E> {
        ValueVisitor.visit_u64(number).map(OneOrMany::One)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<OneOrMany, E> {
        ValueVisitor.visit_str(text).map(OneOrMany::One)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<OneOrMany, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = list.next_element()? {
            values.push(value);
        }
        Ok(OneOrMany::Many(values))
    }
}

/// [`Limits`] as people write them: `cpu_time = "2s"`.
#[derive(Deserialize)]
#[serde(remote = "Limits", deny_unknown_fields)]
struct LimitsText {
    #[serde(deserialize_with = "text")]
    cpu_time: CpuTime,
    #[serde(deserialize_with = "text")]
    wall_time: WallTime,
    #[serde(default, deserialize_with = "some_text")]
    idle_time: Option<WallTime>,
    #[serde(deserialize_with = "text")]
    memory: Bytes,
    processes: NonZeroU32,
    #[serde(default, deserialize_with = "some_text")]
    cpus: Option<Cpus>,
    #[serde(deserialize_with = "text")]
    output: Bytes,
    #[serde(deserialize_with = "text")]
    disk: Bytes,
    inodes: NonZeroU64,
    open_files: NonZeroU32,
    #[serde(deserialize_with = "text")]
    stack: Bytes,
    #[serde(deserialize_with = "text")]
    file_size: Bytes,
}

/// The most a job under a policy may ask for; `None` leaves a limit to whoever runs the job.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Ceilings {
    /// For [`Limits::cpu_time`].
    #[serde(deserialize_with = "some_text")]
    pub cpu_time: Option<CpuTime>,
    /// For [`Limits::wall_time`].
    #[serde(deserialize_with = "some_text")]
    pub wall_time: Option<WallTime>,
    /// For [`Limits::idle_time`]; a job without that limit is above any ceiling.
    #[serde(deserialize_with = "some_text")]
    pub idle_time: Option<WallTime>,
    /// For [`Limits::memory`].
    #[serde(deserialize_with = "some_text")]
    pub memory: Option<Bytes>,
    /// For [`Limits::processes`].
    pub processes: Option<NonZeroU32>,
    /// For [`Limits::cpus`]; pinned processors count as one each, and a job without that limit is above any.
    #[serde(deserialize_with = "some_text")]
    pub cpus: Option<Cpus>,
    /// For [`Limits::output`].
    #[serde(deserialize_with = "some_text")]
    pub output: Option<Bytes>,
    /// For [`Limits::disk`].
    #[serde(deserialize_with = "some_text")]
    pub disk: Option<Bytes>,
    /// For [`Limits::inodes`].
    pub inodes: Option<NonZeroU64>,
    /// For [`Limits::open_files`].
    pub open_files: Option<NonZeroU32>,
    /// For [`Limits::stack`].
    #[serde(deserialize_with = "some_text")]
    pub stack: Option<Bytes>,
    /// For [`Limits::file_size`].
    #[serde(deserialize_with = "some_text")]
    pub file_size: Option<Bytes>,
}

fn text<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: fmt::Display>,
{
    String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
}

fn some_text<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: fmt::Display>,
{
    text(deserializer).map(Some)
}

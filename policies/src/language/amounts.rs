//! Limits and ceilings as people write them.

use std::fmt;
use std::num::{NonZeroU32, NonZeroU64};
use std::str::FromStr;

use dayfly_jobs::{Bytes, CpuTime, Cpus, Limits, WallTime};
use serde::Deserialize;
use serde::de::{self, Deserializer};

/// [`Limits`] as people write them: `cpu_time = "2s"`.
#[derive(Deserialize)]
#[serde(remote = "Limits", deny_unknown_fields)]
pub(super) struct LimitsText {
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

//! Limits and ceilings as people write them.

use std::fmt;
use std::num::{NonZeroU32, NonZeroU64};
use std::str::FromStr;

use dayfly_jobs::{Bytes, CpuTime, Cpus, Limits, WallTime};
use serde::de::{self, Deserializer};
use serde::{Deserialize, Serialize};

/// [`Limits`] as people write them: `cpu_time = "2s"`.
#[derive(Deserialize)]
#[serde(remote = "Limits", deny_unknown_fields)]
pub(super) struct LimitsText {
    #[serde(deserialize_with = "text")]
    cpu_time: CpuTime,
    #[serde(deserialize_with = "text")]
    wall_time: WallTime,
    #[serde(default, deserialize_with = "optional::deserialize")]
    idle_time: Option<WallTime>,
    #[serde(deserialize_with = "text")]
    memory: Bytes,
    processes: NonZeroU32,
    #[serde(default, deserialize_with = "optional::deserialize")]
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
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Ceilings {
    /// For [`Limits::cpu_time`].
    #[serde(with = "optional")]
    pub cpu_time: Option<CpuTime>,
    /// For [`Limits::wall_time`].
    #[serde(with = "optional")]
    pub wall_time: Option<WallTime>,
    /// For [`Limits::idle_time`]; a job without that limit is above any ceiling.
    #[serde(with = "optional")]
    pub idle_time: Option<WallTime>,
    /// For [`Limits::memory`].
    #[serde(with = "optional")]
    pub memory: Option<Bytes>,
    /// For [`Limits::processes`].
    pub processes: Option<NonZeroU32>,
    /// For [`Limits::cpus`]; pinned processors count as one each, and a job without that limit is above any.
    #[serde(with = "optional")]
    pub cpus: Option<Cpus>,
    /// For [`Limits::output`].
    #[serde(with = "optional")]
    pub output: Option<Bytes>,
    /// For [`Limits::disk`].
    #[serde(with = "optional")]
    pub disk: Option<Bytes>,
    /// For [`Limits::inodes`].
    pub inodes: Option<NonZeroU64>,
    /// For [`Limits::open_files`].
    pub open_files: Option<NonZeroU32>,
    /// For [`Limits::stack`].
    #[serde(with = "optional")]
    pub stack: Option<Bytes>,
    /// For [`Limits::file_size`].
    #[serde(with = "optional")]
    pub file_size: Option<Bytes>,
}

fn text<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: fmt::Display>,
{
    String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
}

/// A value that may be missing, as its text.
mod optional {
    use std::fmt;
    use std::str::FromStr;

    use serde::de::{Deserialize, Deserializer, Error};
    use serde::ser::{Serialize, Serializer};

    pub(super) fn serialize<S, T>(value: &Option<T>, serializer: S) -> Result<S::Ok, S::Error>
    where
        S: Serializer,
        T: fmt::Display,
    {
        value.as_ref().map(ToString::to_string).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
    where
        D: Deserializer<'de>,
        T: FromStr<Err: fmt::Display>,
    {
        let text = Option::<String>::deserialize(deserializer)?;
        text.map(|text| text.parse().map_err(Error::custom)).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ceilings_are_read_as_they_are_written() {
        let text = r#"
            cpu_time = "10s"
            wall_time = "1500ms"
            idle_time = "3m"
            memory = "64k"
            processes = 7
            cpus = "pin:0,2-3"
            output = "1M"
            inodes = 100
        "#;
        let ceilings: Ceilings = toml::from_str(text).unwrap();
        assert_eq!(ceilings.memory, Some(Bytes::kib(64)));
        assert_eq!(ceilings.disk, None);
        let json = serde_json::to_string(&ceilings).unwrap();
        assert_eq!(serde_json::from_str::<Ceilings>(&json).unwrap(), ceilings);
    }
}

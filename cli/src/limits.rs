//! The limits somebody set, by option or by configuration; what they left out keeps the policy's default.

use std::fmt;
use std::marker::PhantomData;
use std::num::{NonZeroU32, NonZeroU64};
use std::str::FromStr;

use dayfly_jobs::{Bytes, CpuTime, Cpus, Limit, Limits, WallTime};
use serde::de::{Deserializer, Error, Visitor};

use crate::values::{Ceiling, count};

/// Limits to set over a policy's defaults. The same fields serve `dayfly run` and the table `[run.limits]`.
#[derive(Debug, Clone, Default, PartialEq, clap::Args, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
#[command(next_help_heading = "Limits (sizes: 64k, 256M, 1G; times: 500ms, 2s, 3m)")]
pub(crate) struct LimitOverrides {
    /// CPU time of all the program's processes together.
    #[arg(long, value_name = "TIME")]
    #[serde(deserialize_with = "text")]
    pub(crate) cpu_time: Option<CpuTime>,
    /// Time from start to end, on the clock on the wall.
    #[arg(long, value_name = "TIME")]
    #[serde(deserialize_with = "text")]
    pub(crate) wall_time: Option<WallTime>,
    /// Longest stretch in which no CPU is used and no byte moves, or 'none'.
    #[arg(long, value_name = "TIME|none")]
    #[serde(deserialize_with = "text")]
    pub(crate) idle_time: Option<Ceiling<WallTime>>,
    /// Memory of all processes together, page cache and files below /box and /tmp included; never any swap.
    #[arg(long, value_name = "SIZE")]
    #[serde(deserialize_with = "text")]
    pub(crate) memory: Option<Bytes>,
    /// Processes and threads that exist at the same time.
    #[arg(long, value_name = "N", value_parser = count::<NonZeroU32>)]
    #[serde(deserialize_with = "number")]
    pub(crate) processes: Option<NonZeroU32>,
    /// Processors: a share such as 1 or 0.5, certain ones such as pin:0,2-3, or 'none' for all.
    #[arg(long, value_name = "N|pin:LIST|none")]
    #[serde(deserialize_with = "text")]
    pub(crate) cpus: Option<Ceiling<Cpus>>,
    /// Bytes written to standard output and standard error together.
    #[arg(long, value_name = "SIZE")]
    #[serde(deserialize_with = "text")]
    pub(crate) output: Option<Bytes>,
    /// Bytes in the files the program writes (they live in memory and count there as well).
    #[arg(long, value_name = "SIZE")]
    #[serde(deserialize_with = "text")]
    pub(crate) disk: Option<Bytes>,
    /// Files, folders and links the program makes.
    #[arg(long, value_name = "N", value_parser = count::<NonZeroU64>)]
    #[serde(deserialize_with = "number")]
    pub(crate) inodes: Option<NonZeroU64>,
    /// Open files of one process.
    #[arg(long, value_name = "N", value_parser = count::<NonZeroU32>)]
    #[serde(deserialize_with = "number")]
    pub(crate) open_files: Option<NonZeroU32>,
    /// Stack of a process's first thread.
    #[arg(long, value_name = "SIZE")]
    #[serde(deserialize_with = "text")]
    pub(crate) stack: Option<Bytes>,
    /// Size of one file.
    #[arg(long, value_name = "SIZE")]
    #[serde(deserialize_with = "text")]
    pub(crate) file_size: Option<Bytes>,
}

impl LimitOverrides {
    /// Sets what is given here and leaves the rest.
    pub(crate) fn apply(&self, limits: &mut Limits) {
        set(&mut limits.cpu_time, self.cpu_time);
        set(&mut limits.wall_time, self.wall_time);
        set(&mut limits.idle_time, self.idle_time.map(Ceiling::into_option));
        set(&mut limits.memory, self.memory);
        set(&mut limits.processes, self.processes);
        set(&mut limits.cpus, self.cpus.clone().map(Ceiling::into_option));
        set(&mut limits.output, self.output);
        set(&mut limits.disk, self.disk);
        set(&mut limits.inodes, self.inodes);
        set(&mut limits.open_files, self.open_files);
        set(&mut limits.stack, self.stack);
        set(&mut limits.file_size, self.file_size);
    }

    /// Whether that limit is set here.
    pub(crate) const fn sets(&self, limit: Limit) -> bool {
        match limit {
            Limit::CpuTime => self.cpu_time.is_some(),
            Limit::WallTime => self.wall_time.is_some(),
            Limit::IdleTime => self.idle_time.is_some(),
            Limit::Memory => self.memory.is_some(),
            Limit::Processes => self.processes.is_some(),
            Limit::Cpus => self.cpus.is_some(),
            Limit::Output => self.output.is_some(),
            Limit::Disk => self.disk.is_some(),
            Limit::Inodes => self.inodes.is_some(),
            Limit::OpenFiles => self.open_files.is_some(),
            Limit::Stack => self.stack.is_some(),
            Limit::FileSize => self.file_size.is_some(),
        }
    }
}

fn set<T>(slot: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *slot = value;
    }
}

/// Reads a configured value as it would be written on the command line: `"256M"`, and also a bare `65536`.
/// A value that is written as text, or as a number where it has no unit.
pub(crate) fn text<'de, D: Deserializer<'de>, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    T: FromStr,
    T::Err: fmt::Display,
{
    let parse = |text: &str| text.parse::<T>().map_err(|error| error.to_string());
    deserializer.deserialize_any(Written { parse, value: PhantomData }).map(Some)
}

/// A count, written as a number or as text.
pub(crate) fn number<'de, D: Deserializer<'de>, T: FromStr>(deserializer: D) -> Result<Option<T>, D::Error> {
    let parse = |text: &str| count::<T>(text).map_err(|error| format!("{error}; {}", error.fix));
    deserializer.deserialize_any(Written { parse, value: PhantomData }).map(Some)
}

/// Accepts a string or a number and hands its text to `parse`.
struct Written<F, T> {
    parse: F,
    value: PhantomData<T>,
}

impl<F: Fn(&str) -> Result<T, String>, T> Visitor<'_> for Written<F, T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number, or text such as \"256M\" or \"2s\"")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        (self.parse)(text).map_err(E::custom)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<T, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<T, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<T, E> {
        self.visit_str(&number.to_string())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Limits in which no two values are alike.
    pub(crate) fn sample() -> Limits {
        Limits {
            cpu_time: CpuTime::secs(10),
            wall_time: WallTime::secs(30),
            idle_time: None,
            memory: Bytes::mib(256),
            processes: NonZeroU32::new(64).unwrap(),
            cpus: None,
            output: Bytes::mib(16),
            disk: Bytes::mib(128),
            inodes: NonZeroU64::new(10_000).unwrap(),
            open_files: NonZeroU32::new(256).unwrap(),
            stack: Bytes::mib(8),
            file_size: Bytes::mib(100),
        }
    }

    #[test]
    fn what_is_not_given_keeps_its_default() {
        let mut limits = sample();
        LimitOverrides::default().apply(&mut limits);
        assert_eq!(limits, sample());
        let given = LimitOverrides { memory: Some(Bytes::mib(1)), ..LimitOverrides::default() };
        given.apply(&mut limits);
        assert_eq!(limits, Limits { memory: Bytes::mib(1), ..sample() });
    }

    #[test]
    fn a_ceiling_of_none_lifts_a_limit() {
        let mut limits = Limits { idle_time: Some(WallTime::secs(1)), ..sample() };
        let given = LimitOverrides { idle_time: Some(Ceiling::None), ..LimitOverrides::default() };
        given.apply(&mut limits);
        assert_eq!(limits.idle_time, None);
    }
}

//! What a command may use at most.

use std::collections::BTreeSet;
use std::fmt;
use std::num::{NonZeroU32, NonZeroU64};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{Bytes, CpuTime, UnitError, WallTime};

/// Every limit of one command. There is no default: who runs a command decides what it may use.
///
/// All of them are enforced by the kernel or the command does not start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// CPU time of all processes of the command together.
    #[serde(rename = "cpu_time_us")]
    pub cpu_time: CpuTime,
    /// Time from start to end on the monotonic clock; runs on while processes are stopped.
    #[serde(rename = "wall_time_us")]
    pub wall_time: WallTime,
    /// Longest stretch without progress (no CPU used, no byte read or written); `None` sets no such limit.
    #[serde(rename = "idle_time_us")]
    pub idle_time: Option<WallTime>,
    /// Memory of all processes together, with page cache, tmpfs files and kernel memory they cause; no swap.
    #[serde(rename = "memory_bytes")]
    pub memory: Bytes,
    /// Processes and threads that exist at the same time.
    pub processes: NonZeroU32,
    /// Processors the command may use; `None` means all of the host's.
    pub cpus: Option<Cpus>,
    /// Bytes written to standard output and standard error together.
    #[serde(rename = "output_bytes")]
    pub output: Bytes,
    /// Bytes in the writable tree (it lives in memory, so it counts against `memory` as well).
    #[serde(rename = "disk_bytes")]
    pub disk: Bytes,
    /// Files, folders and links in the writable tree.
    pub inodes: NonZeroU64,
    /// Open descriptors of one process.
    pub open_files: NonZeroU32,
    /// Stack of the first thread of a process.
    #[serde(rename = "stack_bytes")]
    pub stack: Bytes,
    /// Size of one file.
    #[serde(rename = "file_size_bytes")]
    pub file_size: Bytes,
}

impl Limits {
    /// Below this no program can be executed.
    pub const LEAST_MEMORY: Bytes = Bytes::mib(1);
    /// The folders of the writable tree and a few files.
    pub const LEAST_INODES: u64 = 16;

    /// The limit that no program could be started under, and the least it may be.
    pub fn too_small(&self) -> Option<(Limit, Bytes)> {
        if self.memory < Self::LEAST_MEMORY {
            return Some((Limit::Memory, Self::LEAST_MEMORY));
        }
        (self.inodes.get() < Self::LEAST_INODES).then(|| (Limit::Inodes, Bytes::new(Self::LEAST_INODES)))
    }
}

/// The name of one limit, as on the command line (`--cpu-time`) and in results (`cpu_time`).
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// [`Limits::cpu_time`].
    CpuTime,
    /// [`Limits::wall_time`].
    WallTime,
    /// [`Limits::idle_time`].
    IdleTime,
    /// [`Limits::memory`].
    Memory,
    /// [`Limits::processes`].
    Processes,
    /// [`Limits::cpus`].
    Cpus,
    /// [`Limits::output`].
    Output,
    /// [`Limits::disk`].
    Disk,
    /// [`Limits::inodes`].
    Inodes,
    /// [`Limits::open_files`].
    OpenFiles,
    /// [`Limits::stack`].
    Stack,
    /// [`Limits::file_size`].
    FileSize,
}

impl Limit {
    /// Every limit, in the order results list them.
    pub const ALL: [Self; 12] = [
        Self::CpuTime,
        Self::WallTime,
        Self::IdleTime,
        Self::Memory,
        Self::Processes,
        Self::Cpus,
        Self::Output,
        Self::Disk,
        Self::Inodes,
        Self::OpenFiles,
        Self::Stack,
        Self::FileSize,
    ];

    /// The name in results: `cpu_time`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::CpuTime => "cpu_time",
            Self::WallTime => "wall_time",
            Self::IdleTime => "idle_time",
            Self::Memory => "memory",
            Self::Processes => "processes",
            Self::Cpus => "cpus",
            Self::Output => "output",
            Self::Disk => "disk",
            Self::Inodes => "inodes",
            Self::OpenFiles => "open_files",
            Self::Stack => "stack",
            Self::FileSize => "file_size",
        }
    }
}

impl Limit {
    /// Processes, open files, stack and cpus refuse or slow a program instead of ending it; should a sandbox ever
    /// stop a job over one of them, it counts as a limit on a size or count.
    pub(crate) const fn exit_code(self) -> u8 {
        match self {
            Self::CpuTime | Self::WallTime | Self::IdleTime => 124,
            Self::Memory => 123,
            Self::Output | Self::Disk | Self::Inodes | Self::FileSize => 122,
            Self::Processes | Self::OpenFiles | Self::Stack | Self::Cpus => 122,
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Limit {
    type Err = UnitError;

    /// Reads `cpu_time` as well as `cpu-time`.
    fn from_str(text: &str) -> Result<Self, UnitError> {
        let name = text.replace('-', "_");
        Self::ALL.into_iter().find(|limit| limit.name() == name).ok_or_else(|| UnitError::NoLimit {
            text: text.into(),
            known: "limits are cpu-time, wall-time, idle-time, memory, processes, cpus, output, disk, \
                      inodes, open-files, stack and file-size",
        })
    }
}

/// A share of the host's processors.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Cpus {
    /// Thousandths of one processor, on any of them: 1500 is one and a half.
    Millis(NonZeroU32),
    /// Exactly these processors and no others.
    Pinned(CpuSet),
}

/// A set of processor numbers, never empty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(try_from = "BTreeSet<u16>", into = "BTreeSet<u16>")]
pub struct CpuSet(BTreeSet<u16>);

impl CpuSet {
    /// The processor numbers, ascending.
    pub fn iter(&self) -> impl Iterator<Item = u16> + '_ {
        self.0.iter().copied()
    }

    /// How many processors the set has.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Always false: an empty set cannot be made.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

const CPUS_ALLOWED: &str = "write a number of processors such as 1 or 0.5, or a list such as pin:0,2-3";

impl TryFrom<BTreeSet<u16>> for CpuSet {
    type Error = UnitError;

    fn try_from(set: BTreeSet<u16>) -> Result<Self, UnitError> {
        match set.is_empty() {
            true => Err(UnitError::OutOfRange { text: String::new(), allowed: CPUS_ALLOWED }),
            false => Ok(Self(set)),
        }
    }
}

impl From<CpuSet> for BTreeSet<u16> {
    fn from(set: CpuSet) -> Self {
        set.0
    }
}

impl fmt::Display for CpuSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, cpu) in self.0.iter().enumerate() {
            write!(f, "{}{cpu}", if i == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}

impl fmt::Display for Cpus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Millis(n) if n.get() % 1000 == 0 => write!(f, "{}", n.get() / 1000),
            Self::Millis(n) => {
                let fraction = format!("{:03}", n.get() % 1000);
                write!(f, "{}.{}", n.get() / 1000, fraction.trim_end_matches('0'))
            }
            Self::Pinned(set) => write!(f, "pin:{set}"),
        }
    }
}

impl FromStr for Cpus {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let bad = || UnitError::OutOfRange { text: text.into(), allowed: CPUS_ALLOWED };
        if let Some(list) = text.strip_prefix("pin:") {
            return parse_cpu_list(list).map(Self::Pinned).ok_or_else(bad);
        }
        parse_millis(text).map(Self::Millis).ok_or_else(bad)
    }
}

fn parse_millis(text: &str) -> Option<NonZeroU32> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let plain = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if !plain(whole) || !plain(fraction) || fraction.len() > 3 {
        return None;
    }
    let whole: u32 = whole.parse().ok()?;
    let fraction: u32 = format!("{fraction:0<3}").parse().ok()?;
    NonZeroU32::new(whole.checked_mul(1000)?.checked_add(fraction)?)
}

/// Reads `0,2-3`.
fn parse_cpu_list(list: &str) -> Option<CpuSet> {
    let mut cpus = BTreeSet::new();
    for part in list.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last): (u16, u16) = (first.parse().ok()?, last.parse().ok()?);
        if first > last {
            return None;
        }
        cpus.extend(first..=last);
    }
    CpuSet::try_from(cpus).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limit_names_are_read_both_ways() {
        for limit in Limit::ALL {
            assert_eq!(limit.name().parse(), Ok(limit));
            assert_eq!(limit.name().replace('_', "-").parse(), Ok(limit));
        }
        assert!("speed".parse::<Limit>().is_err());
    }

    #[test]
    fn cpus_parse_and_print() {
        for text in ["1", "0.5", "1.25", "16", "pin:0", "pin:0,2,3"] {
            assert_eq!(text.parse::<Cpus>().map(|c| c.to_string()), Ok(text.to_owned()));
        }
        assert_eq!("pin:0,2-3".parse::<Cpus>().map(|c| c.to_string()), Ok("pin:0,2,3".to_owned()));
        for text in ["", "0", "0.0", "-1", "1.2345", "x", "1.", "pin:", "pin:3-1", "pin:a"] {
            assert!(text.parse::<Cpus>().is_err(), "{text}");
        }
    }
}

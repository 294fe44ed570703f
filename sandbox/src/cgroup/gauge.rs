//! What a group uses at this moment, read from any thread and without its owner: by descriptors of its own, which stay
//! good while the group is being removed. Must not be used to decide anything; limits are enforced elsewhere.

use std::sync::Arc;

use dayfly_jobs::{Bytes, CpuTime};

use super::files::Dir;
use super::{CgroupError, Layout, parse};

/// Where a group's counters are.
#[derive(Debug)]
pub(crate) struct Gauge {
    pub(super) layout: Layout,
    pub(super) cpu: Arc<Dir>,
    pub(super) memory: Arc<Dir>,
    pub(super) processes: Arc<Dir>,
}

/// What they say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Level {
    /// CPU time of all processes so far.
    pub(crate) cpu: CpuTime,
    /// Memory held now.
    pub(crate) memory: Bytes,
    /// Processes and threads now.
    pub(crate) processes: u32,
}

impl Gauge {
    /// Reads all of them.
    ///
    /// # Errors
    /// A counter cannot be read: the group is gone.
    pub(crate) fn read(&self) -> Result<Level, CgroupError> {
        let (cpu, memory) = match self.layout {
            Layout::V1 => (
                self.cpu.parse("cpuacct.usage", "nanoseconds", parse::number)? / 1000,
                self.memory.parse("memory.usage_in_bytes", "bytes", parse::number)?,
            ),
            Layout::V2 => (
                self.cpu.parse("cpu.stat", "usage_usec", |text| parse::field(text, "usage_usec"))?,
                self.memory.parse("memory.current", "bytes", parse::number)?,
            ),
        };
        let count = |text: &str| u32::try_from(parse::number(text)?).ok();
        let processes = self.processes.parse("pids.current", "a number of processes", count)?;
        Ok(Level { cpu: CpuTime::micros(cpu), memory: Bytes::new(memory), processes })
    }
}

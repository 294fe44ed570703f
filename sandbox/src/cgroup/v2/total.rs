//! The group over those of a sandbox's commands, in version 2: a folder with folders.

use std::collections::BTreeSet;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use dayfly_jobs::{CpuTime, Limit, Receipt};
use nix::fcntl::OFlag;

use super::super::files::Dir;
use super::super::{CgroupError, Group, GroupName, TotalGroup, Wants, limits, parse};
use super::group::{self, V2Group};
use super::{Facts, NEEDED, enable, make_below, open, place};
use crate::Total;

/// The group.
#[derive(Debug)]
pub(super) struct V2Total {
    name: GroupName,
    parent: Arc<Dir>,
    dir: Arc<Dir>,
    cpu_stat: OwnedFd,
    /// How often the limit on memory had been hit when that was looked at last.
    ran_out: u64,
    /// How often a process had been refused.
    refused: u64,
    facts: Arc<Facts>,
}

impl V2Total {
    /// Opens a group that was just made and gives the groups in it what they need.
    pub(super) fn open(parent: &Arc<Dir>, name: &GroupName, facts: &Arc<Facts>) -> Result<Self, CgroupError> {
        let dir = open(parent, name)?;
        place::enable(&dir, &NEEDED)?;
        let cpu_stat = dir.open_file("cpu.stat", OFlag::O_RDONLY)?;
        let (name, parent, facts) = (name.clone(), parent.clone(), facts.clone());
        Ok(Self { name, parent, dir: Arc::new(dir), cpu_stat, ran_out: 0, refused: 0, facts })
    }
}

impl TotalGroup for V2Total {
    fn apply(&mut self, total: &Total, waived: &BTreeSet<Limit>) -> Result<Receipt, CgroupError> {
        enable(&self.parent, total.wants(), &self.facts)?;
        let mut receipt = Receipt::new();
        receipt.insert(Limit::Memory, group::limit_memory(&self.dir, &self.facts, total.memory, waived)?);
        receipt.insert(Limit::Processes, group::limit_processes(&self.dir, total.processes)?);
        if let Some(cpus) = &total.cpus {
            receipt.insert(Limit::Cpus, group::limit_cpus(&self.dir, &self.facts, cpus, waived)?);
        }
        Ok(receipt)
    }

    fn create(&mut self, name: &GroupName, wants: Wants) -> Result<Box<dyn Group>, CgroupError> {
        // A controller reaches as far down as the groups above hand it on.
        enable(&self.parent, wants, &self.facts)?;
        enable(&self.dir, wants, &self.facts)?;
        let made = make_below(&self.dir, name, |dir| V2Group::open(dir, name, &self.facts));
        Ok(Box::new(made.map_err(|error| error.into_error(name))?))
    }

    fn cpu_time(&self) -> Result<CpuTime, CgroupError> {
        group::cpu_time(&self.dir, &self.cpu_stat)
    }

    /// The local count: the other also has the hits of the commands' own limits.
    fn ran_out(&mut self) -> Result<bool, CgroupError> {
        let hits = |text: &str| parse::field(text, "oom");
        let hits = self.dir.parse("memory.events.local", "oom", hits)?;
        Ok(hits > std::mem::replace(&mut self.ran_out, hits))
    }

    /// A process that is made in a group is counted before it is there, so there are never too many.
    fn is_overfull(&self) -> Result<bool, CgroupError> {
        Ok(false)
    }

    /// Linux 6.11 and newer count a refusal where the limit is, older ones in the group of the process.
    fn has_refused(&mut self) -> Result<bool, CgroupError> {
        let refused = self.dir.parse_if_any("pids.events.local", "max", |text| parse::field(text, "max"))?;
        let refused = refused.unwrap_or(0);
        Ok(refused > std::mem::replace(&mut self.refused, refused))
    }

    fn kill(&self) -> Result<(), CgroupError> {
        group::kill(&self.dir)?;
        limits::await_release(&self.dir)
    }

    fn remove(self: Box<Self>) -> Result<(), CgroupError> {
        self.parent.remove(self.name.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slot::SlotNumber;

    #[test]
    fn what_was_refused_is_told_once() {
        let top = tempfile::tempdir().unwrap();
        let dir = Arc::new(Dir::open(top.path()).unwrap());
        let counts =
            |times: u32| std::fs::write(top.path().join("pids.events.local"), format!("max {times}\n"));
        std::fs::write(top.path().join("cpu.stat"), "").unwrap();
        let mut total = V2Total {
            name: GroupName::new(SlotNumber::new(5).unwrap(), 1),
            parent: Arc::clone(&dir),
            cpu_stat: dir.open_file("cpu.stat", OFlag::O_RDONLY).unwrap(),
            dir,
            ran_out: 0,
            refused: 0,
            facts: Arc::new(Facts { lacks: Vec::new(), swap_limit: false }),
        };
        for (times, expected) in [(0, false), (2, true), (2, false), (3, true), (3, false)] {
            counts(times).unwrap();
            assert_eq!(total.has_refused().unwrap(), expected, "{times}");
        }
    }
}

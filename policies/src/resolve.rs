//! A job's limits against its policy's ceilings: a job can tighten, never widen.

use std::fmt::Display;

use dayfly_jobs::{Cpus, Limit, Limits};

use crate::language::{Ceilings, PolicyError};
use crate::policy::Policy;

/// Refuses limits that are above a ceiling of the policy.
pub fn resolve(policy: &Policy, limits: &Limits) -> Result<(), PolicyError> {
    let ceilings = policy.ceilings();
    let check = Check { policy };
    check.within(Limit::CpuTime, limits.cpu_time, ceilings.cpu_time)?;
    check.within(Limit::WallTime, limits.wall_time, ceilings.wall_time)?;
    check.set_within(Limit::IdleTime, limits.idle_time, ceilings.idle_time)?;
    check.within(Limit::Memory, limits.memory, ceilings.memory)?;
    check.within(Limit::Processes, limits.processes, ceilings.processes)?;
    check.cpus(limits.cpus.as_ref(), ceilings.cpus.as_ref())?;
    check.within(Limit::Output, limits.output, ceilings.output)?;
    check.within(Limit::Disk, limits.disk, ceilings.disk)?;
    check.within(Limit::Inodes, limits.inodes, ceilings.inodes)?;
    check.within(Limit::OpenFiles, limits.open_files, ceilings.open_files)?;
    check.within(Limit::Stack, limits.stack, ceilings.stack)?;
    check.within(Limit::FileSize, limits.file_size, ceilings.file_size)
}

struct Check<'a> {
    policy: &'a Policy,
}

impl Check<'_> {
    fn within<T: Ord + Display>(
        &self,
        limit: Limit,
        asked: T,
        ceiling: Option<T>,
    ) -> Result<(), PolicyError> {
        match ceiling {
            Some(ceiling) if asked > ceiling => Err(self.above(limit, &asked, &ceiling)),
            Some(_) | None => Ok(()),
        }
    }

    /// For a limit that need not be set: without it a job is above any ceiling.
    fn set_within<T: Ord + Display>(
        &self,
        limit: Limit,
        asked: Option<T>,
        ceiling: Option<T>,
    ) -> Result<(), PolicyError> {
        match (asked, ceiling) {
            (Some(asked), ceiling) => self.within(limit, asked, ceiling),
            (None, Some(ceiling)) => Err(self.above(limit, &"without limit", &ceiling)),
            (None, None) => Ok(()),
        }
    }

    fn cpus(&self, asked: Option<&Cpus>, ceiling: Option<&Cpus>) -> Result<(), PolicyError> {
        match (asked, ceiling) {
            (Some(asked), Some(ceiling)) if millis(asked) > millis(ceiling) => {
                Err(self.above(Limit::Cpus, asked, ceiling))
            }
            (None, Some(ceiling)) => Err(self.above(Limit::Cpus, &"without limit", ceiling)),
            (Some(_), Some(_)) | (Some(_) | None, None) => Ok(()),
        }
    }

    fn above(&self, limit: Limit, asked: &dyn Display, ceiling: &dyn Display) -> PolicyError {
        PolicyError::AboveCeiling {
            policy: self.policy.name().to_owned(),
            limit,
            asked: asked.to_string(),
            ceiling: ceiling.to_string(),
        }
    }
}

/// Thousandths of a processor; a pinned processor is a whole one.
fn millis(cpus: &Cpus) -> u64 {
    match cpus {
        Cpus::Millis(millis) => u64::from(millis.get()),
        Cpus::Pinned(set) => u64::try_from(set.len()).unwrap_or(u64::MAX).saturating_mul(1000),
    }
}

/// Each limit with its value and its ceiling, for people.
pub(crate) fn table(limits: &Limits, ceilings: &Ceilings) -> [(Limit, String, Option<String>); 12] {
    fn row<T: Display>(limit: Limit, value: &T, ceiling: Option<&T>) -> (Limit, String, Option<String>) {
        (limit, value.to_string(), ceiling.map(ToString::to_string))
    }
    fn open<T: Display>(
        limit: Limit,
        value: Option<&T>,
        ceiling: Option<&T>,
    ) -> (Limit, String, Option<String>) {
        let value = value.map_or_else(|| "no limit".to_owned(), ToString::to_string);
        (limit, value, ceiling.map(ToString::to_string))
    }
    [
        row(Limit::CpuTime, &limits.cpu_time, ceilings.cpu_time.as_ref()),
        row(Limit::WallTime, &limits.wall_time, ceilings.wall_time.as_ref()),
        open(Limit::IdleTime, limits.idle_time.as_ref(), ceilings.idle_time.as_ref()),
        row(Limit::Memory, &limits.memory, ceilings.memory.as_ref()),
        row(Limit::Processes, &limits.processes, ceilings.processes.as_ref()),
        open(Limit::Cpus, limits.cpus.as_ref(), ceilings.cpus.as_ref()),
        row(Limit::Output, &limits.output, ceilings.output.as_ref()),
        row(Limit::Disk, &limits.disk, ceilings.disk.as_ref()),
        row(Limit::Inodes, &limits.inodes, ceilings.inodes.as_ref()),
        row(Limit::OpenFiles, &limits.open_files, ceilings.open_files.as_ref()),
        row(Limit::Stack, &limits.stack, ceilings.stack.as_ref()),
        row(Limit::FileSize, &limits.file_size, ceilings.file_size.as_ref()),
    ]
}

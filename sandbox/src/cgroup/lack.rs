//! What a host cannot enforce.

use std::collections::BTreeSet;

use dayfly_jobs::{Enforcement, Limit};
use nix::errno::Errno;

use super::{CgroupError, parse};

/// The part of control groups that is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Facility {
    /// Keeping a group's memory out of swap.
    Swap,
    /// A share of processor time.
    CpuQuota,
    /// Choice of processors.
    CpuSet,
    /// Counting and limiting memory at all.
    Memory,
    /// Counting and limiting processes at all.
    Processes,
    /// Counting CPU time at all.
    CpuTime,
}

impl Facility {
    const fn limit(self) -> Limit {
        match self {
            Self::Swap | Self::Memory => Limit::Memory,
            Self::Processes => Limit::Processes,
            Self::CpuTime => Limit::CpuTime,
            Self::CpuQuota | Self::CpuSet => Limit::Cpus,
        }
    }
}

/// Something that cannot be enforced here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lack {
    /// The limit that needs it.
    pub(crate) limit: Limit,
    /// What is missing. `cpus` is only lacking in the form that needs this.
    pub(crate) facility: Facility,
    /// Why.
    pub(crate) reason: String,
    /// What to do about it.
    pub(crate) fix: String,
}

impl Lack {
    pub(super) fn new(facility: Facility, reason: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { limit: facility.limit(), facility, reason: reason.into(), fix: fix.into() }
    }

    pub(super) fn error(&self) -> CgroupError {
        CgroupError::Lacking { limit: self.limit, reason: self.reason.clone(), fix: self.fix.clone() }
    }
}

/// `Ok(None)` when the facility is there, the waiver to report when it is lacking and waived.
pub(super) fn waiver(
    lacks: &[Lack],
    facility: Facility,
    waived: &BTreeSet<Limit>,
) -> Result<Option<Enforcement>, CgroupError> {
    match lacks.iter().find(|lack| lack.facility == facility) {
        None => Ok(None),
        Some(lack) if waived.contains(&lack.limit) => Ok(Some(Enforcement::Waived(lack.reason.clone()))),
        Some(lack) => Err(lack.error()),
    }
}

/// Whether the host swaps at all.
pub(super) fn host_has_swap() -> Result<bool, CgroupError> {
    match std::fs::read_to_string("/proc/swaps") {
        Ok(text) => Ok(parse::has_swap(&text)),
        // A kernel without swap has no such file.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) => {
            let errno = Errno::from_raw(error.raw_os_error().unwrap_or_default());
            Err(CgroupError::file("read", "/proc/swaps", errno))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lack_is_an_error_unless_its_limit_is_waived_by_name() {
        let lacks = [Lack::new(Facility::CpuSet, "no cpuset", "get one")];
        let none = BTreeSet::new();
        assert_eq!(waiver(&lacks, Facility::CpuQuota, &none).unwrap(), None);
        let error = waiver(&lacks, Facility::CpuSet, &BTreeSet::from([Limit::Memory])).unwrap_err();
        assert_eq!(error.to_string(), "the limit cpus cannot be enforced here: no cpuset; get one");
        assert_eq!(
            waiver(&lacks, Facility::CpuSet, &BTreeSet::from([Limit::Cpus])).unwrap(),
            Some(Enforcement::Waived("no cpuset".into()))
        );
    }
}

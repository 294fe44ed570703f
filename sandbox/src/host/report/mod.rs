//! From facts to findings: how each thing stands, what is lost by it, and what mends it. Pure.
//!
//! `Missing` is only for what the default profile needs; what it can do without is `Degraded`.

mod cgroups;
mod fixes;
mod isolation;
mod kernel;
mod timing;

#[cfg(test)]
mod tests;

use dayfly_jobs::{Check, HostReport, Standing};

use super::{HostSupport, Jitter, Tried};

impl HostSupport {
    /// The findings about this host, in the order they are shown.
    pub fn report(&self) -> HostReport {
        let groups =
            [kernel::checks(self), isolation::checks(self), cgroups::checks(self), timing::checks(self)];
        HostReport { kernel: self.kernel.clone(), checks: groups.into_iter().flatten().collect() }
    }
}

impl Jitter {
    /// The finding about this measurement, and a grade for the host that takes `report` into account.
    pub fn grade(self, report: &HostReport) -> Vec<Check> {
        timing::graded(&report.checks, self)
    }
}

pub(super) fn ok(id: &str, found: impl Into<String>) -> Check {
    Check {
        id: id.to_owned(),
        standing: Standing::Ok,
        found: found.into(),
        lost: String::new(),
        fix: String::new(),
    }
}

pub(super) fn degraded(
    id: &str,
    found: impl Into<String>,
    lost: impl Into<String>,
    fix: impl Into<String>,
) -> Check {
    Check { standing: Standing::Degraded, lost: lost.into(), fix: fix.into(), ..ok(id, found) }
}

pub(super) fn missing(
    id: &str,
    found: impl Into<String>,
    lost: impl Into<String>,
    fix: impl Into<String>,
) -> Check {
    Check { standing: Standing::Missing, ..degraded(id, found, lost, fix) }
}

/// What is said about something that was tried.
struct Trial {
    id: &'static str,
    tried: Tried,
    /// What was found when it works.
    works: &'static str,
    /// What is lost when it does not.
    lost: &'static str,
}

impl Trial {
    /// The default profile needs it.
    fn needed(&self, fix: impl FnOnce() -> String) -> Check {
        self.check(missing, fix)
    }

    /// The default profile does without it.
    fn wanted(&self, fix: impl FnOnce() -> String) -> Check {
        self.check(degraded, fix)
    }

    fn check(
        &self,
        otherwise: fn(&str, String, &'static str, String) -> Check,
        fix: impl FnOnce() -> String,
    ) -> Check {
        match self.tried.works() {
            true => ok(self.id, self.works),
            false => otherwise(self.id, self.tried.to_string(), self.lost, fix()),
        }
    }
}

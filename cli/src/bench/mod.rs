//! Measures jails beside what they are compared with, in one run on one machine. Decides nothing about jails
//! and prints nothing.

mod effects;
mod machine;
mod peers;
mod program;
pub(crate) mod queue;
mod report;
mod rounds;
pub(crate) mod show;
mod spin;
mod starts;
mod stats;

use std::path::Path;

use dayfly_jobs::{Enforcement, Limit, Limits, Receipt};
use dayfly_policies::Catalog;
use dayfly_sandbox::{Command, Jail};

use self::effects::Spinner;
use self::machine::Machine;
use self::peers::Peers;
pub(crate) use self::report::Report;
pub(crate) use self::rounds::Effort;
pub(crate) use self::spin::spin;
use crate::error::CliError;

/// The policy that most jobs run under.
const POLICY: &str = "strict";

/// Measures everything about jails. `own` is the program `dayfly`.
pub(crate) fn run(own: &Path, effort: Effort) -> Result<Report, CliError> {
    let policy = Catalog::builtin()
        .get(POLICY)
        .map_err(|error| CliError::bench(error.to_string(), "use a build with the built-in policies"))?;
    let limits: Limits = policy.default_limits().clone();
    let jail = Jail::builder(policy.clone()).build()?;
    // Before anything is measured, so that the load is that of others.
    let machine = Machine::read(mechanism(&jail.receipt(&limits)?));
    let command = Command::new(starts::PROGRAM, limits.clone());
    let starts = starts::run(&jail, &command, own, &Peers::find(), effort)?;
    let effects = Spinner::new(&policy, &limits, own)?.run(effort)?;
    Ok(Report::new(machine, &starts, &effects))
}

/// The kernel interface that limits processes, as one word: `cgroup2`.
fn mechanism(receipt: &Receipt) -> String {
    match receipt.get(&Limit::Processes) {
        Some(Enforcement::Kernel(name)) => name.split(' ').next().unwrap_or_default().to_owned(),
        Some(Enforcement::Waived(_)) | None => "no cgroups".to_owned(),
    }
}

//! Proof by doing: a program that runs into each limit, in a real sandbox, and what came of it.
//!
//! A limit counts as enforced only when a hog was seen to be held by it. This works on any [`Backend`], so that
//! the judging is tested without one.

mod hogs;
mod judge;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::Arc;

use dayfly_jobs::{Bytes, Check, Limits, Outcome, Termination};
use dayfly_policies::Policy;

use super::report::{missing, ok};
use crate::{Backend, Cancel, Command, Counted, Network, Root, SandboxError, SandboxSpec, Stdio};

use hogs::{HOGS, base_limits};

/// Runs a program in a sandbox and then one hog for each limit; takes about two seconds.
///
/// When not even the first program runs, its check is the only one.
pub fn prove(backend: &dyn Backend, policy: &Arc<Policy>) -> Vec<Check> {
    let spec = SandboxSpec {
        policy: Arc::clone(policy),
        root: Root::Host { toolchains: Vec::new() },
        binds: Vec::new(),
        network: Network::None,
        counted: Counted::Each,
        waive: BTreeSet::new(),
    };
    let run = |script: &str, limits: Limits| run(backend, &spec, script, limits);
    let mut checks = vec![first_jail(&run("exit 7", base_limits()))];
    if checks.iter().all(|check| check.standing == dayfly_jobs::Standing::Ok) {
        checks.extend(HOGS.iter().map(|hog| judge::judge(hog, &run(hog.script, hog.limits()))));
    }
    checks
}

fn run(
    backend: &dyn Backend,
    spec: &SandboxSpec,
    script: &str,
    limits: Limits,
) -> Result<Outcome, SandboxError> {
    let command = Command::new("/bin/sh", limits)
        .args(["-c", script])
        .stdout(Stdio::capture(Bytes::kib(4)))
        .stderr(Stdio::capture(Bytes::kib(4)));
    let mut sandbox = backend.create(spec)?;
    let outcome = sandbox.exec(&command, &Cancel::never())?;
    sandbox.destroy()?;
    Ok(outcome)
}

fn first_jail(result: &Result<Outcome, SandboxError>) -> Check {
    let id = "isolation.jail";
    match result {
        Ok(Outcome { termination: Termination::Exited { code: 7 }, timings, .. }) => ok(
            id,
            format!(
                "a program ran in a jail that was set up in {}",
                judge::milliseconds(timings.setup.as_micros())
            ),
        ),
        Ok(outcome) => missing(
            id,
            format!("a program that should end with code 7 ended otherwise: {:?}", outcome.termination),
            "every jail",
            "see that /bin/sh runs on this host; if it does, report this with the output of dayfly doctor --json",
        ),
        Err(error) => {
            missing(id, error.to_string(), "every jail", "mend what is missing above, then run this again")
        }
    }
}

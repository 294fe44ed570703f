//! `dayfly doctor`: what this host can do, what is missing, and what mends it.

use std::path::Path;
use std::time::Duration;

use dayfly_jobs::HostReport;
use dayfly_policies::Catalog;
use dayfly_sandbox::host::{HostSupport, Jitter, prove};
use dayfly_sandbox::{JailBackend, SandboxError, SweepReport};

use crate::args::Global;
use crate::config;
use crate::error::CliError;
use crate::exit;
use crate::output::Out;
use crate::output::doctor::Findings;
use crate::surroundings::Surroundings;

const NOTES: &str = "\
Exit codes:
  0    everything that the built-in policies need works
  1    something they need is missing
  125  the doctor itself failed

What a host needs and how to give it: docs/HOSTS.md";

/// The built-in policy that proofs run under: that of `dayfly run` without a configuration. The hogs are shell
/// scripts, which a configured policy need not allow.
const POLICY: &str = "interpreted";
/// How long the noise of the host is measured.
const MEASURED: Duration = Duration::from_millis(500);

/// What to do besides looking and proving.
#[derive(Debug, Default, clap::Args)]
#[command(after_help = NOTES)]
pub(crate) struct DoctorArgs {
    /// First remove the control groups that dead runs left behind.
    #[arg(long)]
    sweep: bool,
    /// Also measure for half a second how steady times are, and grade the host.
    #[arg(long)]
    timing: bool,
}

/// Sweeps if asked, looks, proves, and tells.
pub(crate) fn run(args: &DoctorArgs, global: &Global, out: &Out) -> Result<u8, CliError> {
    let settings = config::load(global.config.as_deref(), &Surroundings::read())?;
    let parent = settings.config.cgroup.parent.as_deref();
    let swept = args.sweep.then(|| dayfly_sandbox::sweep(parent));
    let report = examine(parent, args.timing)?;
    Findings { report: &report, swept: swept.as_ref() }.show(out)?;
    Ok(code(&report, swept.as_ref()))
}

fn examine(cgroup_parent: Option<&Path>, timing: bool) -> Result<HostReport, CliError> {
    let mut report = HostSupport::probe(cgroup_parent).report();
    let backend = JailBackend::new(cgroup_parent.map(Path::to_path_buf));
    report.checks.extend(prove(&backend, &Catalog::builtin().get(POLICY)?));
    if timing {
        report.checks.extend(Jitter::measure(MEASURED)?.grade(&report));
    }
    Ok(report)
}

fn code(report: &HostReport, swept: Option<&Result<SweepReport, SandboxError>>) -> u8 {
    match swept {
        Some(Err(_)) => exit::FAILED,
        Some(Ok(_)) | None if report.is_usable() => 0,
        Some(Ok(_)) | None => 1,
    }
}

#[cfg(test)]
mod tests {
    use dayfly_jobs::{Check, Standing};

    use super::*;

    #[test]
    fn every_finding_has_its_documented_code() {
        let report = |standing| HostReport {
            kernel: String::new(),
            checks: vec![Check {
                id: "a.b".into(),
                standing,
                found: String::new(),
                lost: String::new(),
                fix: String::new(),
            }],
        };
        let swept = || Some(Ok(SweepReport::default()));
        let failed = || Some(Err(SandboxError::Ended));
        for (standing, sweep, expected) in [
            (Standing::Ok, None, 0),
            (Standing::Degraded, swept(), 0),
            (Standing::Missing, None, 1),
            (Standing::Missing, swept(), 1),
            (Standing::Ok, failed(), 125),
            (Standing::Missing, failed(), 125),
        ] {
            assert_eq!(code(&report(standing), sweep.as_ref()), expected);
        }
    }
}

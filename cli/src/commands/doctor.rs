//! `dayfly doctor`: what this host can do, what is missing, and what mends it.

use std::time::Duration;

use dayfly_jobs::Check;
use dayfly_sandbox::host::{HostSupport, Jitter};
use dayfly_sandbox::{SandboxError, SweepReport};

use crate::args::Global;
use crate::engine;
use crate::error::CliError;
use crate::exit;
use crate::output::{Out, doctor};

const NOTES: &str = "\
Exit codes:
  0    everything that the built-in policies need works
  1    something they need is missing
  125  the doctor itself failed";

/// How long the noise of the host is measured.
const MEASURED: Duration = Duration::from_millis(500);

/// What to do besides looking.
#[derive(Debug, Default, clap::Args)]
#[command(after_help = NOTES)]
pub struct DoctorArgs {
    /// First remove the control groups that dead runs left behind.
    #[arg(long)]
    sweep: bool,
    /// Also measure for half a second how steady times are, and grade the host.
    #[arg(long)]
    timing: bool,
}

/// Sweeps if asked, looks, proves, and tells.
pub fn run(args: &DoctorArgs, global: &Global, out: &Out) -> Result<u8, CliError> {
    let swept = args.sweep.then(dayfly_sandbox::sweep);
    let mut report = HostSupport::probe().report();
    report.checks.extend(proofs()?);
    if args.timing {
        let jitter = Jitter::measure(MEASURED).map_err(CliError::from)?;
        report.checks.extend(jitter.grade(&report));
    }
    let findings = doctor::Findings { report: &report, swept: swept.as_ref() };
    match global.json {
        true => out.json(&findings.json()),
        false => out.report(&findings),
    }?;
    Ok(code(report.is_usable(), swept.as_ref()))
}

fn code(usable: bool, swept: Option<&Result<SweepReport, SandboxError>>) -> u8 {
    match (swept, usable) {
        (Some(Err(_)), _) => exit::FAILED,
        (Some(Ok(_)) | None, true) => 0,
        (Some(Ok(_)) | None, false) => 1,
    }
}

fn proofs() -> Result<Vec<Check>, CliError> {
    engine::prove_limits()
}

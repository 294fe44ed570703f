//! `cargo xtask tidy`: the rules of this repository that no other tool checks.

use crate::args::Args;
use crate::commands::Command;
use crate::error::Error;
use crate::out;
use crate::repo::Repo;
use crate::tidy;

pub(crate) const COMMAND: Command = Command {
    name: "tidy",
    about: "check layering, sizes, unsafe, module heads, unfinished work and links",
    options: &[],
    run,
};

fn run(repo: &Repo, args: Args) -> Result<(), Error> {
    args.finish()?;
    check(repo)
}

/// Makes every check and shows what it found.
pub(crate) fn check(repo: &Repo) -> Result<(), Error> {
    let report = tidy::check(repo)?;
    for finding in &report.findings {
        out::finding(&finding.place(), &finding.problem);
    }
    out::plain(&format!("tidy: {}", report.sizes));
    match report.findings.len() {
        0 => Ok(()),
        count => Err(Error::Findings { check: "tidy", count }),
    }
}

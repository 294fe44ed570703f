//! `cargo xtask test`: every tier of tests this host can run, and by name what it cannot.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Instant;

use crate::args::Args;
use crate::commands::Command;
use crate::error::Error;
use crate::ground::Ground;
use crate::out;
use crate::packages;
use crate::process::Run;
use crate::repo::Repo;
use crate::runner::{Runner, Tally, run_tests};

pub(crate) const COMMAND: Command = Command {
    name: "test",
    about: "every tier of tests that this host can run",
    options: &[
        ("--no-install", "do not install missing packages"),
        ("--full", "the proving ground too; implied by CI=true"),
        ("-- FILTER…", "only the tests whose name contains FILTER; no doctests, no proving ground"),
    ],
    run,
};

/// The crate whose tests compare the host before and after, so that they cannot run side by side.
const HOST_TESTS: &str = "dayfly-tests";

fn run(repo: &Repo, mut args: Args) -> Result<(), Error> {
    let start = Instant::now();
    let install = !args.flag("--no-install");
    let full = args.flag("--full") || is_ci();
    let filters = args.passed_on()?;
    if install {
        packages::install(packages::TEST)?;
    }
    let session = Session::prepare(repo)?;
    out::title("Build");
    // All at once, the program among it: built alone it would have other features of the same dependencies, and they
    // would be compiled twice.
    session.cargo(&["test", "--workspace", "--no-run"]).run()?;
    let mut tally = Tally::default();
    session.unit_and_integration(&filters, &mut tally)?;
    if filters.is_empty() {
        out::title("Documentation tests");
        run_tests("doctests", Runner::Cargo, session.cargo(&["test", "--workspace", "--doc"]), &mut tally)?;
    }
    let skips = session.skips()?;
    show_skips(&skips);
    tally.skipped = skips.len().try_into().unwrap_or(u64::MAX);
    if filters.is_empty() && full {
        if install {
            packages::install(packages::GROUND)?;
        }
        tally.add(Ground::prepare(repo)?.test(&[])?);
    } else if filters.is_empty() {
        out::left_out("the proving ground", "it takes ten minutes or more; --full runs it");
    }
    tally.took = start.elapsed();
    if !tally.is_good() {
        return Err(Error::Tests(tally));
    }
    out::plain(&tally.to_string());
    Ok(())
}

/// Whether this is the machine that decides what is merged.
fn is_ci() -> bool {
    std::env::var_os("CI").is_some_and(|value| value == "true")
}

/// What all test processes of one run share.
struct Session<'a> {
    repo: &'a Repo,
    target: std::path::PathBuf,
    ci: bool,
    /// Whether a skip is a failure: on a machine that is meant to run everything.
    strict: bool,
}

impl<'a> Session<'a> {
    fn prepare(repo: &'a Repo) -> Result<Self, Error> {
        let target = repo.target()?;
        let ci = is_ci();
        let session = Self { repo, target, ci, strict: ci && packages::is_root()? };
        let log = session.skip_log();
        std::fs::create_dir_all(&session.target).map_err(|source| Error::file(&session.target, source))?;
        std::fs::write(&log, "").map_err(|source| Error::file(&log, source))?;
        Ok(session)
    }

    /// Tests append `SKIP name: reason` here, because a runner hides what passing tests print.
    fn skip_log(&self) -> std::path::PathBuf {
        self.target.join("skips.log")
    }

    /// Cargo, told of the program under test, which is built first.
    fn cargo(&self, args: &[&str]) -> Run {
        let run = Run::cargo().args(args).arg("--locked").dir(self.repo.root());
        let run =
            run.env("DAYFLY_SKIP_LOG", self.skip_log()).env("DAYFLY_BIN", self.target.join("debug/dayfly"));
        if self.strict { run.env("DAYFLY_REQUIRE", "all") } else { run }
    }

    fn unit_and_integration(&self, filters: &[String], tally: &mut Tally) -> Result<(), Error> {
        out::title("Tests");
        if Run::cargo().args(["nextest", "--version"]).succeeds() {
            let profile = if self.ci { "ci" } else { "default" };
            let colour = if out::coloured() { "always" } else { "never" };
            let nextest = ["nextest", "run", "--workspace", "--no-fail-fast", "--no-tests=warn"];
            let nextest = self.cargo(&nextest).args(["--profile", profile, "--color", colour]);
            return run_tests("tests", Runner::Nextest, nextest.args(filters), tally);
        }
        out::left_out("nextest", "not installed, so cargo test runs the tests");
        let most =
            self.cargo(&["test", "--workspace", "--all-targets", "--no-fail-fast", "--exclude", HOST_TESTS]);
        run_tests("tests", Runner::Cargo, most.arg("--").args(filters), tally)?;
        if !self.repo.has_package(HOST_TESTS)? {
            return Ok(());
        }
        let host = self.cargo(&["test", "--package", HOST_TESTS, "--all-targets", "--no-fail-fast"]);
        run_tests(HOST_TESTS, Runner::Cargo, host.args(["--", "--test-threads=1"]).args(filters), tally)
    }

    fn skips(&self) -> Result<BTreeSet<String>, Error> {
        read_skips(&self.skip_log())
    }
}

/// The skips that tests reported, each once.
fn read_skips(log: &Path) -> Result<BTreeSet<String>, Error> {
    let text = std::fs::read_to_string(log).map_err(|source| Error::file(log, source))?;
    Ok(text.lines().filter_map(|line| line.strip_prefix("SKIP ")).map(str::to_owned).collect())
}

fn show_skips(skips: &BTreeSet<String>) {
    if skips.is_empty() {
        return;
    }
    out::title(&format!("{} test(s) cannot run here", skips.len()));
    for skip in skips {
        out::plain(&format!("SKIP {skip}"));
    }
    out::plain("");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_skip_is_counted_once_and_other_lines_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("skips.log");
        std::fs::write(&log, "SKIP a: no root\nnoise\nSKIP b: no kvm\nSKIP a: no root\n").unwrap();
        let skips: Vec<String> = read_skips(&log).unwrap().into_iter().collect();
        assert_eq!(skips, ["a: no root", "b: no kvm"]);
    }
}

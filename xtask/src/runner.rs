//! Running a test runner with its output passed through, and counting what its summary lines say.

use std::fmt;
use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;
use std::time::Duration;

use crate::error::Error;
use crate::out;
use crate::process::Run;

/// A program that runs tests and ends with a summary line of its own form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Runner {
    /// `cargo test`, one summary for each test binary.
    Cargo,
    /// nextest, one summary. It shows what failed tests printed, which may look like the other form.
    Nextest,
}

impl Runner {
    /// The counts of a summary line, or nothing for any other line.
    fn counts(self, line: &str) -> Option<String> {
        match self {
            Self::Cargo => line.strip_prefix("test result: ").map(|rest| rest.replace(';', ",")),
            Self::Nextest => {
                let (before, counts) = line.split_once(" run: ")?;
                before.trim_start().starts_with("Summary [").then(|| counts.to_owned())
            }
        }
    }
}

/// How many tests ran and how they ended.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    /// Tests that said they cannot run here.
    pub(crate) skipped: u64,
    /// Runners that failed without a failed test: a build error, a crash of the runner.
    pub(crate) broken: Vec<String>,
    pub(crate) took: Duration,
}

impl Tally {
    pub(crate) fn is_good(&self) -> bool {
        self.failed == 0 && self.broken.is_empty()
    }

    /// Adds what another part of the run counted.
    pub(crate) fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
        self.broken.extend(other.broken);
    }

    /// Counts a runner's summary line; any other line counts nothing.
    fn count_line(&mut self, runner: Runner, line: &str) {
        let Some(counts) = runner.counts(&without_colours(line)) else { return };
        for part in counts.split([',', '.']) {
            let Some((number, ending)) = part.trim().split_once(' ') else { continue };
            let Ok(number) = number.parse::<u64>() else { continue };
            match ending.split(' ').next().unwrap_or_default() {
                "passed" => self.passed += number,
                "failed" | "timed" | "exec" => self.failed += number,
                _ => {}
            }
        }
    }
}

impl fmt::Display for Tally {
    /// The line that a whole test run ends with.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.is_good() { "ok" } else { "FAILED" };
        let Self { passed, failed, skipped, broken, took } = self;
        write!(f, "test result: {verdict}. {passed} passed; {failed} failed; {skipped} skipped")?;
        if !broken.is_empty() {
            write!(f, "; did not finish: {}", broken.join(", "))?;
        }
        write!(f, "; finished in {:.1} s", took.as_secs_f64())
    }
}

/// Runs one test runner; its output goes through as it comes, and `tally` learns what it reported.
pub(crate) fn run_tests(name: &str, runner: Runner, mut run: Run, tally: &mut Tally) -> Result<(), Error> {
    out::command(&run.shown());
    let failed_before = tally.failed;
    run.command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = run.command.spawn().map_err(|source| run.spawn_error(source))?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let counted = std::thread::scope(|scope| {
        let errors = scope.spawn(|| pass_through(stderr));
        let mut lines = pass_through(stdout);
        lines.extend(errors.join().unwrap_or_default());
        lines
    });
    let status = child.wait().map_err(|source| run.spawn_error(source))?;
    counted.iter().for_each(|line| tally.count_line(runner, line));
    if !status.success() && tally.failed == failed_before {
        tally.broken.push(format!("{name} ({status})"));
    }
    Ok(())
}

/// Copies a stream line by line to our standard output; gives back the lines that may be summaries.
fn pass_through(from: Option<impl Read>) -> Vec<String> {
    let mut kept = Vec::new();
    let Some(from) = from else { return kept };
    let mut from = BufReader::new(from);
    let mut line = Vec::new();
    while matches!(from.read_until(b'\n', &mut line), Ok(count) if count > 0) {
        let text = String::from_utf8_lossy(&line).trim_end_matches('\n').to_owned();
        out::plain(&text);
        if text.contains("passed") {
            kept.push(text);
        }
        line.clear();
    }
    kept
}

fn without_colours(line: &str) -> String {
    let mut plain = String::new();
    let mut rest = line;
    while let Some((before, escaped)) = rest.split_once("\x1b[") {
        plain.push_str(before);
        rest = escaped.split_once(|c: char| c.is_ascii_alphabetic()).map_or("", |(_, after)| after);
    }
    plain + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(runner: Runner, line: &str) -> (u64, u64) {
        let mut tally = Tally::default();
        tally.count_line(runner, line);
        (tally.passed, tally.failed)
    }

    #[test]
    fn summary_lines_of_cargo_are_counted() {
        for (line, counts) in [
            ("test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out", (3, 0)),
            ("test result: FAILED. 3 passed; 2 failed; 0 ignored; finished in 0.10s", (3, 2)),
            ("\x1b[1mtest result\x1b[0m: \x1b[32mok\x1b[0m. 3 passed; 0 failed", (3, 0)),
            ("    test result: ok. 9 passed; 0 failed", (0, 0)),
            ("     Summary [   0.010s] 5 tests run: 5 passed, 0 skipped", (0, 0)),
            ("9 passed", (0, 0)),
        ] {
            assert_eq!(count(Runner::Cargo, line), counts, "{line}");
        }
    }

    #[test]
    fn the_summary_line_of_nextest_is_counted() {
        for (line, counts) in [
            ("     Summary [   0.010s] 5 tests run: 5 passed, 0 skipped", (5, 0)),
            (
                "     Summary [ 1.5s] 9/12 tests run: 7 passed (1 slow), 1 failed, 1 timed out, 3 skipped",
                (7, 2),
            ),
            (
                "\x1b[32;1m     Summary\x1b[0m [ 0.1s] \x1b[1m5\x1b[0m tests run: \x1b[1m5\x1b[0m passed",
                (5, 0),
            ),
            ("test result: FAILED. 0 passed; 1 failed; 0 ignored", (0, 0)),
            ("    test result: FAILED. 0 passed; 1 failed; 0 ignored", (0, 0)),
        ] {
            assert_eq!(count(Runner::Nextest, line), counts, "{line}");
        }
    }

    #[test]
    fn a_runner_that_fails_without_a_failed_test_is_named() {
        let mut tally = Tally::default();
        run_tests("doctests", Runner::Cargo, Run::new("false"), &mut tally).unwrap();
        assert!(!tally.is_good());
        assert!(tally.to_string().contains("did not finish: doctests"), "{tally}");
    }

    #[test]
    fn output_is_counted_from_both_streams() {
        let script = "echo 'test result: ok. 2 passed; 0 failed'; echo 'test result: ok. 1 passed' >&2";
        let mut tally = Tally::default();
        run_tests("sh", Runner::Cargo, Run::new("sh").args(["-c", script]), &mut tally).unwrap();
        assert_eq!((tally.passed, tally.is_good()), (3, true));
    }
}

//! What Rust's test programs say: the list of their tests, and how one of them ended.

use crate::error::Error;
use crate::process::Run;
use std::path::Path;

/// The names of the tests in a program, ignored ones left out.
pub(crate) fn list(executable: &Path) -> Result<Vec<String>, Error> {
    let ask = |more: &[&str]| Run::new(executable).args(["--list", "--format", "terse"]).args(more).stdout();
    let ignored = names(&ask(&["--ignored"])?);
    let mut tests = names(&ask(&[])?);
    tests.retain(|test| !ignored.contains(test));
    Ok(tests)
}

fn names(listing: &[u8]) -> Vec<String> {
    let listing = String::from_utf8_lossy(listing).into_owned();
    listing.lines().filter_map(|line| line.strip_suffix(": test")).map(str::to_owned).collect()
}

/// Whether a program that was asked for exactly one test ran it: a name that matches none also exits with 0.
pub(crate) fn ran_one(output: &str) -> bool {
    output.lines().any(|line| line.starts_with("test result: ok. 1 passed;"))
}

/// Why the test says it cannot run here.
pub(crate) fn skip_reason(output: &str) -> Option<&str> {
    // The runner prints `test NAME ... ` without ending the line before a test prints.
    output.lines().find_map(|line| {
        let (before, skip) = line.split_once("SKIP ")?;
        let begins = before.is_empty() || (before.starts_with("test ") && before.ends_with("... "));
        begins.then(|| skip.split_once(": ").map_or(skip, |(_, reason)| reason))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_tests_are_listed() {
        assert_eq!(names(b"a::b: test\nc: benchmark\n\n1 test, 1 benchmark\n"), ["a::b"]);
    }

    #[test]
    fn a_run_of_no_test_is_not_a_run() {
        assert!(ran_one("running 1 test\ntest a ... ok\n\ntest result: ok. 1 passed; 0 failed; 0 ignored\n"));
        assert!(!ran_one("running 0 tests\n\ntest result: ok. 0 passed; 0 failed; 0 ignored\n"));
        assert!(!ran_one(""));
    }

    #[test]
    fn a_skip_is_read_with_its_reason() {
        assert_eq!(
            skip_reason("test a ... SKIP a: needs root: run as root\nok\n"),
            Some("needs root: run as root")
        );
        assert_eq!(skip_reason("\nSKIP a: needs node\n"), Some("needs node"));
        assert_eq!(skip_reason("it says: SKIP a: b\n"), None);
    }
}

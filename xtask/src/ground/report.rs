//! What is shown of the results while they come in.

use std::time::Duration;

use crate::ground::case::{Case, Verdict};
use crate::out::{self, Style, paint};
use crate::runner::Tally;

/// A case that ran.
pub(crate) struct Finished {
    pub(crate) case: Case,
    pub(crate) verdict: Verdict,
    pub(crate) took: Duration,
    pub(crate) output: String,
}

impl Finished {
    /// One line; for a failure the output too.
    pub(crate) fn show(&self) {
        let (style, word) = match self.verdict {
            Verdict::Passed => (Style::Good, "pass"),
            Verdict::Skipped(_) => (Style::Warn, "SKIP"),
            Verdict::Failed(_) => (Style::Bad, "FAIL"),
        };
        let line =
            format!("{} {:>6.2} s  {}", paint(style, word), self.took.as_secs_f64(), self.case.label());
        match &self.verdict {
            Verdict::Passed => out::plain(&line),
            Verdict::Skipped(reason) => out::plain(&format!("{line}: {reason}")),
            Verdict::Failed(reason) => {
                out::plain(&format!("{line}: {reason}"));
                self.output.lines().for_each(|line| out::plain(&format!("    {line}")));
            }
        }
    }
}

/// The sums.
pub(crate) fn tally(results: &[Finished], took: Duration) -> Tally {
    let mut tally = Tally { took, ..Tally::default() };
    for result in results {
        match result.verdict {
            Verdict::Passed => tally.passed += 1,
            Verdict::Skipped(_) => tally.skipped += 1,
            Verdict::Failed(_) => tally.failed += 1,
        }
    }
    tally
}

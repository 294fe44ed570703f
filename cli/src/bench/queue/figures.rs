//! What was measured, and what it is held against. Pure.

use serde::Serialize;

use crate::bench::report::Verdict;
use crate::output::table;

/// One figure and its bar.
#[derive(Debug, Serialize)]
pub(crate) struct Figure {
    what: String,
    unit: &'static str,
    /// What keeps the promise: at least or at most this.
    bar: f64,
    at_least: bool,
    found: Option<f64>,
    verdict: Verdict,
}

impl Figure {
    /// The larger the better.
    pub(crate) fn at_least(what: &str, unit: &'static str, bar: f64, found: Option<f64>) -> Self {
        Self::new(what, unit, (bar, true), found)
    }

    /// The smaller the better.
    pub(crate) fn at_most(what: &str, unit: &'static str, bar: f64, found: Option<f64>) -> Self {
        Self::new(what, unit, (bar, false), found)
    }

    fn new(what: &str, unit: &'static str, (bar, at_least): (f64, bool), found: Option<f64>) -> Self {
        let verdict = match found {
            None => Verdict::NotMeasured,
            Some(found) if (at_least && found >= bar) || (!at_least && found <= bar) => Verdict::Pass,
            Some(_) => Verdict::Miss,
        };
        Self { what: what.to_owned(), unit, bar, at_least, found, verdict }
    }

    fn cells(&self) -> [String; 5] {
        let bar = format!("{} {}", if self.at_least { "at least" } else { "at most" }, number(self.bar));
        let verdict = match self.verdict {
            Verdict::Pass => "pass",
            Verdict::Miss => "MISS",
            Verdict::NotMeasured => "not measured",
        };
        let found = self.found.map_or_else(|| "-".to_owned(), number);
        [self.what.clone(), self.unit.to_owned(), bar, found, verdict.to_owned()]
    }
}

fn number(value: f64) -> String {
    if value >= 100.0 { format!("{value:.0}") } else { format!("{value:.2}") }
}

/// Everything that a run of the bench has to say.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// Jobs that waited while claims were measured.
    queued: usize,
    figures: Vec<Figure>,
}

impl Report {
    pub(crate) fn new(queued: usize, figures: Vec<Figure>) -> Self {
        Self { queued, figures }
    }

    /// For people.
    pub(crate) fn text(&self) -> String {
        table::render(&self.rows(), "  ")
    }

    /// For a document.
    pub(crate) fn markdown(&self) -> String {
        let line = |cells: &[String; 5]| format!("| {} |\n", cells.join(" | "));
        let mut lines = self.rows().iter().map(line).collect::<Vec<_>>();
        lines.insert(1, "|---|---|---:|---:|---|\n".to_owned());
        lines.concat()
    }

    fn rows(&self) -> Vec<[String; 5]> {
        let head = ["what", "unit", "bar", "found", "verdict"].map(str::to_owned);
        [head].into_iter().chain(self.figures.iter().map(Figure::cells)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_kept_from_the_right_side() {
        for (figure, verdict) in [
            (Figure::at_least("a", "x", 2.0, Some(2.0)), Verdict::Pass),
            (Figure::at_least("a", "x", 2.0, Some(1.9)), Verdict::Miss),
            (Figure::at_most("a", "x", 2.0, Some(2.0)), Verdict::Pass),
            (Figure::at_most("a", "x", 2.0, Some(2.1)), Verdict::Miss),
            (Figure::at_most("a", "x", 2.0, None), Verdict::NotMeasured),
        ] {
            assert_eq!(figure.verdict, verdict, "{figure:?}");
        }
    }

    #[test]
    fn a_document_gets_a_table() {
        let report = Report::new(1, vec![Figure::at_least("jobs", "1/s", 400.0, Some(512.3))]);
        let table = "| what | unit | bar | found | verdict |\n|---|---|---:|---:|---|\n\
                     | jobs | 1/s | at least 400 | 512 | pass |\n";
        assert_eq!(report.markdown(), table);
    }
}

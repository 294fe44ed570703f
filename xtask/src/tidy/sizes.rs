//! How long functions and files may be, with a ratchet for those that are longer.
//!
//! The ratchet only turns one way: an entry is a ceiling, and one that is no longer needed must go.

use std::collections::BTreeMap;
use std::fmt;

use super::Finding;
use super::source::{Function, Source};

/// The file of exceptions.
pub(super) const RATCHET: &str = "xtask/ratchet.txt";

const MOST_FUNCTION_LINES: usize = 70;
const WANTED_FILE_LINES: usize = 300;
const MOST_FILE_LINES: usize = 400;

/// Exceptions: what is longer than it may be, and how long it was when it was let through.
#[derive(Debug, Default)]
pub(super) struct Ratchet(BTreeMap<String, usize>);

impl Ratchet {
    /// Reads lines of `path 412` and `path::function 81`; `#` starts a comment.
    pub(super) fn parse(text: &str) -> Self {
        let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
        Self(lines.filter_map(|line| line.rsplit_once(' ')).filter_map(entry).collect())
    }

    /// The ceiling for `key`, taken off: what is left at the end is stale.
    fn take(&mut self, key: &str) -> Option<usize> {
        self.0.remove(key)
    }
}

fn entry((key, ceiling): (&str, &str)) -> Option<(String, usize)> {
    Some((key.trim().to_owned(), ceiling.parse().ok()?))
}

/// The sizes of all Rust code of the repository.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Summary {
    files: usize,
    lines: usize,
    functions: usize,
    median: usize,
    ninety_ninth: usize,
    longest: usize,
    over_wanted: usize,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} files with {} lines ({} files over {WANTED_FILE_LINES}); {} functions: median {} lines, p99 {}, \
             longest {}",
            self.files,
            self.lines,
            self.over_wanted,
            self.functions,
            self.median,
            self.ninety_ninth,
            self.longest
        )
    }
}

pub(super) fn check(sources: &[Source], mut ratchet: Ratchet, findings: &mut Vec<Finding>) -> Summary {
    for source in sources {
        findings.extend(check_file(source, &mut ratchet));
        findings
            .extend(source.functions.iter().filter_map(|f| check_function(&source.file, f, &mut ratchet)));
    }
    for (key, ceiling) in ratchet.0 {
        findings.push(Finding::new(
            RATCHET,
            None,
            format!("`{key} {ceiling}` is not needed any more; remove it"),
        ));
    }
    summarise(sources)
}

fn check_file(source: &Source, ratchet: &mut Ratchet) -> Option<Finding> {
    if source.lines <= MOST_FILE_LINES {
        return None;
    }
    let ceiling = ratchet.take(&source.file).unwrap_or(MOST_FILE_LINES);
    let problem = format!("{} lines, at most {ceiling}; split it by concept", source.lines);
    (source.lines > ceiling).then(|| Finding::new(&source.file, None, problem))
}

fn check_function(file: &str, function: &Function, ratchet: &mut Ratchet) -> Option<Finding> {
    let Function { name, line, lines } = function;
    if *lines <= MOST_FUNCTION_LINES {
        return None;
    }
    let ceiling = ratchet.take(&format!("{file}::{name}")).unwrap_or(MOST_FUNCTION_LINES);
    let problem = format!("`{name}` has {lines} lines, at most {ceiling}; split it by step");
    (*lines > ceiling).then(|| Finding::new(file, *line, problem))
}

fn summarise(sources: &[Source]) -> Summary {
    let mut lengths: Vec<usize> = sources.iter().flat_map(|s| &s.functions).map(|f| f.lines).collect();
    lengths.sort_unstable();
    let at = |percent: usize| lengths.get(lengths.len() * percent / 100).copied().unwrap_or_default();
    Summary {
        files: sources.len(),
        lines: sources.iter().map(|source| source.lines).sum(),
        functions: lengths.len(),
        median: at(50),
        ninety_ninth: at(99),
        longest: lengths.last().copied().unwrap_or_default(),
        over_wanted: sources.iter().filter(|source| source.lines > WANTED_FILE_LINES).count(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(function_lines: usize, more_lines: usize) -> Source {
        let body = "\n".repeat(function_lines - 1);
        Source::read("a.rs", &format!("//! Head.\nfn long() {{{body}}}\n{}", "\n".repeat(more_lines)))
            .unwrap()
    }

    fn findings(sources: &[Source], ratchet: &str) -> Vec<String> {
        let mut findings = Vec::new();
        check(sources, Ratchet::parse(ratchet), &mut findings);
        findings.into_iter().map(|finding| finding.place()).collect()
    }

    #[test]
    fn seventy_lines_are_the_most_of_a_function() {
        assert_eq!(findings(&[source(70, 0)], ""), [""; 0]);
        assert_eq!(findings(&[source(71, 0)], ""), ["a.rs:2"]);
    }

    #[test]
    fn four_hundred_lines_are_the_most_of_a_file() {
        assert_eq!(findings(&[source(1, 398)], ""), [""; 0]);
        assert_eq!(findings(&[source(1, 399)], ""), ["a.rs"]);
    }

    #[test]
    fn the_ratchet_lets_through_what_it_names_and_no_more() {
        assert_eq!(findings(&[source(80, 0)], "# why\na.rs::long 80\n"), [""; 0]);
        assert_eq!(findings(&[source(81, 0)], "a.rs::long 80"), ["a.rs:2"]);
        assert_eq!(findings(&[source(1, 500)], "a.rs 502 # why"), [""; 0]);
    }

    #[test]
    fn an_entry_that_is_not_needed_must_go() {
        assert_eq!(findings(&[source(10, 0)], "a.rs::long 80"), [RATCHET]);
    }

    #[test]
    fn the_summary_has_the_middle_and_the_extremes() {
        let sources = [source(1, 0), source(5, 0), source(60, 300)];
        let mut findings = Vec::new();
        let summary = check(&sources, Ratchet::default(), &mut findings);
        assert_eq!((summary.functions, summary.median, summary.longest), (3, 5, 60));
        assert_eq!(summary.over_wanted, 1);
    }
}

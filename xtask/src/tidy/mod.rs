//! The rules of this repository that no other tool checks. Reads only; prints nothing.

mod docs;
mod layers;
mod rules;
mod sizes;
mod source;

use crate::error::Error;
use crate::repo::Repo;
use source::Source;

/// Something that is wrong, and where.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    file: String,
    line: Option<usize>,
    pub(crate) problem: String,
}

impl Finding {
    fn new(file: &str, line: impl Into<Option<usize>>, problem: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line: line.into(), problem: problem.into() }
    }

    /// `file:line`, as editors and terminals link it.
    pub(crate) fn place(&self) -> String {
        match self.line {
            Some(line) => format!("{}:{line}", self.file),
            None => self.file.clone(),
        }
    }
}

/// What the checks found.
pub(crate) struct Report {
    pub(crate) findings: Vec<Finding>,
    pub(crate) sizes: sizes::Summary,
}

/// Makes every check.
pub(crate) fn check(repo: &Repo) -> Result<Report, Error> {
    let files = repo.files()?;
    let mut findings = layers::check(repo)?;
    let mut sources = Vec::new();
    for file in files.iter().filter(|file| file.ends_with(".rs")) {
        match Source::read(file, &repo.read(file)?) {
            Ok(source) => sources.push(source),
            Err(finding) => findings.push(finding),
        }
    }
    for source in &sources {
        findings.extend(rules::check_source(source));
    }
    for file in files.iter().filter(|file| rules::is_checked_text(file)) {
        findings.extend(rules::check_marks(file, &repo.read(file)?));
    }
    findings.extend(docs::check(repo, &files)?);
    let ratchet = sizes::Ratchet::parse(&repo.read(sizes::RATCHET)?);
    let sizes = sizes::check(&sources, ratchet, &mut findings);
    Ok(Report { findings, sizes })
}

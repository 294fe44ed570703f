//! Do the pages tell the truth about the repository: every link leads somewhere, every file they name is there.

use std::collections::BTreeSet;

use super::Finding;
use crate::error::Error;
use crate::repo::Repo;

/// Files and folders of the repository, for looking names up.
struct Tree<'a> {
    files: BTreeSet<&'a str>,
    folders: BTreeSet<String>,
    names: BTreeSet<&'a str>,
}

impl<'a> Tree<'a> {
    fn new(files: &'a [String]) -> Self {
        let mut folders = BTreeSet::new();
        for file in files {
            folders.extend(file.match_indices('/').map(|(at, _)| file.split_at(at).0.to_owned()));
        }
        let names = files.iter().map(|file| file.rsplit('/').next().unwrap_or(file)).collect();
        Self { files: files.iter().map(String::as_str).collect(), folders, names }
    }

    fn has(&self, path: &str) -> bool {
        let path = path.trim_end_matches('/');
        path.is_empty() || self.files.contains(path) || self.folders.contains(path)
    }

    /// Whether `code` looks like the name of something in this repository that is not there.
    fn lacks(&self, code: &str) -> bool {
        if !code.chars().all(|c| c.is_ascii_alphanumeric() || "._-/".contains(c)) {
            return false;
        }
        match code.split_once('/') {
            Some((top, _)) => self.folders.contains(top) && !self.has(code),
            None => (code.ends_with(".rs") || code.ends_with(".md")) && !self.names.contains(code),
        }
    }
}

pub(super) fn check(repo: &Repo, files: &[String]) -> Result<Vec<Finding>, Error> {
    let tree = Tree::new(files);
    let mut findings = Vec::new();
    for page in files.iter().filter(|file| file.ends_with(".md")) {
        let text = repo.read(page)?;
        for (line, kind) in mentions(&text) {
            let problem = match kind {
                Mention::Link(target) => broken(&tree, page, &target, |file| repo.read(file).ok()),
                Mention::Code(code) => {
                    tree.lacks(&code).then(|| format!("names `{code}`, which is not in the repository"))
                }
            };
            findings.extend(problem.map(|problem| Finding::new(page, line, problem)));
        }
    }
    Ok(findings)
}

/// Something a page says about the repository.
#[derive(Debug, PartialEq, Eq)]
enum Mention {
    /// The target of `[text](target)`.
    Link(String),
    /// The text of a code span.
    Code(String),
}

/// Links and code spans outside of code blocks, with their line.
fn mentions(text: &str) -> Vec<(usize, Mention)> {
    let mut found = Vec::new();
    let mut in_block = false;
    for (number, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            in_block = !in_block;
        } else if !in_block {
            let code = line.split('`').skip(1).step_by(2).map(|code| Mention::Code(code.to_owned()));
            found.extend(code.chain(links(line)).map(|mention| (number + 1, mention)));
        }
    }
    found
}

fn links(line: &str) -> impl Iterator<Item = Mention> {
    let targets = line.split("](").skip(1);
    targets.filter_map(|rest| Some(Mention::Link(rest.split_once(')')?.0.to_owned())))
}

/// Why a link leads nowhere, if it does. Links to other hosts are not followed.
fn broken(
    tree: &Tree<'_>,
    page: &str,
    target: &str,
    read: impl Fn(&str) -> Option<String>,
) -> Option<String> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
    let folder = page.rsplit_once('/').map_or("", |(folder, _)| folder);
    let Some(file) = (if path.is_empty() { Some(page.to_owned()) } else { joined(folder, path) }) else {
        return Some(format!("link to {target}, which is outside of the repository"));
    };
    if !tree.has(&file) {
        return Some(format!("link to {target}, which is not in the repository"));
    }
    let text = if anchor.is_empty() { return None } else { read(&file).unwrap_or_default() };
    let lands = text.lines().any(|line| line.starts_with('#') && slug(line) == anchor);
    (!lands).then(|| format!("link to {target}, but {file} has no such heading"))
}

/// `path` as seen from `folder`, or nothing when it leaves the repository.
fn joined(folder: &str, path: &str) -> Option<String> {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/').filter(|part| !part.is_empty() && *part != ".") {
        if part == ".." {
            parts.pop()?;
        } else {
            parts.push(part);
        }
    }
    Some(parts.join("/"))
}

/// The anchor that code hosts make of a heading.
fn slug(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = text.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files() -> Vec<String> {
        ["README.md", "docs/STYLE.md", "jobs/src/units.rs"].map(str::to_owned).into()
    }

    #[test]
    fn links_and_code_are_found_outside_of_blocks() {
        let text = "see [a](b.md) and `c/d`\n```\n[no](no.md) `no`\n```\n`e`";
        let expected = [
            (1, Mention::Code("c/d".into())),
            (1, Mention::Link("b.md".into())),
            (5, Mention::Code("e".into())),
        ];
        assert_eq!(mentions(text), expected);
    }

    #[test]
    fn named_files_must_be_there() {
        let files = files();
        let tree = Tree::new(&files);
        for there in ["jobs/src/units.rs", "jobs/", "units.rs", "cpu.stat", "/run/dayfly", "n/a", "a b.rs"] {
            assert!(!tree.lacks(there), "{there}");
        }
        for gone in ["jobs/src/gone.rs", "gone.rs", "docs/GONE.md", "GONE.md"] {
            assert!(tree.lacks(gone), "{gone}");
        }
    }

    #[test]
    fn links_are_followed_from_their_page_to_the_heading() {
        let files = files();
        let tree = Tree::new(&files);
        let read = |_: &str| Some("# House rules\n## Words & names\n".to_owned());
        for good in [
            "STYLE.md",
            "../README.md",
            "../jobs/",
            "https://x.example/",
            "#house-rules",
            "STYLE.md#words--names",
        ] {
            assert_eq!(broken(&tree, "docs/STYLE.md", good, read), None, "{good}");
        }
        for bad in ["GONE.md", "README.md", "../../etc/passwd", "#gone", "STYLE.md#gone"] {
            assert!(broken(&tree, "docs/STYLE.md", bad, read).is_some(), "{bad}");
        }
    }
}

//! Patterns for paths: `*` and `?` within a name, `**` for any number of folders. Pure; a walk asks it at every
//! folder whether going on can lead anywhere.

use std::collections::BTreeSet;

/// One pattern.
#[derive(Debug, Clone)]
pub(crate) struct Pattern {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    /// `**`
    Folders,
    Name(Vec<u8>),
}

/// How far a walk has come in a pattern: the parts that the next name may meet. Empty when nothing below can match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Progress(BTreeSet<usize>);

impl Pattern {
    pub(crate) fn new(text: &str) -> Self {
        let part = |part: &str| match part {
            "**" => Part::Folders,
            name => Part::Name(name.as_bytes().to_vec()),
        };
        Self { parts: text.split('/').filter(|part| !part.is_empty() && *part != ".").map(part).collect() }
    }

    /// The path it names, if it has no wildcard.
    pub(crate) fn literal(&self) -> Option<Vec<u8>> {
        let names = self.parts.iter().map(|part| match part {
            Part::Name(name) if !name.iter().any(|byte| b"*?".contains(byte)) => Some(name.as_slice()),
            Part::Name(_) | Part::Folders => None,
        });
        names.collect::<Option<Vec<_>>>().map(|names| names.join(&b'/'))
    }

    /// At the top.
    pub(crate) fn start(&self) -> Progress {
        self.closed([0].into())
    }

    /// One name further down, and whether a file of that name matches.
    pub(crate) fn step(&self, progress: &Progress, name: &[u8]) -> (Progress, bool) {
        let mut next = BTreeSet::new();
        let mut matched = false;
        for &at in &progress.0 {
            match self.parts.get(at) {
                Some(Part::Folders) => {
                    next.insert(at);
                    matched |= at + 1 == self.parts.len();
                }
                Some(Part::Name(pattern)) if fits(pattern, name) => {
                    next.insert(at + 1);
                    matched |= at + 1 == self.parts.len();
                }
                Some(Part::Name(_)) | None => {}
            }
        }
        (self.closed(next), matched)
    }

    /// `**` also stands for no folder at all.
    fn closed(&self, mut at: BTreeSet<usize>) -> Progress {
        let first = at.iter().copied().collect::<Vec<_>>();
        for mut place in first {
            while self.parts.get(place) == Some(&Part::Folders) {
                place += 1;
                at.insert(place);
            }
        }
        at.retain(|place| *place < self.parts.len());
        Progress(at)
    }
}

impl Progress {
    /// Whether nothing below can match.
    pub(crate) fn is_over(&self) -> bool {
        self.0.is_empty()
    }
}

/// Whether a name fits a pattern without `/`. Goes back to the last `*` only, so it takes no longer than the product
/// of both lengths.
fn fits(pattern: &[u8], name: &[u8]) -> bool {
    let (mut at, mut place) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while let Some(&byte) = name.get(place) {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, place));
                at += 1;
            }
            Some(b'?') => {
                at += 1;
                place += character(name, place);
            }
            Some(&wanted) if wanted == byte => {
                at += 1;
                place += 1;
            }
            _ => {
                let Some((before, from)) = star else { return false };
                star = Some((before, from + 1));
                (at, place) = (before + 1, from + 1);
            }
        }
    }
    pattern.get(at..).unwrap_or_default().iter().all(|byte| *byte == b'*')
}

/// How many bytes the character there has; bytes that are no UTF-8 count alone.
fn character(name: &[u8], place: usize) -> usize {
    let rest = name.get(place..).unwrap_or_default();
    let first = rest.utf8_chunks().next().and_then(|chunk| chunk.valid().chars().next());
    first.map_or(1, char::len_utf8)
}

#[cfg(test)]
mod tests;

//! Hides secrets in a stream of bytes, wherever its pieces are cut. A safety net for accidents, no wall: a job that
//! has a secret can always write it in a form that nobody thought of. It must not know where the bytes come from.

mod forms;

use std::collections::BTreeSet;
use std::sync::Arc;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

/// What stands in the place of a secret.
pub const HIDDEN: &[u8] = b"***";

/// Replaces every form of some secrets: raw, in base64 (at any of the three alignments), percent-encoded, as JSON and
/// quoted for a shell. Every byte that belongs to an occurrence is hidden, also where occurrences overlap.
#[derive(Debug, Clone, Default)]
pub struct Masker {
    search: Option<Arc<Search>>,
    /// What may be the beginning of a secret.
    held: Vec<u8>,
    /// How many bytes of `held` belong to a secret that was replaced already.
    covered: usize,
}

/// The secrets are too many or too long to look for all at once.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the secrets cannot be masked, they are too many or too long: {reason}")]
pub struct MaskError {
    reason: String,
}

struct Search {
    forms: Vec<Vec<u8>>,
    automaton: AhoCorasick,
}

impl Masker {
    /// For these secrets. What is around a secret in white space does not belong to it; of a secret with several
    /// lines each one is hidden alone as well.
    ///
    /// # Errors
    /// They are too many or too long.
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a [u8]>) -> Result<Self, MaskError> {
        let forms: BTreeSet<_> = secrets.into_iter().flat_map(forms::of).collect();
        if forms.is_empty() {
            return Ok(Self::default());
        }
        let automaton = AhoCorasick::builder()
            .match_kind(MatchKind::Standard)
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .build(&forms)
            .map_err(|error| MaskError { reason: error.to_string() })?;
        let search = Search { forms: forms.into_iter().collect(), automaton };
        Ok(Self { search: Some(Arc::new(search)), ..Self::default() })
    }

    /// Takes the next piece of the stream and gives what is safe to show.
    pub fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        let Some(search) = self.search.clone() else { return out.extend_from_slice(bytes) };
        self.held.extend_from_slice(bytes);
        let safe = search.first_beginning(&self.held);
        self.emit(&search, safe, out);
    }

    /// The end of the stream: gives what was held back.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        if let Some(search) = self.search.clone() {
            self.emit(&search, self.held.len(), out);
        }
    }

    /// Gives everything before `safe`, which no occurrence that is still to come can reach back over.
    fn emit(&mut self, search: &Search, safe: usize, out: &mut Vec<u8>) {
        let mut at = self.covered;
        for (start, end) in search.hidden(&self.held, self.covered) {
            if start >= safe {
                break;
            }
            out.extend_from_slice(self.held.get(at..start).unwrap_or_default());
            if start > 0 || self.covered == 0 {
                out.extend_from_slice(HIDDEN);
            }
            at = end;
        }
        out.extend_from_slice(self.held.get(at..safe).unwrap_or_default());
        self.covered = at.saturating_sub(safe);
        self.held.drain(..safe);
    }
}

impl Search {
    /// Where the longest end of `text` begins that could go on to be a secret.
    fn first_beginning(&self, text: &[u8]) -> usize {
        let of_form = |form: &Vec<u8>| {
            let first = text.len().saturating_sub(form.len().saturating_sub(1));
            (first..text.len()).find(|start| text.get(*start..).is_some_and(|end| form.starts_with(end)))
        };
        self.forms.iter().filter_map(of_form).min().unwrap_or(text.len())
    }

    /// What to hide, in order: occurrences that overlap are one. The first `covered` bytes are hidden anyway.
    fn hidden(&self, text: &[u8], covered: usize) -> Vec<(usize, usize)> {
        let mut hidden: Vec<(usize, usize)> = Vec::new();
        hidden.extend((covered > 0).then_some((0, covered)));
        // They come in the order of their ends.
        for found in self.automaton.find_overlapping_iter(text) {
            let (mut start, mut end) = (found.start(), found.end());
            while let Some(&(before, until)) = hidden.last().filter(|(_, until)| *until > start) {
                (start, end) = (start.min(before), end.max(until));
                hidden.pop();
            }
            hidden.push((start, end));
        }
        hidden
    }
}

impl std::fmt::Debug for Search {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Search").field("forms", &self.forms.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;

//! A filter as a decision diagram: each question looks at one word of a call, and each value of that word
//! leads to another question or to the filter's answer. Knows nothing of instructions.

use std::collections::BTreeMap;

/// A word of `struct seccomp_data`, of which some bits are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Word {
    pub(super) offset: u32,
    pub(super) mask: u32,
}

impl Word {
    /// The bits of this word that are in `mask` too.
    pub(super) fn masked(self, mask: u32) -> Self {
        Self { mask: self.mask & mask, ..self }
    }

    /// The lowest value but zero.
    fn lowest(self) -> u32 {
        self.mask & self.mask.wrapping_neg()
    }
}

/// What a value leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Answer {
    /// The filter returns this.
    Return(u32),
    /// Another word is looked at.
    Ask(QuestionId),
}

/// A question of a diagram. It is higher than those of all questions that it leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct QuestionId(usize);

/// Consecutive values with the same answer, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Run {
    pub(super) from: u32,
    pub(super) to: u32,
    pub(super) answer: Answer,
}

/// A word and what its values lead to: two runs or more, without gaps from zero up to the mask. Neighbours differ.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Question {
    pub(super) word: Word,
    pub(super) runs: Vec<Run>,
}

impl Question {
    fn bits(word: Word, none: Answer, some: Answer) -> Self {
        let runs = vec![Run { from: 0, to: 0, answer: none }, Run { from: 1, to: word.mask, answer: some }];
        Self { word, runs }
    }

    /// What no set bit leads to and what any leads to, if nothing else matters.
    pub(super) fn as_bits(&self) -> Option<(Answer, Answer)> {
        match *self.runs {
            [none, some] if some.from == 1 => Some((none.answer, some.answer)),
            _ => None,
        }
    }
}

/// Questions, each once.
#[derive(Debug, Default)]
pub(super) struct Diagram {
    questions: Vec<Question>,
    ids: BTreeMap<Question, QuestionId>,
    runs: usize,
}

impl Diagram {
    pub(super) fn question(&self, id: QuestionId) -> Option<&Question> {
        self.questions.get(id.0)
    }

    /// How many runs all questions have together.
    pub(super) fn runs(&self) -> usize {
        self.runs
    }

    /// What it leads to when these are the answers of a word's values; a question only if they differ.
    pub(super) fn ask(&mut self, word: Word, runs: impl IntoIterator<Item = Run>) -> Answer {
        let mut merged: Vec<Run> = Vec::new();
        for run in runs.into_iter().flat_map(|run| self.known(word, run)).filter(|run| run.from <= word.mask)
        {
            let to = run.to.min(word.mask);
            match merged.last_mut() {
                Some(last) if last.answer == run.answer => last.to = to,
                Some(_) | None => merged.push(Run { to, ..run }),
            }
        }
        match *merged {
            [Run { answer, .. }] => answer,
            [none, some] if some.from <= word.lowest() => self.ask_for_bits(word, none.answer, some.answer),
            _ => self.add(Question { word, runs: merged }),
        }
    }

    /// A run, or what becomes of it if it leads to a question about the same word, which need not be asked twice.
    fn known(&self, word: Word, run: Run) -> Vec<Run> {
        let question = match run.answer {
            Answer::Ask(id) => self.question(id).filter(|question| question.word == word),
            Answer::Return(_) => None,
        };
        let Some(question) = question else { return vec![run] };
        let met = question.runs.iter().filter(|inner| inner.from <= run.to && inner.to >= run.from);
        met.map(|inner| Run { from: inner.from.max(run.from), to: inner.to.min(run.to), ..*inner }).collect()
    }

    /// Asks for bits that are set; if there are none and others of the same word come next, for all at once.
    fn ask_for_bits(&mut self, word: Word, none: Answer, some: Answer) -> Answer {
        let next = match none {
            Answer::Ask(id) => self.question(id).filter(|next| next.word.offset == word.offset),
            Answer::Return(_) => None,
        };
        let joined = next.and_then(|next| {
            let (none, same) = next.as_bits()?;
            let word = Word { mask: word.mask | next.word.mask, ..word };
            (same == some).then(|| Question::bits(word, none, some))
        });
        self.add(joined.unwrap_or_else(|| Question::bits(word, none, some)))
    }

    fn add(&mut self, question: Question) -> Answer {
        let next = QuestionId(self.questions.len());
        let id = *self.ids.entry(question.clone()).or_insert(next);
        if id == next {
            self.runs += question.runs.len();
            self.questions.push(question);
        }
        Answer::Ask(id)
    }
}

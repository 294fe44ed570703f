//! From a decision diagram to a short program: a balanced search over the runs of each question's values.

use std::collections::{BTreeMap, BTreeSet};

use super::super::filter::Instruction;
use super::super::op;
use super::diagram::{Answer, Diagram, Question, QuestionId, Run};

/// The program of a diagram. `None` when a jump does not fit, which [`NEAR`] is chosen to prevent.
pub(super) fn write(diagram: &Diagram, first: Answer) -> Option<Box<[Instruction]>> {
    let mut writer = Writer::default();
    for id in questions(diagram, first) {
        writer.question(id, diagram.question(id)?)?;
    }
    if writer.answer(first)? != writer.here() {
        return None;
    }
    writer.reversed.reverse();
    Some(writer.reversed.into())
}

/// What is asked on some way through the diagram, each question after those it leads to.
fn questions(diagram: &Diagram, first: Answer) -> Vec<QuestionId> {
    let mut asked = Vec::new();
    let mut pending: BTreeSet<QuestionId> = first.question().into_iter().collect();
    while let Some(id) = pending.pop_last() {
        asked.push(id);
        let runs = diagram.question(id).into_iter().flat_map(|question| &question.runs);
        pending.extend(runs.filter_map(|run| run.answer.question()));
    }
    asked.reverse();
    asked
}

impl Answer {
    fn question(self) -> Option<QuestionId> {
        match self {
            Self::Return(_) => None,
            Self::Ask(id) => Some(id),
        }
    }
}

/// Writes a program from its end to its beginning: jumps lead forward only, so what one leads to is written
/// before it, and how far that is, is known.
#[derive(Default)]
struct Writer {
    reversed: Vec<Instruction>,
    /// The nearest place where each answer is had.
    places: BTreeMap<Answer, Place>,
}

/// An instruction, by the number of those from it to the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place(usize);

/// How far away a place may be for a test to jump there. The jump itself reaches 255 instructions; the rest is
/// for what may be written between the look and the jump, which is a few tests and the ways to their answers.
const NEAR: usize = 255 - 4 * MOST_SINGLES;

/// How many values may be tested one by one, before it is better to halve what is left.
const MOST_SINGLES: usize = 3;

impl Writer {
    /// The instruction that was written last.
    fn here(&self) -> Place {
        Place(self.reversed.len())
    }

    fn is_near(&self, place: Place) -> bool {
        self.reversed.len() - place.0 <= NEAR
    }

    fn push(&mut self, code: u16, k: u32) -> Place {
        self.reversed.push(Instruction { code, jt: 0, jf: 0, k });
        self.here()
    }

    fn test(&mut self, code: u16, k: u32, yes: Place, no: Place) -> Option<Place> {
        let jump = |place: Place| u8::try_from(self.reversed.len() - place.0).ok();
        self.reversed.push(Instruction { code, jt: jump(yes)?, jf: jump(no)?, k });
        Some(self.here())
    }

    /// The place, or a jump to it from nearby.
    fn near(&mut self, place: Place) -> Option<Place> {
        if self.is_near(place) {
            return Some(place);
        }
        let distance = u32::try_from(self.reversed.len() - place.0).ok()?;
        Some(self.push(op::JUMP, distance))
    }

    /// A near place where an answer is had.
    fn answer(&mut self, answer: Answer) -> Option<Place> {
        let place = match (self.places.get(&answer).copied(), answer) {
            (Some(place), _) if self.is_near(place) => return Some(place),
            (Some(_) | None, Answer::Return(value)) => self.push(op::RETURN, value),
            (Some(place), Answer::Ask(_)) => self.near(place)?,
            (None, Answer::Ask(_)) => return None,
        };
        self.places.insert(answer, place);
        Some(place)
    }

    fn question(&mut self, id: QuestionId, question: &Question) -> Option<()> {
        let mask = question.word.mask;
        if let Some((none, some)) = question.as_bits() {
            let (some, none) = (self.answer(some)?, self.answer(none)?);
            self.test(op::JUMP_BITS, mask, some, none)?;
        } else {
            self.search(&question.runs)?;
            if mask != u32::MAX {
                self.push(op::AND, mask);
            }
        }
        let place = self.push(op::LOAD, question.word.offset);
        self.places.insert(Answer::Ask(id), place);
        Some(())
    }

    /// The search for the run of a value that was loaded.
    fn search(&mut self, runs: &[Run]) -> Option<Place> {
        if let Some((singles, other)) = singles(runs) {
            return self.one_by_one(&singles, other);
        }
        let (low, high) = runs.split_at(middle(runs));
        let from = high.first()?.from;
        let high = self.search(high)?;
        let low = self.search(low)?;
        let high = self.near(high)?;
        self.test(op::JUMP_GREATER_OR_EQUAL, from, high, low)
    }

    fn one_by_one(&mut self, singles: &[Run], other: Answer) -> Option<Place> {
        let mut tests = Vec::new();
        for single in singles {
            tests.push((single.from, self.answer(single.answer)?));
        }
        let other = self.answer(other)?;
        tests.iter().rev().try_fold(other, |no, &(value, yes)| self.test(op::JUMP_EQUAL, value, yes, no))
    }
}

/// The few runs of one value that stand out of others with one answer, and that answer.
fn singles(runs: &[Run]) -> Option<(Vec<Run>, Answer)> {
    if runs.len() > 2 * MOST_SINGLES + 1 {
        return None;
    }
    [0, 1].into_iter().find_map(|parity| {
        let other = runs.get(parity)?.answer;
        let (others, singles): (Vec<_>, Vec<_>) = runs.iter().enumerate().partition(|(i, _)| i % 2 == parity);
        let fits = others.iter().all(|(_, run)| run.answer == other)
            && singles.len() <= MOST_SINGLES
            && singles.iter().all(|(_, run)| run.is_single());
        fits.then(|| (singles.into_iter().map(|(_, run)| *run).collect(), other))
    })
}

/// Where to halve runs: in their middle half, where it takes the fewest tests.
fn middle(runs: &[Run]) -> usize {
    let (quarter, half) = ((runs.len() / 4).max(1), runs.len() / 2);
    let cut = |at: usize| runs.split_at_checked(at).map(|(low, high)| tests(low) + tests(high));
    (quarter..=runs.len().saturating_sub(quarter))
        .min_by_key(|&at| (cut(at), at.abs_diff(half)))
        .unwrap_or(half)
}

/// How many tests it takes to tell runs apart: one between two, but one for both ends of a single value
/// between equal answers.
fn tests(runs: &[Run]) -> usize {
    let mut tests = 0;
    let mut rest = runs;
    while let [run, next, after @ ..] = rest {
        let stands_out = next.is_single() && after.first().is_some_and(|other| other.answer == run.answer);
        rest = if stands_out { after } else { rest.get(1..).unwrap_or_default() };
        tests += 1;
    }
    tests
}

impl Run {
    fn is_single(&self) -> bool {
        self.from == self.to
    }
}

//! From a program to the decision diagram that it stands for.

use std::collections::{BTreeMap, BTreeSet};

use super::super::filter::{Instruction, MAX_INSTRUCTIONS};
use super::super::op;
use super::ShortenError;
use super::diagram::{Answer, Diagram, Run, Word};

/// An instruction, with the word that the accumulator holds when it is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct State {
    at: usize,
    word: Word,
}

impl State {
    /// Before the first load the accumulator is zero, as is any word of which no bit is looked at.
    const START: Self = Self { at: 0, word: Word { offset: 0, mask: 0 } };

    /// The one after the next `skipped`.
    fn after(self, skipped: u8) -> Self {
        Self { at: self.at + 1 + usize::from(skipped), ..self }
    }
}

/// What an instruction does in a state.
#[derive(Debug, Clone, Copy)]
enum Step {
    Return(u32),
    Go(State),
    /// Goes to `yes` when the value of `word` is one of `from` and up to `to`, to `no` otherwise.
    Test {
        word: Word,
        from: u32,
        to: u32,
        yes: State,
        no: State,
    },
}

/// More states than a program of libseccomp has: it loads before it masks, so they are as many as instructions.
const MOST_STATES: usize = 4 * MAX_INSTRUCTIONS;

/// Some tens of megabytes, and several times what is needed for any policy that the loader accepts.
const MOST_RUNS: usize = 1 << 20;

/// The diagram of a program, and where it begins; `None` when that takes more than the bounds above.
pub(super) fn read(program: &[Instruction]) -> Result<Option<(Diagram, Answer)>, ShortenError> {
    let Some(steps) = steps(program)? else { return Ok(None) };
    let mut diagram = Diagram::default();
    let mut answers = BTreeMap::new();
    for (state, step) in steps.into_iter().rev() {
        let answer = answer(&mut diagram, &answers, step).ok_or(ShortenError::Unreadable { at: state.at })?;
        answers.insert(state, answer);
        if diagram.runs() > MOST_RUNS {
            return Ok(None);
        }
    }
    Ok(answers.get(&State::START).map(|first| (diagram, *first)))
}

/// What the program may do, in its order. Jumps lead forward, so a state is complete when it is the lowest.
fn steps(program: &[Instruction]) -> Result<Option<Vec<(State, Step)>>, ShortenError> {
    let mut steps = Vec::new();
    let mut pending = BTreeSet::from([State::START]);
    while let Some(state) = pending.pop_first() {
        if steps.len() == MOST_STATES {
            return Ok(None);
        }
        let step = step(program, state).ok_or(ShortenError::Unreadable { at: state.at })?;
        match step {
            Step::Return(_) => {}
            Step::Go(next) => pending.extend([next]),
            Step::Test { yes, no, .. } => pending.extend([yes, no]),
        }
        steps.push((state, step));
    }
    Ok(Some(steps))
}

fn step(program: &[Instruction], state: State) -> Option<Step> {
    let &Instruction { code, jt, jf, k } = program.get(state.at)?;
    let (next, yes, no) = (state.after(0), state.after(jt), state.after(jf));
    let test = |word, from, to| Step::Test { word, from, to, yes, no };
    Some(match code {
        op::RETURN => Step::Return(k),
        op::LOAD => Step::Go(State { word: Word { offset: k, mask: u32::MAX }, ..next }),
        op::AND => Step::Go(State { word: state.word.masked(k), ..next }),
        op::JUMP => Step::Go(State { at: next.at.checked_add(usize::try_from(k).ok()?)?, ..next }),
        op::JUMP_EQUAL => test(state.word, k, k),
        op::JUMP_GREATER => match k.checked_add(1) {
            Some(from) => test(state.word, from, u32::MAX),
            None => Step::Go(no),
        },
        op::JUMP_GREATER_OR_EQUAL => test(state.word, k, u32::MAX),
        op::JUMP_BITS => test(state.word.masked(k), 1, u32::MAX),
        _ => return None,
    })
}

/// What a step leads to, when it is known of all later ones.
fn answer(diagram: &mut Diagram, answers: &BTreeMap<State, Answer>, step: Step) -> Option<Answer> {
    match step {
        Step::Return(value) => Some(Answer::Return(value)),
        Step::Go(next) => answers.get(&next).copied(),
        Step::Test { word, from, to, yes, no } => {
            let (yes, no) = (*answers.get(&yes)?, *answers.get(&no)?);
            let below = from.checked_sub(1).map(|to| Run { from: 0, to, answer: no });
            let above = to.checked_add(1).map(|from| Run { from, to: u32::MAX, answer: no });
            let runs = [below, Some(Run { from, to, answer: yes }), above];
            Some(diagram.ask(word, runs.into_iter().flatten()))
        }
    }
}

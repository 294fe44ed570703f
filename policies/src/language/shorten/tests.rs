//! Short filters by example, and what the built-in policies gain.

use super::super::calls::{self, Arch};
use super::super::compile;
use super::super::filter::{Filter, Instruction};
use super::super::machine::{self, Blind, Call, Data};
use super::super::op;
use super::{ShortenError, shorten};
use crate::Catalog;

/// Sixteen words to load, as many as `struct seccomp_data` has.
pub(super) struct Words(pub(super) [u32; 16]);

impl Data for Words {
    fn word(&self, offset: u32) -> Option<u32> {
        self.0.get(usize::try_from(offset / 4).unwrap()).copied()
    }
}

/// The program that libseccomp writes for a built-in policy, and the short one.
fn built_in(name: &str, arch: Arch) -> (Filter, Filter) {
    let policy = Catalog::builtin().get(name).unwrap();
    let long = compile::write(name, policy.rules().unwrap(), arch).unwrap();
    let short = shorten(&long).unwrap();
    (long, short)
}

fn all_built_in() -> impl Iterator<Item = (String, Filter, Filter, Arch)> {
    Catalog::builtin().names().flat_map(|name| {
        Arch::ALL.map(|arch| {
            let (long, short) = built_in(name, arch);
            (format!("{name} {}", arch.name()), long, short, arch)
        })
    })
}

/// What `seccomp_check_filter` and `bpf_check_classic` of the kernel want of a program.
pub(super) fn assert_kernel_takes(program: &[Instruction]) {
    assert!((1..=4096).contains(&program.len()));
    for (at, instruction) in program.iter().enumerate() {
        let left = program.len() - at - 1;
        let &Instruction { code, jt, jf, k } = instruction;
        let fits = match code {
            op::LOAD => k.is_multiple_of(4) && k < 64 && left > 0,
            op::AND => left > 0,
            op::JUMP => usize::try_from(k).unwrap() < left,
            op::JUMP_EQUAL | op::JUMP_GREATER | op::JUMP_GREATER_OR_EQUAL | op::JUMP_BITS => {
                usize::from(jt.max(jf)) < left
            }
            op::RETURN => true,
            _ => false,
        };
        assert!(fits, "{at} of {}: {instruction:?}", program.len());
    }
    assert_eq!(program.last().unwrap().code, op::RETURN);
}

#[test]
fn every_built_in_filter_is_half_as_long_and_one_the_kernel_takes() {
    for (name, long, short, _) in all_built_in() {
        let (was, is) = (long.program().len(), short.program().len());
        assert!(is * 100 <= was * 50, "{name}: {is} of {was}");
        assert_kernel_takes(short.program());
    }
}

/// The same tests serve two words, which are asked one by one when the program is written anew.
#[test]
fn a_program_that_would_grow_stays_as_it_is() {
    let mut program =
        vec![step(op::LOAD, 0, 0, 0), step(op::JUMP_GREATER_OR_EQUAL, 1, 0, 100), step(op::LOAD, 0, 0, 4)];
    program.extend((0..5).map(|i: u8| step(op::JUMP_EQUAL, 5 - i, 0, 101 + 2 * u32::from(i))));
    program.extend([step(op::RETURN, 0, 0, 1), step(op::RETURN, 0, 0, 2)]);
    let filter = Filter::of(program.into()).unwrap();
    assert_eq!(shorten(&filter).unwrap(), filter);
}

#[test]
fn no_call_that_is_made_often_takes_more_than_a_test_more() {
    for (name, long, short, arch) in all_built_in() {
        for call in [
            "read",
            "write",
            "pread64",
            "pwrite64",
            "openat",
            "close",
            "newfstatat",
            "lseek",
            "mmap",
            "munmap",
            "mprotect",
            "madvise",
            "brk",
            "futex",
            "clock_gettime",
            "nanosleep",
            "rt_sigaction",
            "epoll_pwait",
            "ppoll",
            "sched_yield",
            "getpid",
            "getrandom",
        ] {
            let calls::Number::Is(number) = calls::number(call, arch) else { panic!("{call}") };
            let data = Call { arch: arch.audit(), number, arguments: [0; 6] };
            let [was, is] = [&long, &short].map(|filter| machine::path(filter.program(), &data).unwrap());
            assert!(is <= was + 1, "{name}: {call} takes {is} instructions and took {was}");
        }
    }
}

/// The kernel tries every number when a filter is installed.
#[test]
fn all_numbers_together_go_a_shorter_way() {
    for (name, long, short, arch) in all_built_in() {
        let total = |filter: &Filter| -> usize {
            let path = |number| machine::path(filter.program(), &Blind { arch: arch.audit(), number });
            (0..calls::NUMBERS).filter_map(path).sum()
        };
        assert!(total(&short) < total(&long), "{name}");
    }
}

#[test]
fn bits_of_a_word_that_have_one_answer_are_tested_at_once() {
    let program = [
        step(op::LOAD, 0, 0, 16),
        step(op::AND, 0, 0, 0x4000),
        step(op::JUMP_EQUAL, 6, 0, 0x4000),
        step(op::LOAD, 0, 0, 16),
        step(op::AND, 0, 0, 2),
        step(op::JUMP_EQUAL, 3, 0, 2),
        step(op::LOAD, 0, 0, 16),
        step(op::JUMP_BITS, 1, 0, 0x10),
        step(op::RETURN, 0, 0, 1),
        step(op::RETURN, 0, 0, 2),
    ];
    let short = shorten(&Filter::of(program.into()).unwrap()).unwrap();
    let wanted = [
        step(op::LOAD, 0, 0, 16),
        step(op::JUMP_BITS, 1, 0, 0x4012),
        step(op::RETURN, 0, 0, 1),
        step(op::RETURN, 0, 0, 2),
    ];
    assert_eq!(short.program(), wanted);
}

#[test]
fn a_word_is_not_loaded_for_nothing() {
    let program = [
        step(op::LOAD, 0, 0, 4),
        step(op::JUMP_EQUAL, 0, 8, 9),
        step(op::LOAD, 0, 0, 0),
        step(op::JUMP_GREATER_OR_EQUAL, 6, 0, 5),
        step(op::LOAD, 0, 0, 0),
        step(op::JUMP_GREATER, 4, 0, 6),
        step(op::LOAD, 0, 0, 20),
        step(op::AND, 0, 0, 0),
        step(op::JUMP_EQUAL, 0, 1, 0),
        step(op::RETURN, 0, 0, 1),
        step(op::RETURN, 0, 0, 2),
    ];
    let short = shorten(&Filter::of(program.into()).unwrap()).unwrap();
    let wanted = [
        step(op::LOAD, 0, 0, 4),
        step(op::JUMP_EQUAL, 0, 3, 9),
        step(op::LOAD, 0, 0, 0),
        step(op::JUMP_GREATER_OR_EQUAL, 1, 0, 5),
        step(op::RETURN, 0, 0, 1),
        step(op::RETURN, 0, 0, 2),
    ];
    assert_eq!(short.program(), wanted);
}

/// Each value has an answer of its own but for some that lead to a second word: more than a test can jump over.
#[test]
fn answers_are_found_however_far_away_they_are() {
    let values = 900_u32;
    let mut program = vec![step(op::LOAD, 0, 0, 0)];
    for value in 0..values {
        program.push(step(op::JUMP_EQUAL, 0, 1, value));
        let left = 2 * (values - value - 1) + 1;
        program.push(match value % 50 {
            0 => step(op::JUMP, 0, 0, left),
            _ => step(op::RETURN, 0, 0, value),
        });
    }
    program.push(step(op::RETURN, 0, 0, 5000));
    program.extend([step(op::LOAD, 0, 0, 4), step(op::JUMP_EQUAL, 0, 1, 3)]);
    program.extend([step(op::RETURN, 0, 0, 6000), step(op::RETURN, 0, 0, 7000)]);
    let long = Filter::of(program.into()).unwrap();
    let short = shorten(&long).unwrap();
    assert_kernel_takes(short.program());
    assert!(short.program().iter().any(|instruction| instruction.code == op::JUMP));
    for value in 0..=values {
        for second in [2, 3] {
            let mut words = [0; 16];
            (words[0], words[1]) = (value, second);
            let answer = machine::run(long.program(), &Words(words));
            assert!(answer.is_some());
            assert_eq!(machine::run(short.program(), &Words(words)), answer, "{value} {second}");
        }
    }
}

#[test]
fn a_program_that_cannot_be_read_is_refused_with_the_place() {
    for (program, at) in [
        (vec![step(0x24, 0, 0, 0), step(op::RETURN, 0, 0, 1)], 0),
        (vec![step(op::LOAD, 0, 0, 0)], 1),
        (vec![step(op::LOAD, 0, 0, 0), step(op::JUMP, 0, 0, 5), step(op::RETURN, 0, 0, 1)], 7),
        (vec![step(op::LOAD, 0, 0, 0), step(op::JUMP_EQUAL, 0, 9, 1), step(op::RETURN, 0, 0, 1)], 11),
    ] {
        let filter = Filter::of(program.clone().into()).unwrap();
        assert_eq!(shorten(&filter), Err(ShortenError::Unreadable { at }), "{program:?}");
    }
}

/// Each mask may be passed by or not, so that there are as many words as sets of masks.
#[test]
fn a_program_with_too_many_words_stays_as_it_is() {
    let pass = |bit| [step(op::JUMP_EQUAL, 0, 1, bit), step(op::AND, 0, 0, !(1 << bit))];
    let mut program = vec![step(op::LOAD, 0, 0, 0)];
    program.extend((0..32).flat_map(pass));
    program.push(step(op::RETURN, 0, 0, 1));
    let filter = Filter::of(program.into()).unwrap();
    assert_eq!(shorten(&filter).unwrap(), filter);
}

/// Each test has a run more than the one after it.
#[test]
fn a_program_with_too_many_runs_stays_as_it_is() {
    let test = |value: u32| [step(op::JUMP_EQUAL, 0, 1, 2 * value), step(op::RETURN, 0, 0, value % 2)];
    let mut program = vec![step(op::LOAD, 0, 0, 0)];
    program.extend((0..1500).flat_map(test));
    program.push(step(op::RETURN, 0, 0, 5000));
    let filter = Filter::of(program.into()).unwrap();
    assert_eq!(shorten(&filter).unwrap(), filter);
}

pub(super) fn step(code: u16, jt: u8, jf: u8, k: u32) -> Instruction {
    Instruction { code, jt, jf, k }
}

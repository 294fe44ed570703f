//! What holds for every program and every set of rules, not only for those somebody thought of.

use std::sync::Arc;

use proptest::prelude::*;

use super::super::calls::{self, Arch};
use super::super::filter::{Filter, Instruction};
use super::super::machine::{self, Call};
use super::super::op;
use super::super::rule::{Action, Condition, Errno, LOW_32, Rule, Test};
use super::super::{Place, check, compile};
use super::shorten;
use super::tests::{Words, assert_kernel_takes, step};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_program_decides_as_before(
        program in program(),
        calls in proptest::collection::vec(proptest::array::uniform16(value()), 32),
    ) {
        let long = Filter::of(program.into()).unwrap();
        let short = shorten(&long).unwrap();
        prop_assert!(short.program().len() <= long.program().len());
        assert_kernel_takes(short.program());
        for words in calls {
            let answer = machine::run(long.program(), &Words(words));
            prop_assert!(answer.is_some());
            prop_assert_eq!(machine::run(short.program(), &Words(words)), answer);
        }
    }

    #[test]
    fn any_rules_decide_as_libseccomp_has_it(
        rules in proptest::collection::vec(rule(), 1..60),
        arch in proptest::sample::select(&Arch::ALL[..]),
        calls in proptest::collection::vec(call(), 128),
    ) {
        let rules = consistent(rules);
        let long = compile::write("random", &rules, arch).unwrap();
        let short = shorten(&long).unwrap();
        prop_assert!(short.program().len() <= long.program().len());
        assert_kernel_takes(short.program());
        for call in calls {
            let answer = long.decide(&call);
            prop_assert!(answer.is_some());
            prop_assert_eq!(short.decide(&call), answer, "{:x?}", call);
        }
    }
}

/// Few distinct values, so that tests meet them.
fn value() -> impl Strategy<Value = u32> {
    prop_oneof![0_u32..6, Just(1 << 31), Just(u32::MAX - 1), Just(u32::MAX)]
}

/// Programs of all that the machine runs, with jumps that stay inside.
fn program() -> impl Strategy<Value = Vec<Instruction>> {
    let codes = [
        op::LOAD,
        op::AND,
        op::JUMP,
        op::JUMP_EQUAL,
        op::JUMP_EQUAL,
        op::JUMP_GREATER,
        op::JUMP_GREATER_OR_EQUAL,
        op::JUMP_BITS,
        op::RETURN,
    ];
    let instruction = (proptest::sample::select(codes.to_vec()), 0_u8..9, 0_u8..9, value());
    proptest::collection::vec(instruction, 0..60).prop_map(|instructions| {
        let count = instructions.len();
        let inside = |at: usize, skipped: u8| skipped % u8::try_from(count - at).unwrap();
        let fit = |(at, (code, jt, jf, k)): (usize, (u16, u8, u8, u32))| match code {
            op::LOAD => step(code, 0, 0, k % 4 * 4),
            op::JUMP => step(code, 0, 0, u32::from(inside(at, jt))),
            op::AND | op::RETURN => step(code, 0, 0, k),
            _ => step(code, inside(at, jt), inside(at, jf), k),
        };
        let mut program: Vec<_> = instructions.into_iter().enumerate().map(fit).collect();
        program.push(step(op::RETURN, 0, 0, 1));
        program
    })
}

const CALLS: [&str; 16] = [
    "read", "write", "open", "close", "fstat", "lseek", "mmap", "mprotect", "ioctl", "clone", "fcntl",
    "prctl", "openat", "socket", "clone3", "statx",
];

fn rule() -> impl Strategy<Value = Rule> {
    let actions = [Action::Allow, Action::Deny(Errno(1)), Action::Deny(Errno(22)), Action::Forbid];
    let call = proptest::sample::select(&CALLS[..]);
    (call, proptest::sample::select(actions.to_vec()), proptest::collection::btree_map(0_u8..3, test(), 0..3))
        .prop_map(|(call, action, tests)| Rule {
            call: call.into(),
            action,
            conditions: tests
                .into_iter()
                .map(|(argument, test)| Condition { argument, test, label: "".into() })
                .collect(),
            reason: "for a test".into(),
            place: Place { origin: Arc::from("test"), line: 1, column: 1 },
        })
}

fn test() -> impl Strategy<Value = Test> {
    let mask = proptest::sample::select(vec![u64::MAX, LOW_32, 1, 2, 4, 1 << 31, 0xF000, 3 << 31, 1 << 63]);
    (mask, argument()).prop_map(|(mask, value)| Test { mask, value: value & mask })
}

fn argument() -> impl Strategy<Value = u64> {
    (value(), value()).prop_map(|(high, low)| u64::from(high) << 32 | u64::from(low))
}

/// Without those that contradict an earlier one.
fn consistent(rules: Vec<Rule>) -> Vec<Rule> {
    let mut kept = Vec::new();
    for rule in rules {
        kept.push(rule);
        if check::contradictions(&kept).is_err() {
            kept.pop();
        }
    }
    kept
}

/// Calls of those names above all, and some through every side door.
fn call() -> impl Strategy<Value = Call> {
    const I386: u32 = 0x4000_0003;
    let numbers: Vec<i32> = CALLS
        .into_iter()
        .flat_map(|call| Arch::ALL.map(|arch| calls::number(call, arch)))
        .filter_map(|number| match number {
            calls::Number::Is(number) => Some(number),
            calls::Number::Elsewhere | calls::Number::Unknown => None,
        })
        .flat_map(|number| [number - 1, number, number, number, number + 1, number | 0x4000_0000])
        .collect();
    let number = prop_oneof![
        20 => proptest::sample::select(numbers),
        2 => -2..calls::NUMBERS + 2,
        1 => any::<i32>(),
        1 => proptest::sample::select(vec![-1, i32::MIN, i32::MAX, 0x3FFF_FFFF, 0x4000_0000]),
    ];
    let arch = prop_oneof![
        8 => proptest::sample::select(Arch::ALL.map(Arch::audit).to_vec()),
        1 => proptest::sample::select(vec![I386, 0, u32::MAX]),
    ];
    (arch, number, proptest::array::uniform6(argument())).prop_map(|(arch, number, arguments)| Call {
        arch,
        number,
        arguments,
    })
}

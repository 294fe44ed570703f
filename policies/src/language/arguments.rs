//! From the `args` of an entry to the conditions of its rules.

use std::sync::Arc;

use toml::Spanned;

use super::definition::Source;
use super::document::{Argument, Op};
use super::error::PolicyError;
use super::expand::MAX_RULES_OF_CALL;
use super::nearest::hint;
use super::rule::{Condition, LOW_32, Test};
use super::symbols;
use super::values::Value;

/// Every combination of one value from each argument's list.
pub(super) fn alternatives(
    source: &Source,
    args: &[Spanned<Argument>],
) -> Result<Vec<Vec<Condition>>, PolicyError> {
    let mut combinations: Vec<Vec<Condition>> = vec![Vec::new()];
    for (i, arg) in args.iter().enumerate() {
        let index = arg.as_ref().index;
        let repeated = args.iter().take(i).any(|other| other.as_ref().index == index);
        source.require(!repeated, &arg.span(), "test each argument once; list the values it may have")?;
        let conditions = conditions(source, arg)?;
        let room = combinations.len().saturating_mul(conditions.len()) <= MAX_RULES_OF_CALL;
        source.require(
            room,
            &arg.span(),
            "these lists combine to over 96 rules; test fewer values, or bits by a mask",
        )?;
        combinations = combinations
            .iter()
            .flat_map(|chosen| conditions.iter().map(|next| [chosen, std::slice::from_ref(next)].concat()))
            .collect();
    }
    Ok(combinations)
}

/// One condition for each value an argument may have, or for each bit of which one must be set.
fn conditions(source: &Source, arg: &Spanned<Argument>) -> Result<Vec<Condition>, PolicyError> {
    let Argument { index, op, mask, value } = arg.as_ref();
    source.require(*index <= 5, &arg.span(), "system calls have arguments 0 to 5")?;
    source.require(!value.0.is_empty(), &arg.span(), "give at least one value")?;
    let listable = !matches!(op, Op::NoneOf);
    source.require(
        value.0.len() == 1 || listable,
        &arg.span(),
        "none_of takes one value: join names by '|'",
    )?;
    let masked = matches!(op, Op::Masked);
    source.require(
        masked == mask.is_some(),
        &arg.span(),
        "op masked needs a mask, and no other op takes one",
    )?;
    let mask = mask.as_ref().map(|mask| number(source, mask)).transpose()?;
    let mut conditions = Vec::new();
    for value in &value.0 {
        let bits = number(source, value)?;
        let tests = tests(*op, mask.unwrap_or_default(), bits);
        let problem = "no argument could pass this test, or none could fail it; a masked value lies within its \
                       mask, eq32 compares 32 bits, any_of and none_of need at least one bit";
        let sound = tests.iter().all(|test| test.mask != 0 && test.value & !test.mask == 0);
        source.require(sound && !tests.is_empty(), &value.span(), problem)?;
        conditions.extend(tests.into_iter().map(|test| Condition {
            argument: *index,
            test,
            label: label(*op, value.as_ref(), test),
        }));
    }
    Ok(conditions)
}

/// The tests of which an argument must pass one.
fn tests(op: Op, mask: u64, value: u64) -> Vec<Test> {
    match op {
        Op::Eq => vec![Test { mask: u64::MAX, value }],
        Op::Eq32 => vec![Test { mask: LOW_32, value }],
        Op::Masked => vec![Test { mask, value }],
        Op::NoneOf => vec![Test { mask: value, value: 0 }],
        Op::AnyOf => {
            let bits = (0..u64::BITS).map(|i| 1 << i).filter(|bit| value & bit != 0);
            bits.map(|bit| Test { mask: bit, value: bit }).collect()
        }
    }
}

/// The value as people wrote it; a single bit by its name.
fn label(op: Op, value: &Value, test: Test) -> Arc<str> {
    let plain = |number: u64| match number {
        0..10 => number.to_string(),
        _ => format!("{number:#x}"),
    };
    match (op, value) {
        (Op::AnyOf, _) => symbols::flag(test.value).map_or_else(|| plain(test.value), str::to_owned).into(),
        (Op::NoneOf, _) => "0".into(),
        (Op::Eq | Op::Eq32 | Op::Masked, Value::Number(number)) => plain(*number).into(),
        (Op::Eq | Op::Eq32 | Op::Masked, Value::Symbols(text)) => text.as_str().into(),
    }
}

fn number(source: &Source, value: &Spanned<Value>) -> Result<u64, PolicyError> {
    let text = match value.as_ref() {
        Value::Number(number) => return Ok(*number),
        Value::Symbols(text) => text,
    };
    text.split('|').map(str::trim).try_fold(0, |bits, name| {
        symbols::value(name).map(|value| bits | value).ok_or_else(|| PolicyError::UnknownName {
            place: source.place(&value.span()),
            kind: "constant",
            name: name.to_owned(),
            hint: hint(name, symbols::names()),
        })
    })
}

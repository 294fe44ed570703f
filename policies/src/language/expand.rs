//! From the entries of a text to one rule per call and per combination of values.

use std::sync::Arc;

use toml::Spanned;

use super::calls;
use super::definition::Source;
use super::document::{Allow, Argument, Deny, Forbid, Op, Value, Values};
use super::error::{Place, PolicyError};
use super::nearest::hint;
use super::rule::{Action, Condition, Errno, REPORT_FD, Rule, Test};
use super::symbols;

/// Rules in the making.
#[derive(Debug, Default)]
pub(super) struct Expansion {
    rules: Vec<Rule>,
}

/// More rules than fit any filter. Bounds what a text full of lists can make us do.
const MAX_RULES: usize = 4096;

const LOW_32: u64 = 0xFFFF_FFFF;

/// An entry of any of the three kinds.
struct Entry<'a> {
    calls: &'a Spanned<Vec<Spanned<String>>>,
    action: Action,
    reason: &'a Spanned<String>,
    args: &'a [Spanned<Argument>],
}

impl Expansion {
    pub(super) fn add_group(&mut self, source: &Source) -> Result<(), PolicyError> {
        let group = source.parse_group()?;
        source.require(!group.description.trim().is_empty(), &(0..0), "say what the group is for")?;
        self.add(source, &group.allow, &group.deny, &group.forbid)
    }

    pub(super) fn add(
        &mut self,
        source: &Source,
        allow: &[Allow],
        deny: &[Deny],
        forbid: &[Forbid],
    ) -> Result<(), PolicyError> {
        for Allow { calls, reason, args } in allow {
            self.add_entry(source, &Entry { calls, action: Action::Allow, reason, args })?;
        }
        for Deny { calls, errno, reason, args } in deny {
            let action = Action::Deny(find_errno(source, errno)?);
            self.add_entry(source, &Entry { calls, action, reason, args })?;
        }
        for Forbid { calls, reason, args } in forbid {
            self.add_entry(source, &Entry { calls, action: Action::Forbid, reason, args })?;
        }
        Ok(())
    }

    /// The rules, with those that starting a program needs, unless a rule says so already.
    pub(super) fn finish(self) -> Vec<Rule> {
        let missing =
            launch_rules().filter(|rule| !self.rules.iter().any(|known| known.is_plain_allow(&rule.call)));
        let mut rules: Vec<Rule> = missing.collect();
        rules.extend(self.rules);
        rules
    }

    fn add_entry(&mut self, source: &Source, entry: &Entry<'_>) -> Result<(), PolicyError> {
        let Entry { calls, action, reason, args } = *entry;
        source.require(!calls.as_ref().is_empty(), &calls.span(), "name at least one call")?;
        let explained = !reason.as_ref().trim().is_empty();
        source.require(explained, &reason.span(), "every rule needs a reason; write why")?;
        let alternatives = alternatives(source, args)?;
        let reason: Arc<str> = reason.as_ref().trim().into();
        for call in calls.as_ref() {
            check_call(source, call)?;
            let room = self.rules.len() + alternatives.len() <= MAX_RULES;
            source.require(room, &call.span(), "a policy has at most 4096 rules; use ranges or masks")?;
            let place = source.place(&call.span());
            let call: Arc<str> = call.as_ref().as_str().into();
            self.rules.extend(alternatives.iter().map(|conditions| Rule {
                call: Arc::clone(&call),
                action,
                conditions: conditions.clone(),
                reason: Arc::clone(&reason),
                place: place.clone(),
            }));
        }
        Ok(())
    }
}

impl Rule {
    fn is_plain_allow(&self, call: &str) -> bool {
        *self.call == *call && self.action == Action::Allow && self.conditions.is_empty()
    }
}

/// Starting a program happens under its own policy: hand over the listener, execute, or report and exit.
fn launch_rules() -> impl Iterator<Item = Rule> {
    let place = Place { origin: "launch".into(), line: 1, column: 1 };
    let rule = move |call: &str, conditions: Vec<Condition>, reason: &str| Rule {
        call: call.into(),
        action: Action::Allow,
        conditions,
        reason: reason.into(),
        place: place.clone(),
    };
    let report = Condition {
        argument: 0,
        test: Test::Equal(u64::from(REPORT_FD.unsigned_abs())),
        label: REPORT_FD.to_string().into(),
    };
    [
        ("sendmsg", vec![report], "the filter's listener goes to the supervisor before the program starts"),
        ("execve", vec![], "the program is started under its own policy"),
        ("execveat", vec![], "the program is started under its own policy"),
        ("exit", vec![], "a thread may end"),
        ("exit_group", vec![], "a program may end"),
        ("rt_sigreturn", vec![], "signal handlers return with it; a program cannot choose not to"),
    ]
    .into_iter()
    .map(move |(call, conditions, reason)| rule(call, conditions, reason))
}

fn check_call(source: &Source, call: &Spanned<String>) -> Result<(), PolicyError> {
    let name = call.as_ref();
    match calls::is_call(name) {
        true => Ok(()),
        false => Err(PolicyError::UnknownName {
            place: source.place(&call.span()),
            kind: "system call",
            name: name.clone(),
            hint: calls::suggestion(name),
        }),
    }
}

fn find_errno(source: &Source, name: &Spanned<String>) -> Result<Errno, PolicyError> {
    symbols::errno(name.as_ref()).ok_or_else(|| PolicyError::UnknownName {
        place: source.place(&name.span()),
        kind: "errno",
        name: name.as_ref().clone(),
        hint: hint(name.as_ref(), symbols::errno_names()),
    })
}

/// Every combination of one value from each argument's list.
fn alternatives(source: &Source, args: &[Spanned<Argument>]) -> Result<Vec<Vec<Condition>>, PolicyError> {
    let mut combinations: Vec<Vec<Condition>> = vec![Vec::new()];
    for (i, arg) in args.iter().enumerate() {
        let index = arg.as_ref().index;
        let repeated = args.iter().take(i).any(|other| other.as_ref().index == index);
        source.require(!repeated, &arg.span(), "test each argument once; list the values it may have")?;
        let conditions = conditions(source, arg)?;
        let room = combinations.len().saturating_mul(conditions.len()) <= MAX_RULES;
        source.require(room, &arg.span(), "these lists combine to over 4096 rules; use ranges or masks")?;
        combinations = combinations
            .iter()
            .flat_map(|chosen| conditions.iter().map(|next| [chosen, std::slice::from_ref(next)].concat()))
            .collect();
    }
    Ok(combinations)
}

/// One condition for each value an argument may have.
fn conditions(source: &Source, arg: &Spanned<Argument>) -> Result<Vec<Condition>, PolicyError> {
    let Argument { index, op, mask, value } = arg.as_ref();
    source.require(*index <= 5, &arg.span(), "system calls have arguments 0 to 5")?;
    source.require(!value.0.is_empty(), &arg.span(), "give at least one value")?;
    let many = value.0.len() > 1;
    let listable = matches!(op, Op::Eq | Op::Eq32 | Op::Masked);
    source.require(!many || listable, &arg.span(), "only eq, eq32 and masked take a list")?;
    let masked = matches!(op, Op::Masked);
    source.require(
        masked == mask.is_some(),
        &arg.span(),
        "op masked needs a mask, and no other op takes one",
    )?;
    let mask = mask.as_ref().map(|mask| number(source, mask)).transpose()?;
    match op {
        Op::AnyOf => any_of(source, *index, value),
        Op::Eq | Op::Eq32 | Op::Ne | Op::Lt | Op::Le | Op::Gt | Op::Ge | Op::Masked | Op::NoneOf => {
            value.0.iter().map(|value| condition(source, *index, *op, mask, value)).collect()
        }
    }
}

/// One condition for each bit of the value.
fn any_of(source: &Source, argument: u8, values: &Values) -> Result<Vec<Condition>, PolicyError> {
    let mut bits = 0;
    for value in &values.0 {
        let number = number(source, value)?;
        source.require(number != 0, &value.span(), "any_of needs a value with at least one bit")?;
        bits |= number;
    }
    let set = (0..u64::BITS).map(|i| 1 << i).filter(|bit| bits & bit != 0);
    Ok(set.map(|bit| bit_condition(argument, bit)).collect())
}

fn bit_condition(argument: u8, bit: u64) -> Condition {
    let label = symbols::flag(bit).map_or_else(|| format!("{bit:#x}"), str::to_owned);
    Condition { argument, test: Test::Masked { mask: bit, value: bit }, label: label.into() }
}

fn condition(
    source: &Source,
    argument: u8,
    op: Op,
    mask: Option<u64>,
    value: &Spanned<Value>,
) -> Result<Condition, PolicyError> {
    let number = number(source, value)?;
    let test = match op {
        Op::Eq => Test::Equal(number),
        Op::Eq32 => Test::Masked { mask: LOW_32, value: number },
        Op::Ne => Test::NotEqual(number),
        Op::Lt => Test::Less(number),
        Op::Le => Test::LessOrEqual(number),
        Op::Gt => Test::Greater(number),
        Op::Ge => Test::GreaterOrEqual(number),
        Op::NoneOf => Test::Masked { mask: number, value: 0 },
        // A mask is there: conditions() refused the entry otherwise. Any_of has no single condition.
        Op::Masked | Op::AnyOf => Test::Masked { mask: mask.unwrap_or_default(), value: number },
    };
    let problem = "no argument could pass this test, or none could fail it; a masked value lies within its \
                   mask, and eq32 compares 32 bits";
    source.require(test.is_meaningful(), &value.span(), problem)?;
    let label = match value.as_ref() {
        Value::Symbols(text) => text.as_str().into(),
        Value::Number(number) if *number < 10 => number.to_string().into(),
        Value::Number(number) => format!("{number:#x}").into(),
    };
    Ok(Condition { argument, test, label })
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

//! Proof that a compiled filter does what its rules say.
//!
//! The compiler is a library with its own ideas about rules that overlap, and what it wrote was shortened. We
//! do not reason about either: each filter is run on every call number; without arguments, if no rule tests
//! them, so that the answer holds for all; otherwise on arguments around each boundary. A filter that decides
//! otherwise than the rules is not used.

use std::collections::{BTreeMap, BTreeSet};

use super::calls::{self, Arch, Number};
use super::error::PolicyError;
use super::filter::{Decision, Filter};
use super::machine::Call;
use super::rule::{Action, Errno, Rule, Test};

/// What the rules say about a call with these arguments.
pub(super) fn decide(rules: &[&Rule], arguments: &[u64; 6]) -> Decision {
    match rules.iter().find(|rule| rule.matches(arguments)).map(|rule| rule.action) {
        None => Decision::Errno(Errno::ENOSYS.number()),
        Some(Action::Allow) => Decision::Allow,
        Some(Action::Deny(errno)) => Decision::Errno(errno.number()),
        Some(Action::Forbid) => Decision::Notify,
    }
}

/// Compares `filter` with `rules` wherever they could differ.
pub(super) fn verify(policy: &str, rules: &[Rule], arch: Arch, filter: &Filter) -> Result<(), PolicyError> {
    let by_number = by_number(rules, arch);
    let proof = Proof { policy, filter };
    for number in (-1..calls::NUMBERS).chain([i32::MAX, i32::MIN]) {
        let rules = by_number.get(&number).map_or(&[][..], Vec::as_slice);
        if is_foreign(arch, number) {
            proof.blind(arch.audit(), number, Decision::Notify)?;
        } else if rules.iter().all(|rule| rule.conditions.is_empty()) {
            proof.blind(arch.audit(), number, decide(rules, &[0; 6]))?;
        }
        for arguments in probes(rules) {
            proof.call(&Call { arch: arch.audit(), number, arguments }, decide(rules, &arguments))?;
        }
        for (arch, number) in foreign_twins(arch, number) {
            proof.blind(arch, number, Decision::Notify)?;
        }
    }
    Ok(())
}

struct Proof<'a> {
    policy: &'a str,
    filter: &'a Filter,
}

impl Proof<'_> {
    /// The filter decides so with these arguments.
    fn call(&self, call: &Call, wanted: Decision) -> Result<(), PolicyError> {
        let text = || format!("{} {:x?}", calls::syscall_name(call.arch, call.number), call.arguments);
        self.same(text, wanted, self.filter.decide(call))
    }

    /// The filter decides so without looking at arguments, hence with any.
    fn blind(&self, arch: u32, number: i32, wanted: Decision) -> Result<(), PolicyError> {
        let text = || calls::syscall_name(arch, number);
        self.same(text, wanted, self.filter.decide_blindly(arch, number))
    }

    fn same(
        &self,
        call: impl Fn() -> String,
        wanted: Decision,
        found: Option<Decision>,
    ) -> Result<(), PolicyError> {
        if found == Some(wanted) {
            return Ok(());
        }
        Err(PolicyError::Unfaithful {
            policy: self.policy.to_owned(),
            call: call(),
            wanted: format!("{wanted:?}"),
            found: found.map_or_else(|| "looks at arguments".to_owned(), |decision| format!("{decision:?}")),
        })
    }
}

fn by_number(rules: &[Rule], arch: Arch) -> BTreeMap<i32, Vec<&Rule>> {
    let mut sorted: BTreeMap<i32, Vec<&Rule>> = BTreeMap::new();
    for rule in rules {
        if let Number::Is(number) = calls::number(&rule.call, arch) {
            sorted.entry(number).or_default().push(rule);
        }
    }
    sorted
}

/// Whether a number belongs to x32. Minus one is what a tracer leaves to skip a call, and is no call at all.
fn is_foreign(arch: Arch, number: i32) -> bool {
    arch == Arch::X86_64 && number.cast_unsigned() >= X32 && number != -1
}

const X32: u32 = 0x4000_0000;

/// The same number through every other entrance to the kernel.
fn foreign_twins(arch: Arch, number: i32) -> impl Iterator<Item = (u32, i32)> {
    const I386: u32 = 0x4000_0003;
    const ARM: u32 = 0x4000_0028;
    let others = Arch::ALL.into_iter().filter(move |other| *other != arch).map(Arch::audit);
    let elsewhere = others.chain([I386, ARM, 0]).map(move |arch| (arch, number));
    let has_x32 = arch == Arch::X86_64 && (0..calls::NUMBERS).contains(&number);
    elsewhere.chain(has_x32.then(|| (arch.audit(), number | X32.cast_signed())))
}

/// Arguments that meet each rule in turn, with one argument at a time moved to each value at which some rule
/// may change its mind. None for a call whose rules have no conditions.
fn probes(rules: &[&Rule]) -> Vec<[u64; 6]> {
    let corners: Vec<(usize, u64)> = rules
        .iter()
        .flat_map(|rule| &rule.conditions)
        .flat_map(|condition| corners(condition.test).map(|value| (usize::from(condition.argument), value)))
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect();
    if corners.is_empty() {
        return Vec::new();
    }
    let mut probes = vec![[0; 6], [u64::MAX; 6]];
    for rule in rules {
        let base = example(rule);
        probes.push(base);
        for &(argument, value) in &corners {
            let mut probe = base;
            if let Some(slot) = probe.get_mut(argument) {
                *slot = value;
            }
            probes.push(probe);
        }
    }
    probes
}

/// Arguments that a rule matches.
fn example(rule: &Rule) -> [u64; 6] {
    let mut arguments = [0; 6];
    for condition in &rule.conditions {
        if let Some(slot) = arguments.get_mut(usize::from(condition.argument)) {
            *slot = condition.test.value;
        }
    }
    arguments
}

/// Values that pass a test, or fail it by one bit or by much, with the halves of the register mixed.
fn corners(Test { mask, value }: Test) -> impl Iterator<Item = u64> {
    let lowest = mask & mask.wrapping_neg();
    let highest = 1_u64.checked_shl(mask.checked_ilog2().unwrap_or_default()).unwrap_or_default();
    [
        value,
        value.wrapping_sub(1),
        value.wrapping_add(1),
        value ^ (1 << 32),
        value ^ (1 << 63),
        value ^ lowest,
        value ^ highest,
        value | !mask,
        (value | !mask) ^ lowest,
        value.rotate_left(32),
        !value,
    ]
    .into_iter()
}

//! What holds for every text, not only for those somebody thought of.

use dayfly_policies::{Action, Decision, Policy};
use proptest::prelude::*;

use crate::loader::{HEADER, decide, parse};

proptest! {
    #[test]
    fn no_text_panics_the_loader(text in "\\PC*") {
        prop_assert!(Policy::parse(&text, "random").is_err());
    }

    /// Pieces of real policies in any order come closer to what the loader accepts.
    #[test]
    fn no_mixture_of_pieces_panics_the_loader(
        pieces in proptest::collection::vec(proptest::sample::select(PIECES), 0..12),
    ) {
        let text = format!("{HEADER}{}", pieces.concat());
        if let Ok(policy) = Policy::parse(&text, "mixed") {
            prop_assert!(!policy.filter().program().is_empty());
        }
    }

    /// Whatever rules are accepted, the filter does what they say. The compiler may refuse, never differ.
    #[test]
    fn accepted_rules_are_what_the_filter_does(
        rules in proptest::collection::vec(rule(), 1..8),
        probes in proptest::collection::vec(proptest::array::uniform6(value()), 64),
    ) {
        if let Ok(policy) = parse(&rules.concat()) {
            let rules: Vec<_> = policy.rules().unwrap().iter().filter(|rule| &*rule.call == "dup").collect();
            for arguments in probes {
                let wanted = match rules.iter().find(|rule| rule.matches(&arguments)).map(|rule| rule.action) {
                    None => Decision::Errno(38),
                    Some(Action::Allow) => Decision::Allow,
                    Some(Action::Deny(errno)) => Decision::Errno(errno.number()),
                    Some(Action::Forbid) => Decision::Notify,
                };
                prop_assert_eq!(decide(&policy, "dup", arguments), wanted);
            }
        }
    }
}

const PIECES: &[&str] = &[
    "[[allow]]\n",
    "[[deny]]\n",
    "[[forbid]]\n",
    "calls = [\"dup\"]\n",
    "calls = [\"clone\", \"dup2\"]\n",
    "reason = \"for a test\"\n",
    "errno = \"EPERM\"\n",
    "args = []\n",
    "args = [{ index = 0, op = \"eq\", value = 1 }]\n",
    "args = [{ index = 1, op = \"any_of\", value = \"CLONE_NEWNS|CLONE_NEWNET\" }]\n",
    "args = [{ index = 9, op = \"masked\", mask = 1, value = 2 }]\n",
    "[ceilings]\n",
    "memory = \"1T\"\n",
    "\"",
    "é",
];

/// Few distinct values, so that rules meet.
fn value() -> impl Strategy<Value = u64> {
    (0_u64..4, prop_oneof![Just(0_u64), Just(1 << 32), Just(1 << 63)]).prop_map(|(low, high)| low | high)
}

fn test() -> impl Strategy<Value = String> {
    let op = proptest::sample::select(&["eq", "eq32", "any_of", "none_of"][..]);
    (0_u8..3, op, value()).prop_map(|(index, op, value)| {
        format!("{{ index = {index}, op = \"{op}\", value = {} }}", value.cast_signed())
    })
}

fn rule() -> impl Strategy<Value = String> {
    let head =
        proptest::sample::select(&["[[allow]]\n", "[[forbid]]\n", "[[deny]]\nerrno = \"EPERM\"\n"][..]);
    (head, proptest::collection::vec(test(), 1..3)).prop_map(|(head, tests)| {
        format!("{head}calls = [\"dup\"]\nreason = \"for a test\"\nargs = [{}]\n", tests.join(", "))
    })
}

//! Rules have no order, so no two of them may disagree about a call, nor say the same thing twice.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::error::PolicyError;
use super::rule::Rule;

/// Finds two rules that could both match a call and differ, or of which one is superfluous.
pub(super) fn contradictions(rules: &[Rule]) -> Result<(), PolicyError> {
    let mut by_call: BTreeMap<&str, Vec<&Rule>> = BTreeMap::new();
    for rule in rules {
        let earlier = by_call.entry(&rule.call).or_default();
        earlier.iter().try_for_each(|first| compare(first, rule))?;
        earlier.push(rule);
    }
    Ok(())
}

fn compare(first: &Rule, second: &Rule) -> Result<(), PolicyError> {
    if first.action != second.action {
        if first.excludes(second) {
            return Ok(());
        }
        return Err(PolicyError::Contradiction {
            place: second.place.clone(),
            call: Arc::clone(&second.call),
            second_action: second.action,
            first: first.place.clone(),
            first_action: first.action,
        });
    }
    if first.covers(second) || second.covers(first) {
        return Err(PolicyError::Duplicate {
            place: second.place.clone(),
            call: Arc::clone(&second.call),
            first: first.place.clone(),
        });
    }
    Ok(())
}

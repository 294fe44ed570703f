//! From the entries of a text to one rule per call and per combination of values.

use std::sync::Arc;

use toml::Spanned;

use super::arguments::alternatives;
use super::calls;
use super::definition::Source;
use super::document::{Allow, Argument, Deny, Forbid};
use super::error::PolicyError;
use super::nearest::hint;
use super::rule::{Action, Errno, Rule};
use super::{launch, symbols};

/// Rules in the making.
#[derive(Debug, Default)]
pub(super) struct Expansion {
    rules: Vec<Rule>,
}

/// Twice what the widest policy needs. Bounds what a text full of lists can make us do.
const MAX_RULES: usize = 1024;

/// The most rules for one call: libseccomp takes time in the third power of it, a second for a hundred.
pub(super) const MAX_RULES_OF_CALL: usize = 96;

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
            launch::rules().filter(|rule| !self.rules.iter().any(|known| known.is_plain_allow(&rule.call)));
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
            self.require_room(source, call, alternatives.len())?;
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

    fn require_room(&self, source: &Source, call: &Spanned<String>, more: usize) -> Result<(), PolicyError> {
        let room = self.rules.len() + more <= MAX_RULES;
        source.require(
            room,
            &call.span(),
            "a policy has at most 1024 rules; leave out what needs no rule",
        )?;
        let same = self.rules.iter().filter(|rule| *rule.call == *call.as_ref().as_str()).count();
        let room = same + more <= MAX_RULES_OF_CALL;
        source.require(
            room,
            &call.span(),
            "a call has at most 96 rules; test fewer values, or bits by a mask",
        )
    }
}

impl Rule {
    fn is_plain_allow(&self, call: &str) -> bool {
        *self.call == *call && self.action == Action::Allow && self.conditions.is_empty()
    }
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

//! What a policy says about a call, and the whole policy as people read it.

use std::fmt;

use crate::language::{Action, PolicyError, Rule, is_call, suggestion};
use crate::policy::Policy;

/// What a policy says about one system call.
#[derive(Debug, Clone)]
pub struct Explanation<'a> {
    call: &'a str,
    rules: Vec<&'a Rule>,
}

impl<'a> Explanation<'a> {
    /// The rules that name the call; none means that it fails with ENOSYS.
    pub fn rules(&self) -> &[&'a Rule] {
        &self.rules
    }
}

impl fmt::Display for Explanation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for rule in &self.rules {
            writeln!(f, "{} {}: {} ({})", rule.action, phrase(rule), rule.reason, rule.place)?;
        }
        match (self.rules.is_empty(), self.rules.iter().any(|rule| rule.conditions.is_empty())) {
            (true, _) => writeln!(f, "deny ENOSYS {}: {UNNAMED}", self.call),
            (false, true) => Ok(()),
            (false, false) => writeln!(f, "deny ENOSYS {} where none of these holds", self.call),
        }
    }
}

/// The answer to what no rule names.
const UNNAMED: &str = "no rule names it; a program takes the kernel for one without it";

impl Policy {
    /// What this policy says about a call, by the call's name.
    pub fn explain<'a>(&'a self, call: &'a str) -> Result<Explanation<'a>, PolicyError> {
        if !is_call(call) {
            return Err(PolicyError::UnknownCall { name: call.to_owned(), hint: suggestion(call) });
        }
        Ok(Explanation { call, rules: self.rules()?.iter().filter(|rule| &*rule.call == call).collect() })
    }

    /// The whole policy, for people: one paragraph for each action and reason.
    pub fn show(&self) -> Result<String, PolicyError> {
        let mut text = format!("{}: {}\n", self.name(), self.description());
        let networks: Vec<String> = self.networks().iter().map(ToString::to_string).collect();
        text += &format!("network: {}\n\n", networks.join(", "));
        for Paragraph { action, reason, calls } in paragraphs(self.rules()?) {
            text += &format!("{action}: {reason}\n    {}\n", calls.join(", "));
        }
        text += &format!("\ndeny ENOSYS: every other call; {UNNAMED}\n");
        text += "forbid: every call of another architecture or of x32\n";
        Ok(text)
    }
}

/// The calls that get one answer for one reason.
struct Paragraph<'a> {
    action: Action,
    reason: &'a str,
    calls: Vec<String>,
}

fn paragraphs(rules: &[Rule]) -> Vec<Paragraph<'_>> {
    let mut paragraphs: Vec<Paragraph<'_>> = Vec::new();
    for rule in rules {
        let (action, reason) = (rule.action, &*rule.reason);
        let call = phrase(rule);
        match paragraphs.iter_mut().find(|known| known.action == action && known.reason == reason) {
            Some(known) => known.calls.push(call),
            None => paragraphs.push(Paragraph { action, reason, calls: vec![call] }),
        }
    }
    paragraphs
}

/// `socket where arg0 == AF_UNIX and arg2 == 0`.
fn phrase(rule: &Rule) -> String {
    let conditions: Vec<String> = rule.conditions.iter().map(ToString::to_string).collect();
    match conditions.is_empty() {
        true => rule.call.to_string(),
        false => format!("{} where {}", rule.call, conditions.join(" and ")),
    }
}

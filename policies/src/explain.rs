//! What a policy says about a call, and the whole policy as people read it.

use std::collections::BTreeMap;
use std::fmt::{self, Write};

use crate::language::{PolicyError, Rule};
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
            write!(f, "{:<8} {}", rule.action.to_string(), self.call)?;
            write_conditions(f, rule)?;
            writeln!(f, ": {} ({})", rule.reason, rule.place)?;
        }
        match self.rules.iter().all(|rule| !rule.conditions.is_empty()) {
            true => writeln!(f, "deny ENOSYS {}: {UNNAMED}", self.call),
            false => Ok(()),
        }
    }
}

/// The answer to what no rule names.
const UNNAMED: &str = "no rule names it; a program takes the kernel for one without it";

fn write_conditions(f: &mut impl Write, rule: &Rule) -> fmt::Result {
    for (i, condition) in rule.conditions.iter().enumerate() {
        write!(f, "{}{condition}", if i == 0 { " where " } else { " and " })?;
    }
    Ok(())
}

impl Policy {
    /// What this policy says about a call, by the call's name.
    pub fn explain<'a>(&'a self, call: &'a str) -> Result<Explanation<'a>, PolicyError> {
        Ok(Explanation { call, rules: self.rules()?.iter().filter(|rule| &*rule.call == call).collect() })
    }

    /// The whole policy, for people: one paragraph for each action and reason.
    pub fn show(&self) -> Result<String, PolicyError> {
        let mut text = format!("{}: {}\n", self.name(), self.description());
        let networks: Vec<String> = self.networks().iter().map(ToString::to_string).collect();
        text += &format!("network: {}\n\n", networks.join(", "));
        for ((action, reason), mut calls) in self.paragraphs()? {
            calls.dedup();
            text += &format!("{action}: {reason}\n    {}\n", calls.join(", "));
        }
        text += &format!("\ndeny ENOSYS: every other call; {UNNAMED}\n");
        text += "forbid: every call of another architecture or of x32\n";
        Ok(text)
    }

    fn paragraphs(&self) -> Result<Vec<((String, &str), Vec<String>)>, PolicyError> {
        let mut order: BTreeMap<(String, &str), usize> = BTreeMap::new();
        let mut paragraphs: Vec<((String, &str), Vec<String>)> = Vec::new();
        for rule in self.rules()? {
            let key = (rule.action.to_string(), &*rule.reason);
            let index = *order.entry(key.clone()).or_insert(paragraphs.len());
            if index == paragraphs.len() {
                paragraphs.push((key, Vec::new()));
            }
            let mut call = rule.call.to_string();
            // Writing to a string does not fail.
            let _infallible = write_conditions(&mut call, rule);
            if let Some((_, calls)) = paragraphs.get_mut(index) {
                calls.push(call);
            }
        }
        Ok(paragraphs)
    }
}

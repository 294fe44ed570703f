//! What a policy says about a call, and the whole policy as people read it.

use std::fmt;

use crate::language::{Action, PolicyError, Rule, is_call, suggestion};
use crate::policy::Policy;
use crate::resolve;

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
            let (stem, value) = phrase(rule);
            writeln!(f, "{} {stem}{value}: {} ({})", rule.action, rule.reason, rule.place)?;
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

    /// The whole policy, for people: its limits, then one paragraph for each action and reason.
    pub fn show(&self) -> Result<String, PolicyError> {
        let networks: Vec<String> = self.networks().iter().map(ToString::to_string).collect();
        let mut text =
            format!("{}: {}\n\nnetwork: {}\n", self.name(), self.description(), networks.join(" or "));
        for (limit, value, ceiling) in resolve::table(self.default_limits(), self.ceilings()) {
            let ceiling = ceiling.map(|ceiling| format!(", at most {ceiling}")).unwrap_or_default();
            text += &format!("{limit}: {value}{ceiling}\n");
        }
        for paragraph in paragraphs(self.rules()?) {
            text += &paragraph.to_string();
        }
        text += &format!(
            "\ndeny ENOSYS: {UNNAMED}\n    every call not named above, and named ones with other arguments\n"
        );
        text += "\nforbid: they would pass by the rules\n    every call of another architecture or of x32\n";
        Ok(text)
    }
}

/// The calls that get one answer for one reason.
struct Paragraph<'a> {
    action: Action,
    reason: &'a str,
    /// A call with its conditions but for the last value, and the values that may stand there.
    calls: Vec<(String, Vec<&'a str>)>,
}

impl fmt::Display for Paragraph<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\n{}: {}", self.action, self.reason)?;
        let mut column = WIDTH;
        for (i, (stem, values)) in self.calls.iter().enumerate() {
            let comma = if i + 1 < self.calls.len() { "," } else { "" };
            for word in format!("{stem}{}{comma}", values.join(" or ")).split(' ') {
                let start = if column + 1 + word.len() > WIDTH { "\n    " } else { " " };
                write!(f, "{start}{word}")?;
                column = if start == " " { column + 1 + word.len() } else { 4 + word.len() };
            }
        }
        writeln!(f)
    }
}

/// Where lines of calls are broken.
const WIDTH: usize = 110;

fn paragraphs(rules: &[Rule]) -> Vec<Paragraph<'_>> {
    let mut paragraphs: Vec<Paragraph<'_>> = Vec::new();
    for rule in rules {
        let known = paragraphs.iter().position(|it| it.action == rule.action && it.reason == &*rule.reason);
        let index = known.unwrap_or(paragraphs.len());
        if known.is_none() {
            paragraphs.push(Paragraph { action: rule.action, reason: &rule.reason, calls: Vec::new() });
        }
        if let Some(paragraph) = paragraphs.get_mut(index) {
            paragraph.add(rule);
        }
    }
    paragraphs
}

impl<'a> Paragraph<'a> {
    fn add(&mut self, rule: &'a Rule) {
        let (stem, value) = phrase(rule);
        match self.calls.last_mut() {
            Some((last, values)) if *last == stem => values.push(value),
            Some(_) | None => self.calls.push((stem, vec![value])),
        }
    }
}

/// `socket where int arg0 == AF_INET and int arg2 == ` and `IPPROTO_TCP`.
fn phrase(rule: &Rule) -> (String, &str) {
    let mut text = rule.call.to_string();
    let mut value = "";
    for (i, condition) in rule.conditions.iter().enumerate() {
        text += value;
        text += if i == 0 { " where " } else { " and " };
        text += &condition.stem();
        value = &condition.label;
    }
    (text, value)
}

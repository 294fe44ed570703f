//! What `dayfly doctor` prints.

use dayfly_jobs::{Check, HostReport, Standing};
use dayfly_sandbox::{SandboxError, SweepReport};
use serde::Serialize;

use super::escape::escaped;
use super::human::Colours;
use super::{Out, Stream, colours_wanted};
use crate::error::CliError;

/// Everything there is to tell.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Findings<'a> {
    /// What was found.
    pub(crate) report: &'a HostReport,
    /// What a sweep did, if one was asked for.
    pub(crate) swept: Option<&'a Result<SweepReport, SandboxError>>,
}

/// The groups, in the order they are shown, and the first parts of the ids that belong to each.
const GROUPS: [(&str, &[&str]); 4] = [
    ("Kernel", &["kernel"]),
    ("Isolation", &["isolation"]),
    ("Limits", &["cgroup", "limit"]),
    ("Timing", &["timing"]),
];

impl Findings<'_> {
    /// Prints them as it suits who reads.
    pub(crate) fn show(&self, out: &Out) -> Result<(), CliError> {
        match (out.json, Stream::Stdout.is_terminal()) {
            (true, _) => out.json(&self.json()),
            (false, true) => out.bytes(self.grouped(Colours { on: colours_wanted() }).as_bytes()),
            (false, false) => out.bytes(self.lines().as_bytes()),
        }
    }

    /// For a terminal: grouped and aligned.
    fn grouped(&self, colours: Colours) -> String {
        let mut text = self.swept.map_or_else(String::new, |swept| format!("{}\n\n", sweep(swept)));
        for (title, families) in GROUPS {
            let of_group = |check: &&Check| families.contains(&family(check));
            let checks: Vec<_> = self.report.checks.iter().filter(of_group).collect();
            if !checks.is_empty() {
                text += &format!("{}\n{}\n", colours.paint(title, "1"), group(&checks, colours));
            }
        }
        text + &colours.paint(&self.summary(), if self.report.is_usable() { "1;32" } else { "1;31" }) + "\n"
    }

    /// For a pipe: one line for each finding.
    fn lines(&self) -> String {
        let sweep = self.swept.map(sweep);
        let lines = sweep.into_iter().chain(self.report.checks.iter().map(line)).chain([self.summary()]);
        lines.map(|line| escaped(&line.replace('\n', " ")) + "\n").collect()
    }

    /// For programs.
    fn json(&self) -> impl Serialize + use<'_> {
        Json {
            usable: self.report.is_usable(),
            sweep: self.swept.map(|swept| match swept {
                Ok(report) => JsonSweep::Done {
                    removed_groups: report.removed_groups,
                    busy_slots: report.busy_slots,
                    removed_parent: report.removed_parent,
                },
                Err(error) => JsonSweep::Failed { error: error.to_string() },
            }),
            report: self.report,
        }
    }

    fn summary(&self) -> String {
        let count = |standing| self.report.checks.iter().filter(|check| check.standing == standing).count();
        let (missing, degraded) = (count(Standing::Missing), count(Standing::Degraded));
        match missing {
            0 => format!("This host can run the built-in policies; {degraded} degraded, nothing missing."),
            _ => {
                format!("This host cannot run the built-in policies: {missing} missing, {degraded} degraded.")
            }
        }
    }
}

#[derive(Debug, Serialize)]
struct Json<'a> {
    usable: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    sweep: Option<JsonSweep>,
    #[serde(flatten)]
    report: &'a HostReport,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum JsonSweep {
    Done { removed_groups: usize, busy_slots: usize, removed_parent: bool },
    Failed { error: String },
}

fn sweep(swept: &Result<SweepReport, SandboxError>) -> String {
    match swept {
        Ok(SweepReport { removed_groups, busy_slots, removed_parent }) => format!(
            "sweep: control groups of dead runs removed: {removed_groups}{}; slots of running jobs left alone: {busy_slots}",
            if *removed_parent { " (and the empty group above)" } else { "" }
        ),
        Err(error) => format!("sweep failed: {error}"),
    }
}

/// The part of an id before its dot.
fn family(check: &Check) -> &str {
    check.id.split_once('.').map_or(check.id.as_str(), |(family, _)| family)
}

fn name(standing: Standing) -> &'static str {
    match standing {
        Standing::Ok => "ok",
        Standing::Degraded => "degraded",
        Standing::Missing => "missing",
    }
}

fn line(check: &Check) -> String {
    let mut line = format!("{} {}: {}", name(check.standing), check.id, check.found);
    for (what, text) in [("lost", &check.lost), ("fix", &check.fix)] {
        if !text.is_empty() {
            line += &format!("; {what}: {text}");
        }
    }
    line
}

fn group(checks: &[&Check], colours: Colours) -> String {
    let width = checks.iter().map(|check| check.id.chars().count()).max().unwrap_or(0);
    checks.iter().map(|check| entry(check, width, colours)).collect()
}

fn entry(check: &Check, width: usize, colours: Colours) -> String {
    let code = match check.standing {
        Standing::Ok => "32",
        Standing::Degraded => "33",
        Standing::Missing => "31",
    };
    let standing = colours.paint(&format!("{:<8}", name(check.standing)), code);
    let mut text = format!("  {standing}  {:<width$}  {}\n", check.id, safe(&check.found));
    for (what, words) in [("lost: ", &check.lost), ("fix:  ", &check.fix)] {
        if !words.is_empty() {
            text += &format!("            {}{}\n", colours.paint(what, "1"), safe(words));
        }
    }
    text
}

/// Text of the host on one line, without anything that steers a terminal.
fn safe(text: &str) -> String {
    escaped(&text.replace('\n', " "))
}

#[cfg(test)]
mod tests;

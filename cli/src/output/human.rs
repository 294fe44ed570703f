//! Text for people. Pure: values in, text out; writing it is the caller's.

use std::fmt::Display;
use std::path::Path;

use dayfly_jobs::{Enforcement, Limit, Limits, Outcome, StartFailure, Termination, Usage};

use super::table::{render, size, time};
use crate::config::Entry;
use crate::request::Request;

/// Whether to colour.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Colours {
    /// They are wanted and somebody sees them.
    pub(crate) on: bool,
}

impl Colours {
    pub(crate) fn paint(self, text: &str, code: &str) -> String {
        match self.on {
            true => format!("\x1b[{code}m{text}\x1b[0m"),
            false => text.to_owned(),
        }
    }
}

/// `dayfly: what: why`, and how to mend it.
pub(crate) fn error(message: &str, fix: Option<&str>, colours: Colours) -> String {
    let mut text = format!("{} {message}\n", colours.paint("dayfly:", "1;31"));
    if let Some(fix) = fix {
        text += &format!("  {} {fix}\n", colours.paint("fix:", "1;32"));
    }
    text
}

/// What ended the program, where that was not its own decision; with a hint where one helps.
pub(crate) fn ending(outcome: &Outcome, request: &Request, signal: Option<&str>) -> Option<String> {
    let text = match &outcome.termination {
        Termination::Exited { code: 0 } => return None,
        Termination::Exited { .. } => return refusals(outcome),
        Termination::Signaled { signal } => {
            let hint = refusals(outcome).unwrap_or_default();
            return Some(format!("dayfly: the program died on {signal} ({})\n{hint}", signal.0));
        }
        Termination::LimitExceeded { limit } => format!("stopped: {}", over(*limit, outcome)),
        Termination::ForbiddenSyscall { syscall } => format!(
            "stopped: the policy forbids the system call {syscall}\n  fix: choose a policy that allows it (see: \
             dayfly policy list)"
        ),
        Termination::NotStarted { reason } => not_started(*reason, request),
        Termination::Cancelled => format!("cancelled by {}", signal.unwrap_or("dayfly")),
    };
    Some(format!("dayfly: {text}\n"))
}

/// What the kernel refused a program that then failed: often the reason.
fn refusals(outcome: &Outcome) -> Option<String> {
    let (limits, usage) = (&outcome.limits, &outcome.usage);
    let mut text = String::new();
    if usage.refused_processes > 0 {
        let (count, limit) = (usage.refused_processes, limits.processes);
        text += &format!("dayfly: note: processes refused at the limit of {limit} (--processes): {count}\n");
    }
    if usage.oom_kills > 0 {
        let (count, limit) = (usage.oom_kills, limits.memory);
        text += &format!("dayfly: note: processes killed at the limit of {limit} (--memory): {count}\n");
    }
    (!text.is_empty()).then_some(text)
}

/// Value against limit, and the option that sets it.
fn over(limit: Limit, outcome: &Outcome) -> String {
    let (limits, usage) = (&outcome.limits, &outcome.usage);
    let option = option(limit);
    match limit {
        Limit::CpuTime => {
            format!(
                "cpu time {} over the limit of {} ({option})",
                time(usage.cpu_time.as_micros()),
                limits.cpu_time
            )
        }
        Limit::WallTime => {
            let wall = time(usage.wall_time.as_micros());
            format!("wall time {wall} over the limit of {} ({option})", limits.wall_time)
        }
        Limit::Output => {
            let output = size(usage.output_bytes);
            format!("output of {output} over the limit of {} ({option})", limits.output)
        }
        Limit::IdleTime => format!("no progress for {} ({option})", ceiling(limit, limits)),
        Limit::Memory
        | Limit::Processes
        | Limit::Cpus
        | Limit::Disk
        | Limit::Inodes
        | Limit::OpenFiles
        | Limit::Stack
        | Limit::FileSize => {
            let name = limit.name().replace('_', " ");
            format!("{name} reached the limit of {} ({option})", ceiling(limit, limits))
        }
    }
}

/// The option of a limit.
fn option(limit: Limit) -> String {
    format!("--{}", limit.name().replace('_', "-"))
}

fn not_started(reason: StartFailure, request: &Request) -> String {
    let program = request.command.first().map(|program| program.to_string_lossy()).unwrap_or_default();
    match reason {
        StartFailure::NotFound if program.contains('/') => format!(
            "not found: {program} does not exist inside the sandbox, or the interpreter or loader it names does \
             not\n  fix: show it with --bind {}",
            folder(&program)
        ),
        StartFailure::NotFound => {
            let path = request.env.get("PATH".as_ref() as &std::ffi::OsStr);
            let path = path.map(|path| path.to_string_lossy()).unwrap_or_default();
            format!("not found: no {program} in the sandbox's PATH ({path})\n  fix: show its folder with --bind and name it by its path")
        }
        StartFailure::NotExecutable => {
            format!("not executable: {program}\n  fix: chmod +x, or name its interpreter: -- sh {program}")
        }
        StartFailure::ArgumentsTooLong => {
            "arguments and environment are longer than the kernel accepts\n  fix: pass them in a file (--bind, --stdin)".to_owned()
        }
        StartFailure::BadWorkdir => {
            let folder = request.workdir.display();
            format!("the working folder {folder} cannot be entered inside the sandbox\n  fix: show it with --bind, or choose another --workdir")
        }
    }
}

fn folder(program: &str) -> String {
    match Path::new(program).parent() {
        Some(folder) if folder.is_absolute() => folder.display().to_string(),
        Some(_) | None => "SRC:DST (the program starts in /box, an empty folder)".to_owned(),
    }
}

/// What was used, of what was allowed, and what enforced it: shown with `-v`.
pub(crate) fn used(outcome: &Outcome) -> String {
    let row = |limit: Limit| {
        let enforcement = outcome.enforced_by.get(&limit).map(Enforcement::to_string).unwrap_or_default();
        [name(limit), usage(limit, &outcome.usage), ceiling(limit, &outcome.limits), enforcement]
    };
    let head = ["", "used", "limit", "enforced by"].map(str::to_owned);
    let rows: Vec<_> = [head].into_iter().chain(Limit::ALL.map(row)).collect();
    let (timings, usage) = (&outcome.timings, &outcome.usage);
    let [setup, run, teardown] =
        [timings.setup, timings.run, timings.teardown].map(|span| time(span.as_micros()));
    let [user, system] = [usage.user_time, usage.system_time].map(|span| time(span.as_micros()));
    let table = render(&rows, "  ");
    format!(
        "{table}  cpu: user {user}, system {system}; sandbox: set-up {setup}, run {run}, teardown {teardown}\n"
    )
}

fn name(limit: Limit) -> String {
    limit.name().replace('_', "-")
}

fn usage(limit: Limit, usage: &Usage) -> String {
    match limit {
        Limit::CpuTime => time(usage.cpu_time.as_micros()),
        Limit::WallTime => time(usage.wall_time.as_micros()),
        Limit::Memory => size(usage.peak_memory.get()),
        Limit::Processes => usage.peak_processes.map_or_else(String::new, |peak| peak.to_string()),
        Limit::Output => size(usage.output_bytes),
        Limit::IdleTime
        | Limit::Cpus
        | Limit::Disk
        | Limit::Inodes
        | Limit::OpenFiles
        | Limit::Stack
        | Limit::FileSize => String::new(),
    }
}

fn ceiling(limit: Limit, limits: &Limits) -> String {
    fn or_none<T: Display>(value: Option<&T>) -> String {
        value.map_or_else(|| "none".to_owned(), T::to_string)
    }
    match limit {
        Limit::CpuTime => limits.cpu_time.to_string(),
        Limit::WallTime => limits.wall_time.to_string(),
        Limit::IdleTime => or_none(limits.idle_time.as_ref()),
        Limit::Memory => limits.memory.to_string(),
        Limit::Processes => limits.processes.to_string(),
        Limit::Cpus => or_none(limits.cpus.as_ref()),
        Limit::Output => limits.output.to_string(),
        Limit::Disk => limits.disk.to_string(),
        Limit::Inodes => limits.inodes.to_string(),
        Limit::OpenFiles => limits.open_files.to_string(),
        Limit::Stack => limits.stack.to_string(),
        Limit::FileSize => limits.file_size.to_string(),
    }
}

/// The limits of a request: how much, set by whom, enforced by what.
pub(crate) fn limits(request: &Request, enforced_by: &dayfly_jobs::Receipt) -> String {
    let row = |limit: Limit| {
        let origin = match request.origins.get(&limit) {
            Some(crate::request::LimitOrigin::Option) => option(limit),
            Some(crate::request::LimitOrigin::Configuration) => "configuration".to_owned(),
            Some(crate::request::LimitOrigin::Policy) | None => "policy".to_owned(),
        };
        let enforcement = enforced_by.get(&limit).map(Enforcement::to_string).unwrap_or_default();
        [name(limit), ceiling(limit, &request.limits), origin, enforcement]
    };
    let head = ["limit", "value", "set by", "enforced by"].map(str::to_owned);
    render(&[head].into_iter().chain(Limit::ALL.map(row)).collect::<Vec<_>>(), "  ")
}

/// Every configured value and where it came from.
pub(crate) fn configuration(entries: &[Entry]) -> String {
    let row = |entry: &Entry| [format!("{} = {}", entry.key, entry.value), format!("# {}", entry.source)];
    render(&entries.iter().map(row).collect::<Vec<_>>(), "")
}

#[cfg(test)]
mod tests;

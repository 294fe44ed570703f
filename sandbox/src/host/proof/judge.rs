//! Whether what became of a hog proves its limit. Pure.

use dayfly_jobs::{Check, Enforcement, Limit, Limits, Outcome, Signal, Termination, WallTime};

use super::hogs::{Held, Hog};
use crate::SandboxError;
use crate::host::report::{degraded, missing, ok};

/// The finding about one limit.
pub(super) fn judge(hog: &Hog, result: &Result<Outcome, SandboxError>) -> Check {
    let id = format!("limit.{}", hog.limit);
    let lost = format!("the limit {}", hog.limit);
    match result {
        Ok(outcome) => match proof(hog, outcome) {
            Ok(found) => ok(&id, found),
            Err(found) => missing(
                &id,
                found,
                lost,
                "run no untrusted job on this host; report this with the output of dayfly doctor --json",
            ),
        },
        // The built-in profiles set every limit but this one.
        Err(error) if hog.limit == Limit::Cpus => {
            degraded(&id, error.to_string(), lost, "see the findings about control groups")
        }
        Err(error) => {
            missing(&id, error.to_string(), lost, "mend what is missing above, then run this again")
        }
    }
}

/// What was seen, as a proof or as its opposite.
fn proof(hog: &Hog, outcome: &Outcome) -> Result<String, String> {
    let amount = amount(&outcome.limits, hog.limit);
    let mechanism = match outcome.enforced_by.get(&hog.limit) {
        Some(Enforcement::Kernel(mechanism)) => mechanism,
        Some(Enforcement::Waived(why)) => return Err(format!("not enforced: {why}")),
        None => return Err("the result does not say what enforced it".into()),
    };
    let Some(held) = how_held(hog, outcome) else {
        return Err(format!("with a limit of {amount} the hog went free: {}", ending(outcome)));
    };
    Ok(format!("{held} at {amount} after {}, by {mechanism}", spent(hog.limit, outcome)))
}

/// What the limit let pass: CPU time for a limit on that, else the time on the clock.
fn spent(limit: Limit, outcome: &Outcome) -> String {
    match limit {
        Limit::CpuTime => format!("{} of it", milliseconds(outcome.usage.cpu_time.as_micros())),
        _ => milliseconds(outcome.usage.wall_time.as_micros()),
    }
}

fn how_held(hog: &Hog, outcome: &Outcome) -> Option<&'static str> {
    let (end, usage) = (&outcome.termination, &outcome.usage);
    let killed = *end == Termination::LimitExceeded { limit: hog.limit };
    let allowed = outcome.limits.processes.get();
    match hog.held {
        Held::Killed if killed => Some("killed"),
        Held::Refused if killed => Some("killed"),
        Held::Refused if *end == (Termination::Exited { code: 42 }) => Some("refused"),
        Held::Signaled(_) if killed => Some("killed"),
        Held::Signaled(number) if *end == (Termination::Signaled { signal: Signal(number) }) => Some("ended"),
        Held::ProcessesRefused
            if usage.refused_processes > 0 && usage.peak_processes.is_none_or(|peak| peak <= allowed) =>
        {
            Some("a fork bomb held")
        }
        Held::Throttled if usage.throttled_time > WallTime::default() => Some("held back"),
        Held::Killed | Held::Refused | Held::Signaled(_) | Held::ProcessesRefused | Held::Throttled => None,
    }
}

fn ending(outcome: &Outcome) -> String {
    let usage = &outcome.usage;
    let said = String::from_utf8_lossy(&outcome.output.stderr);
    format!(
        "{:?} after {}, {} of memory, {} processes refused{}{}",
        outcome.termination,
        milliseconds(usage.wall_time.as_micros()),
        usage.peak_memory,
        usage.refused_processes,
        if said.is_empty() { "" } else { "; it said: " },
        said.lines().next().unwrap_or_default(),
    )
}

/// A limit as somebody would write it.
fn amount(limits: &Limits, limit: Limit) -> String {
    let none = || "none".to_owned();
    match limit {
        Limit::CpuTime => limits.cpu_time.to_string(),
        Limit::WallTime => limits.wall_time.to_string(),
        Limit::IdleTime => limits.idle_time.map_or_else(none, |time| time.to_string()),
        Limit::Memory => limits.memory.to_string(),
        Limit::Processes => limits.processes.to_string(),
        Limit::Cpus => limits.cpus.as_ref().map_or_else(none, ToString::to_string),
        Limit::Output => limits.output.to_string(),
        Limit::Disk => limits.disk.to_string(),
        Limit::Inodes => limits.inodes.to_string(),
        Limit::OpenFiles => limits.open_files.to_string(),
        Limit::Stack => limits.stack.to_string(),
        Limit::FileSize => limits.file_size.to_string(),
    }
}

/// `3.4 ms`
pub(super) fn milliseconds(micros: u64) -> String {
    let tenths = micros / 100;
    format!("{}.{} ms", tenths / 10, tenths % 10)
}

//! From observations and counters to the numbers of an outcome.

use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use dayfly_jobs::{CpuTime, Cpus, Limit, Limits, Output, Timings, Usage, WallTime};
use nix::sys::statvfs::fstatvfs;

use super::streams::Outlet;
use super::supervise::Observed;
use crate::SandboxError;
use crate::cgroup::GroupStats;

/// How many processors a command can use at once.
pub(crate) fn processors(limits: &Limits) -> u32 {
    let all = std::thread::available_parallelism().map_or(1, |n| u32::try_from(n.get()).unwrap_or(u32::MAX));
    match &limits.cpus {
        None => all,
        Some(Cpus::Millis(millis)) => millis.get().div_ceil(1000).min(all),
        Some(Cpus::Pinned(set)) => u32::try_from(set.len()).unwrap_or(u32::MAX),
    }
}

/// What the command used.
pub(crate) fn usage(observed: &Observed, stats: &GroupStats, baseline: CpuTime) -> Usage {
    let wall: WallTime = observed.ended.saturating_duration_since(observed.started).into();
    if observed.not_started.is_some() {
        return Usage { wall_time: wall, ..Usage::default() };
    }
    Usage {
        cpu_time: stats.cpu.saturating_sub(baseline),
        user_time: stats.user,
        system_time: stats.system.saturating_sub(baseline),
        wall_time: wall,
        peak_memory: stats.peak_memory.unwrap_or_default(),
        peak_processes: stats.peak_processes,
        refused_processes: stats.refused_processes,
        input_bytes: observed.input_bytes,
        output_bytes: observed.output_bytes,
        oom_kills: stats.oom_kills,
        throttled_time: stats.throttled,
    }
}

/// What the sandbox cost.
pub(crate) fn timings(start: Instant, observed: &Observed, ending: Duration) -> Timings {
    Timings {
        setup: observed.started.saturating_duration_since(start).into(),
        run: observed.ended.saturating_duration_since(observed.started).into(),
        teardown: ending.into(),
    }
}

/// What was captured, once every writer has everything.
pub(crate) fn collect(stdout: Outlet, stderr: Outlet) -> Output {
    let (stdout, cut_stdout) = stdout.finish();
    let (stderr, cut_stderr) = stderr.finish();
    Output { stdout, stderr, truncated: cut_stdout || cut_stderr }
}

/// Which part of the writable tree is used up.
pub(crate) fn full(scratch: &OwnedFd) -> Result<Option<Limit>, SandboxError> {
    let found =
        fstatvfs(scratch).map_err(|errno| SandboxError::system("look at the writable tree", errno))?;
    Ok(match (found.blocks_available(), found.files_available()) {
        (0, _) => Some(Limit::Disk),
        (_, 0) => Some(Limit::Inodes),
        _ => None,
    })
}

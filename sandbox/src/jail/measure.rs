//! From observations and counters to the numbers of an outcome.

use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use dayfly_jobs::{Bytes, Cpus, Limit, Output, Timings, Usage, WallTime};
use nix::sys::statvfs::{Statvfs, fstatvfs};
use nix::unistd::{SysconfVar, sysconf};

use super::streams::Outlet;
use super::supervise::Observed;
use crate::SandboxError;
use crate::cgroup::GroupStats;

/// How many processors can be used at once under this limit. A quota does not count: what it gives for a whole period
/// can be spent on all processors in a part of it.
pub(crate) fn processors(cpus: Option<&Cpus>, online: u32) -> u32 {
    match cpus {
        None | Some(Cpus::Millis(_)) => online,
        Some(Cpus::Pinned(set)) => u32::try_from(set.len()).unwrap_or(u32::MAX),
    }
}

/// The processors of this host. Our own affinity and quota do not count: a command may leave the first, and is not in
/// the group of the second.
pub(crate) fn online() -> Result<u32, SandboxError> {
    let found = sysconf(SysconfVar::_NPROCESSORS_ONLN)
        .map_err(|errno| SandboxError::system("count the processors", errno))?;
    Ok(found.and_then(|count| u32::try_from(count).ok()).unwrap_or(1))
}

/// What the command used.
pub(crate) fn usage(observed: &Observed, stats: &GroupStats) -> Usage {
    let wall: WallTime = observed.ended.saturating_duration_since(observed.started).into();
    if observed.not_started.is_some() {
        return Usage { wall_time: wall, ..Usage::default() };
    }
    let cpu = stats.cpu.saturating_sub(observed.baseline);
    // What came before the program was the kernel's work, nearly all of it.
    let user = stats.user.min(cpu);
    Usage {
        cpu_time: cpu,
        user_time: user,
        system_time: cpu.saturating_sub(user),
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

/// What the files of the writable tree take.
pub(crate) fn files(scratch: &OwnedFd) -> Result<Bytes, SandboxError> {
    let found = look(scratch)?;
    let blocks = found.blocks().saturating_sub(found.blocks_free());
    Ok(Bytes::new(blocks.saturating_mul(found.fragment_size())))
}

fn look(scratch: &OwnedFd) -> Result<Statvfs, SandboxError> {
    fstatvfs(scratch).map_err(|errno| SandboxError::system("look at the writable tree", errno))
}

/// Which part of the writable tree is used up.
pub(crate) fn full(scratch: &OwnedFd) -> Result<Option<Limit>, SandboxError> {
    let found = look(scratch)?;
    Ok(match (found.blocks_available(), found.files_available()) {
        (0, _) => Some(Limit::Disk),
        (_, 0) => Some(Limit::Inodes),
        _ => None,
    })
}

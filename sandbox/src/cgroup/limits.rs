//! What both versions share in setting limits and reading counters.

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use dayfly_jobs::{CpuSet, CpuTime};
use nix::errno::Errno;

use super::files::{Dir, PATIENCE};
use super::{CgroupError, parse};

/// CPU time per period, and the period, in microseconds. The kernel wants a quota of at least a millisecond.
pub(super) fn quota(millis: NonZeroU32) -> (u64, u64) {
    let millis = u64::from(millis.get());
    let period = if millis < 10 { 1_000_000 } else { 100_000 };
    (millis * period / 1000, period)
}

/// Confines a group to these processors. Processors that are not there would be left out in silence by
/// version 2, so what came of it is read back.
pub(super) fn pin(dir: &Dir, set: &CpuSet, effective: &str) -> Result<(), CgroupError> {
    let refused = |reason: String| CgroupError::Pin {
        set: set.to_string(),
        reason,
        available: dir.path().parent().unwrap_or(dir.path()).join(effective),
    };
    match dir.try_write("cpuset.cpus", &set.to_string()) {
        Ok(()) => {}
        Err(Errno::ERANGE | Errno::EINVAL | Errno::EACCES) => {
            return Err(refused("not all of these processors are to be had here".into()));
        }
        Err(errno) => return Err(dir.write_error("cpuset.cpus", &set.to_string(), errno)),
    }
    let given = dir.parse(effective, "a list of processors", parse::cpu_list)?;
    match set.iter().eq(given.iter().copied()) {
        true => Ok(()),
        false => Err(refused(format!("of these processors only {given:?} are to be had here"))),
    }
}

/// Splits exact CPU time in the proportion of two sampled parts, as the kernel does for `times(2)`.
pub(super) fn split(cpu: CpuTime, user: u64, system: u64) -> (CpuTime, CpuTime) {
    let sampled = u128::from(user) + u128::from(system);
    let share = (u128::from(cpu.as_micros()) * u128::from(system)).checked_div(sampled).unwrap_or(0);
    let system = CpuTime::micros(u64::try_from(share).unwrap_or(u64::MAX));
    (cpu.saturating_sub(system), system)
}

/// The peak of processes, where it is counted, and the forks refused.
pub(super) fn process_counts(pids: &Dir) -> Result<(Option<u32>, u64), CgroupError> {
    let number = |text: &str| u32::try_from(parse::number(text)?).ok();
    let peak = pids.parse_if_any("pids.peak", "a number of processes", number)?;
    let refused = pids.parse("pids.events", "max", |text| parse::field(text, "max"))?;
    Ok((peak, refused))
}

/// Processes and threads that are in the group now, its zombies with them.
pub(super) fn processes(pids: &Dir) -> Result<u64, CgroupError> {
    pids.parse("pids.current", "a number of processes", parse::number)
}

/// Waits until the last of the killed has been reaped, so that they count for nobody's limit any more.
pub(super) fn await_release(pids: &Dir) -> Result<(), CgroupError> {
    let start = Instant::now();
    let mut pause = Duration::from_micros(50);
    while processes(pids)? > 0 {
        if start.elapsed() > PATIENCE {
            let waited_ms = start.elapsed().as_millis();
            return Err(CgroupError::StillAlive { path: pids.path().into(), waited_ms });
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(5));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotas_keep_the_share_and_the_kernels_minimum() {
        for (millis, expected) in [
            (1, (1000, 1_000_000)),
            (9, (9000, 1_000_000)),
            (10, (1000, 100_000)),
            (1500, (150_000, 100_000)),
        ] {
            assert_eq!(quota(NonZeroU32::new(millis).unwrap()), expected);
        }
    }

    #[test]
    fn user_and_system_add_up_to_the_exact_time() {
        for (cpu, user, system, expected) in
            [(1000, 0, 0, (1000, 0)), (1000, 1, 3, (250, 750)), (7, 5, 5, (4, 3)), (0, 9, 9, (0, 0))]
        {
            let (user, system) = split(CpuTime::micros(cpu), user, system);
            assert_eq!((user.as_micros(), system.as_micros()), expected);
        }
    }
}

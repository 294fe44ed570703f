//! From what was observed to how the command ended. Pure, so that every case is a line in a table.

use std::collections::BTreeSet;

use dayfly_jobs::{Limit, Limits, Signal, StartFailure, Termination, Usage};
use nix::errno::Errno;

use super::report::Failure;
use crate::SetupStage;
use crate::sys::pidfd::End;

/// Why the supervisor killed a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum KillReason {
    Limit(Limit),
    Forbidden(String),
    Cancelled,
}

/// Everything a verdict depends on.
#[derive(Debug, Clone)]
pub(crate) struct Facts<'a> {
    /// How the first process ended.
    pub end: End,
    /// Why we killed it, if we did.
    pub killed: Option<KillReason>,
    /// What was used, measured after the end.
    pub usage: &'a Usage,
    pub limits: &'a Limits,
    /// Whether the cgroup ever hit its memory limit.
    pub memory_limit_hit: bool,
    /// The limit of all commands together that was exceeded meanwhile: everything was killed for it.
    pub exceeded_total: Option<Limit>,
    /// Which part of the writable tree was full at the end.
    pub full: Option<Limit>,
    /// Whether a limit is enforced; one that was waived cannot be exceeded.
    pub waived: &'a BTreeSet<Limit>,
}

/// What no termination can express: a fault of the host, not of the job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HostFault {
    /// The host itself ran out of memory and killed the job.
    OutOfMemory,
}

/// The limit of the writable tree that was exceeded before the command began: earlier ones left more there.
pub(crate) fn overfull(failure: &Failure) -> Option<Limit> {
    match (failure.stage, failure.errno, failure.index) {
        (SetupStage::Resize, Errno::EINVAL, 0) => Some(Limit::Disk),
        (SetupStage::Resize, Errno::EINVAL, _) => Some(Limit::Inodes),
        _ => None,
    }
}

const SIGKILL: u8 = 9;
const SIGXFSZ: u8 = 25;

/// Decides. What Dayfly did and the kernel's counters outrank the wait status, which the job can choose.
pub(crate) fn classify(facts: &Facts<'_>) -> Result<Termination, HostFault> {
    let out_of_memory = facts.killed == Some(KillReason::Limit(Limit::Memory));
    if let Some(reason) = facts.killed.as_ref().filter(|_| !out_of_memory) {
        return Ok(of_kill(reason.clone()));
    }
    if let Some(limit) = facts.exceeded_total {
        return Ok(exceeded(limit));
    }
    // The event we killed for may have been that of a group above all of ours.
    if out_of_memory {
        return match facts.memory_limit_hit {
            true => Ok(exceeded(Limit::Memory)),
            false => Err(HostFault::OutOfMemory),
        };
    }
    if facts.usage.oom_kills > 0 && facts.end == End::Killed(SIGKILL) {
        return match facts.memory_limit_hit {
            true => Ok(exceeded(Limit::Memory)),
            false => Err(HostFault::OutOfMemory),
        };
    }
    // It may have ended by itself between the moment it went over and our next look.
    let enforced = |limit| !facts.waived.contains(&limit);
    if facts.usage.cpu_time > facts.limits.cpu_time && enforced(Limit::CpuTime) {
        return Ok(exceeded(Limit::CpuTime));
    }
    if facts.usage.wall_time > facts.limits.wall_time && enforced(Limit::WallTime) {
        return Ok(exceeded(Limit::WallTime));
    }
    Ok(match facts.end {
        End::Killed(SIGXFSZ) => exceeded(Limit::FileSize),
        End::Killed(signal) => or_full(facts, Termination::Signaled { signal: Signal(signal) }),
        End::Exited(0) => Termination::Exited { code: 0 },
        End::Exited(code) => or_full(facts, Termination::Exited { code }),
    })
}

fn of_kill(reason: KillReason) -> Termination {
    match reason {
        KillReason::Limit(limit) => exceeded(limit),
        KillReason::Forbidden(syscall) => Termination::ForbiddenSyscall { syscall },
        KillReason::Cancelled => Termination::Cancelled,
    }
}

fn exceeded(limit: Limit) -> Termination {
    Termination::LimitExceeded { limit }
}

/// A program that failed and left the writable tree full failed because of that.
fn or_full(facts: &Facts<'_>, otherwise: Termination) -> Termination {
    facts.full.map_or(otherwise, exceeded)
}

/// What an exec that failed means; `None` when it is not the program's fault.
pub(crate) fn start_failure(errno: Errno) -> Option<StartFailure> {
    match errno {
        Errno::ENOENT | Errno::ENOTDIR => Some(StartFailure::NotFound),
        Errno::E2BIG => Some(StartFailure::ArgumentsTooLong),
        Errno::EACCES
        | Errno::ENOEXEC
        | Errno::EPERM
        | Errno::EISDIR
        | Errno::ELIBBAD
        | Errno::EINVAL
        | Errno::ELOOP
        | Errno::ENAMETOOLONG
        | Errno::ETXTBSY => Some(StartFailure::NotExecutable),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::num::{NonZeroU32, NonZeroU64};

    use dayfly_jobs::{Bytes, CpuTime, WallTime};

    use super::*;

    fn limits() -> Limits {
        Limits {
            cpu_time: CpuTime::secs(1),
            wall_time: WallTime::secs(2),
            idle_time: None,
            memory: Bytes::mib(64),
            processes: NonZeroU32::MIN,
            cpus: None,
            output: Bytes::mib(1),
            disk: Bytes::mib(1),
            inodes: NonZeroU64::MIN,
            open_files: NonZeroU32::MIN,
            stack: Bytes::mib(8),
            file_size: Bytes::mib(1),
        }
    }

    /// A case: how it ended, why we killed it, and a change to usage and facts.
    fn check(
        end: End,
        killed: Option<KillReason>,
        change: impl FnOnce(&mut Usage) -> (bool, Option<Limit>),
        expected: Result<Termination, HostFault>,
    ) {
        let (limits, mut usage, waived) = (limits(), Usage::default(), BTreeSet::new());
        let (memory_limit_hit, full) = change(&mut usage);
        let facts = facts(end, &usage, &limits, &waived);
        assert_eq!(classify(&Facts { killed, memory_limit_hit, full, ..facts }), expected);
    }

    fn facts<'a>(end: End, usage: &'a Usage, limits: &'a Limits, waived: &'a BTreeSet<Limit>) -> Facts<'a> {
        Facts {
            end,
            killed: None,
            usage,
            limits,
            memory_limit_hit: false,
            exceeded_total: None,
            full: None,
            waived,
        }
    }

    #[test]
    fn plain_ends() {
        let quiet = |_: &mut Usage| (false, None);
        check(End::Exited(0), None, quiet, Ok(Termination::Exited { code: 0 }));
        check(End::Exited(7), None, quiet, Ok(Termination::Exited { code: 7 }));
        check(End::Killed(11), None, quiet, Ok(Termination::Signaled { signal: Signal(11) }));
        // The job may kill itself with any signal; that alone proves nothing.
        check(End::Killed(9), None, quiet, Ok(Termination::Signaled { signal: Signal(9) }));
        check(End::Killed(31), None, quiet, Ok(Termination::Signaled { signal: Signal(31) }));
    }

    #[test]
    fn what_we_did_outranks_the_wait_status() {
        let quiet = |_: &mut Usage| (false, None);
        for limit in [Limit::CpuTime, Limit::WallTime, Limit::IdleTime, Limit::Output] {
            check(End::Exited(0), Some(KillReason::Limit(limit)), quiet, Ok(exceeded(limit)));
        }
        let forbidden = Some(KillReason::Forbidden("ptrace".into()));
        let expected = Ok(Termination::ForbiddenSyscall { syscall: "ptrace".into() });
        check(End::Killed(9), forbidden, quiet, expected);
        check(End::Killed(9), Some(KillReason::Cancelled), quiet, Ok(Termination::Cancelled));
    }

    #[test]
    fn memory_is_judged_by_the_counters() {
        let oom = |hit| {
            move |usage: &mut Usage| {
                usage.oom_kills = 1;
                (hit, None)
            }
        };
        for killed in [None, Some(KillReason::Limit(Limit::Memory))] {
            check(End::Killed(9), killed.clone(), oom(true), Ok(exceeded(Limit::Memory)));
            check(End::Killed(9), killed, oom(false), Err(HostFault::OutOfMemory));
        }
        // A helper was killed, the program dealt with it.
        check(End::Exited(3), None, oom(true), Ok(Termination::Exited { code: 3 }));
    }

    #[test]
    fn what_all_used_together_outranks_everything_but_our_own_kill() {
        let (limits, usage, waived) = (limits(), Usage { oom_kills: 1, ..Usage::default() }, BTreeSet::new());
        for end in [End::Killed(9), End::Exited(0), End::Exited(3)] {
            let facts = Facts { exceeded_total: Some(Limit::Memory), ..facts(end, &usage, &limits, &waived) };
            assert_eq!(classify(&facts), Ok(exceeded(Limit::Memory)));
            let facts = Facts { killed: Some(KillReason::Cancelled), ..facts };
            assert_eq!(classify(&facts), Ok(Termination::Cancelled));
        }
    }

    #[test]
    fn going_over_a_time_limit_counts_even_when_it_ended_by_itself() {
        let cpu = |micros| {
            move |usage: &mut Usage| {
                usage.cpu_time = CpuTime::micros(micros);
                (false, None)
            }
        };
        check(End::Exited(0), None, cpu(1_000_000), Ok(Termination::Exited { code: 0 }));
        check(End::Exited(0), None, cpu(1_000_001), Ok(exceeded(Limit::CpuTime)));
        let wall = |usage: &mut Usage| {
            usage.wall_time = WallTime::micros(2_000_001);
            (false, None)
        };
        check(End::Exited(0), None, wall, Ok(exceeded(Limit::WallTime)));
    }

    #[test]
    fn a_full_disk_explains_a_failure_but_not_a_success() {
        let full = |_: &mut Usage| (false, Some(Limit::Disk));
        check(End::Exited(1), None, full, Ok(exceeded(Limit::Disk)));
        check(End::Killed(6), None, full, Ok(exceeded(Limit::Disk)));
        check(End::Exited(0), None, full, Ok(Termination::Exited { code: 0 }));
        check(End::Killed(25), None, full, Ok(exceeded(Limit::FileSize)));
    }

    #[test]
    fn exec_errors_name_the_program_or_us() {
        for (errno, reason) in [
            (Errno::ENOENT, Some(StartFailure::NotFound)),
            (Errno::EACCES, Some(StartFailure::NotExecutable)),
            (Errno::ENOEXEC, Some(StartFailure::NotExecutable)),
            (Errno::E2BIG, Some(StartFailure::ArgumentsTooLong)),
            (Errno::EIO, None),
            (Errno::ENOMEM, None),
        ] {
            assert_eq!(start_failure(errno), reason);
        }
    }
}

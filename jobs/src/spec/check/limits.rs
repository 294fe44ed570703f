//! Limits: what a job has when it says nothing, and that a step asks for no more than its job.

use std::num::{NonZeroU32, NonZeroU64};

use super::super::fault::{At, Fault};
use super::super::notation::{Ceiling, Count, Written};
use super::super::written;
use crate::{Bytes, CpuTime, Cpus, Limit, Limits, WallTime};

/// What a job has when it says nothing: enough for the steps of an ordinary pipeline, and so little memory that
/// several fit on a machine. The time on the wall is the one that people think of, so CPU time follows from it.
fn defaults() -> Result<Limits, Fault> {
    Ok(Limits {
        cpu_time: CpuTime::secs(3600),
        wall_time: WallTime::secs(600),
        idle_time: None,
        memory: Bytes::gib(1),
        processes: at_least_one(512)?,
        cpus: Some(Cpus::Millis(at_least_one(1000)?)),
        output: Bytes::mib(64),
        disk: Bytes::mib(512),
        inodes: NonZeroU64::from(at_least_one(200_000)?),
        open_files: at_least_one(1024)?,
        stack: Bytes::mib(8),
        file_size: Bytes::mib(512),
    })
}

fn at_least_one(count: u32) -> Result<NonZeroU32, Fault> {
    NonZeroU32::new(count).ok_or_else(|| Fault::bare("a limit of nothing"))
}

/// The limits of a job.
pub(super) fn of_job(written: written::Limits) -> Result<Limits, Fault> {
    large_enough(over(written, &defaults()?))
}

/// The limits of a step: those of the job, or less.
pub(super) fn of_step(written: written::Limits, job: &Limits) -> Result<Limits, Fault> {
    let step = over(written, job);
    match Limit::ALL.into_iter().find(|limit| exceeds(*limit, &step, job)) {
        None => large_enough(step),
        Some(limit) => {
            let what = format!(
                "a step may ask for less than its job, never for more: the job has {}",
                show(limit, job)
            );
            let fix = format!("write that or less, or raise limits.{limit} of the job");
            Err(Fault::new(what, fix)).at(limit.name())
        }
    }
}

/// Limits under which a program can be started.
fn large_enough(limits: Limits) -> Result<Limits, Fault> {
    match limits.too_small() {
        None => Ok(limits),
        Some((limit, least)) => {
            let what = format!("{} is less than starting any program takes", show(limit, &limits));
            Err(Fault::new(what, format!("write {least} or more"))).at(limit.name())
        }
    }
}

fn over(written: written::Limits, base: &Limits) -> Limits {
    Limits {
        cpu_time: value(written.cpu_time, base.cpu_time),
        wall_time: value(written.wall_time, base.wall_time),
        idle_time: written.idle_time.map_or(base.idle_time, |written| written.0.into_option()),
        memory: value(written.memory, base.memory),
        processes: count(written.processes, base.processes),
        cpus: written.cpus.map_or_else(|| base.cpus.clone(), |written| written.0.into_option()),
        output: value(written.output, base.output),
        disk: value(written.disk, base.disk),
        inodes: count(written.inodes, base.inodes),
        open_files: count(written.open_files, base.open_files),
        stack: value(written.stack, base.stack),
        file_size: value(written.file_size, base.file_size),
    }
}

fn value<T>(written: Option<Written<T>>, base: T) -> T {
    written.map_or(base, |written| written.0)
}

fn count<T>(written: Option<Written<Count<T>>>, base: T) -> T {
    written.map_or(base, |written| written.0.0)
}

fn exceeds(limit: Limit, step: &Limits, job: &Limits) -> bool {
    match limit {
        Limit::CpuTime => step.cpu_time > job.cpu_time,
        Limit::WallTime => step.wall_time > job.wall_time,
        Limit::IdleTime => match (step.idle_time, job.idle_time) {
            (Some(step), Some(job)) => step > job,
            (None, Some(_)) => true,
            (Some(_) | None, None) => false,
        },
        Limit::Memory => step.memory > job.memory,
        Limit::Processes => step.processes > job.processes,
        Limit::Cpus => exceeds_cpus(step.cpus.as_ref(), job.cpus.as_ref()),
        Limit::Output => step.output > job.output,
        Limit::Disk => step.disk > job.disk,
        Limit::Inodes => step.inodes > job.inodes,
        Limit::OpenFiles => step.open_files > job.open_files,
        Limit::Stack => step.stack > job.stack,
        Limit::FileSize => step.file_size > job.file_size,
    }
}

/// Pinned processors are only within the same or more pinned ones, and count as whole ones within a share.
fn exceeds_cpus(step: Option<&Cpus>, job: Option<&Cpus>) -> bool {
    match (step, job) {
        (Some(_) | None, None) => false,
        (None, Some(_)) => true,
        (Some(Cpus::Millis(step)), Some(Cpus::Millis(job))) => step > job,
        (Some(Cpus::Pinned(step)), Some(Cpus::Millis(job))) => step.len() > whole(job.get()),
        (Some(Cpus::Millis(_)), Some(Cpus::Pinned(_))) => true,
        (Some(Cpus::Pinned(step)), Some(Cpus::Pinned(job))) => {
            step.iter().any(|cpu| !job.iter().any(|other| other == cpu))
        }
    }
}

fn whole(millis: u32) -> usize {
    usize::try_from(millis / 1000).unwrap_or(usize::MAX)
}

/// A limit as it would be written.
fn show(limit: Limit, limits: &Limits) -> String {
    match limit {
        Limit::CpuTime => limits.cpu_time.to_string(),
        Limit::WallTime => limits.wall_time.to_string(),
        Limit::IdleTime => Ceiling::of(limits.idle_time).to_string(),
        Limit::Memory => limits.memory.to_string(),
        Limit::Processes => limits.processes.to_string(),
        Limit::Cpus => Ceiling::of(limits.cpus.as_ref()).to_string(),
        Limit::Output => limits.output.to_string(),
        Limit::Disk => limits.disk.to_string(),
        Limit::Inodes => limits.inodes.to_string(),
        Limit::OpenFiles => limits.open_files.to_string(),
        Limit::Stack => limits.stack.to_string(),
        Limit::FileSize => limits.file_size.to_string(),
    }
}

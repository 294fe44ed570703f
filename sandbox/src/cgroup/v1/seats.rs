//! The folders of one group of version 1, one in each hierarchy it needs: made, limited, removed. Of the parent,
//! of what is over all commands of a sandbox, and of a command alike.

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::os::fd::{AsRawFd, OwnedFd};

use dayfly_jobs::{Bytes, CpuTime, Cpus, Enforcement, Limit};
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::eventfd::{EfdFlags, EventFd};

use super::super::files::{Dir, read_from_start};
use super::super::lack::{Facility, waiver};
use super::super::make::MakeError;
use super::super::{CgroupError, GroupName, limits, parse};
use super::{Facts, Role};

/// A group's folder in one hierarchy.
#[derive(Debug)]
pub(super) struct Seat {
    pub(super) roles: u8,
    pub(super) dir: Dir,
}

/// The folder where this controller is.
pub(super) fn find(seats: &[Seat], role: Role) -> Result<&Dir, CgroupError> {
    let seat = seats.iter().find(|seat| seat.roles & role.bit() != 0);
    seat.map(|seat| &seat.dir).ok_or_else(|| {
        let name = role.controller();
        CgroupError::unusable(
            format!("the group was made without the controller {name}, which its limits need"),
            "make it with the wants of the limits",
        )
    })
}

/// Makes the folders for these roles and what `open` makes of them; nothing is left of them otherwise.
pub(super) fn make<T>(
    parents: &[Seat],
    name: &GroupName,
    wanted: u8,
    open: impl FnOnce(Vec<Seat>) -> Result<T, CgroupError>,
) -> Result<T, MakeError> {
    let mut made = Vec::with_capacity(parents.len());
    let done = make_folders(parents, name, wanted, &mut made).and_then(|seats| Ok(open(seats)?));
    if done.is_err() {
        // Only what was made here: one that existed is not ours to remove without killing first.
        remove_from(made.into_iter(), name)?;
    }
    done
}

/// Makes and opens the folders. What was made is in `made` even when something after it fails.
fn make_folders<'a>(
    parents: &'a [Seat],
    name: &GroupName,
    wanted: u8,
    made: &mut Vec<&'a Dir>,
) -> Result<Vec<Seat>, MakeError> {
    let mut seats = Vec::with_capacity(parents.len());
    for Seat { roles, dir: parent } in parents.iter().filter(|parent| parent.roles & wanted != 0) {
        if let Err(errno) = parent.make(name.as_str()) {
            let error = CgroupError::file("make", parent.path().join(name.as_str()), errno);
            return Err(MakeError::of(errno, error));
        }
        made.push(parent);
        let dir = open(parent, name)?;
        if roles & Role::CpuSet.bit() != 0 {
            fill_cpuset(parent, &dir)?;
        }
        seats.push(Seat { roles: *roles, dir });
    }
    Ok(seats)
}

pub(super) fn open(parent: &Dir, name: &GroupName) -> Result<Dir, CgroupError> {
    let gone = || CgroupError::file("open", parent.path().join(name.as_str()), Errno::ENOENT);
    parent.child(name.as_str())?.ok_or_else(gone)
}

/// A new cpuset is empty, and nothing can enter an empty one. A parent that is empty itself was made just
/// now by somebody who has not filled it yet, or died before that.
fn fill_cpuset(parent: &Dir, dir: &Dir) -> Result<(), MakeError> {
    for file in ["cpuset.cpus", "cpuset.mems"] {
        let value = parent.read(file)?;
        if value.trim_end().is_empty() {
            let reason = format!("{} is empty", parent.path().join(file).display());
            let error = CgroupError::unusable(reason, "copy the value of the group above into it");
            return Err(MakeError::ParentGone(error));
        }
        dir.write(file, value.trim_end())?;
    }
    Ok(())
}

/// Opens what a command's counters are read from when it has ended.
pub(super) fn expect_stats(seat: &mut Seat, facts: &Facts) -> Result<(), CgroupError> {
    let counters: [(Role, &[&'static str]); 4] = [
        (Role::Pids, &["pids.peak", "pids.events"]),
        (Role::Memory, &[PEAK, "memory.oom_control"]),
        (Role::CpuAcct, &["cpuacct.usage_user", "cpuacct.usage_sys"]),
        (Role::Cpu, &["cpu.stat"]),
    ];
    for (_, files) in counters.iter().filter(|(role, _)| seat.roles & role.bit() != 0) {
        seat.dir.hold(files)?;
    }
    match seat.roles & Role::Memory.bit() {
        0 => Ok(()),
        _ => seat.dir.hold(&fullness(facts)),
    }
}

/// The counter of CPU time; `None` where its controller is missing and the limit waived.
pub(super) fn open_usage(seats: &[Seat]) -> Result<Option<OwnedFd>, CgroupError> {
    let time = find(seats, Role::CpuAcct).ok();
    time.map(|dir| dir.open_file("cpuacct.usage", OFlag::O_RDONLY)).transpose()
}

/// Reads what [`open_usage`] opened.
pub(super) fn cpu_time(seats: &[Seat], usage: Option<&OwnedFd>) -> Result<CpuTime, CgroupError> {
    let Some(usage) = usage else { return Ok(CpuTime::default()) };
    let dir = find(seats, Role::CpuAcct)?;
    let text = read_from_start(usage)
        .map_err(|errno| CgroupError::file("read", dir.path().join("cpuacct.usage"), errno))?;
    let nanos = parse::number(&text).ok_or_else(|| dir.malformed("cpuacct.usage", &text, "nanoseconds"))?;
    Ok(CpuTime::micros(nanos / 1000))
}

/// An event that fires when memory runs out; `None` as above. The kernel keeps the registration until the group goes.
pub(super) fn arm_oom(seats: &[Seat]) -> Result<Option<EventFd>, CgroupError> {
    let Ok(memory) = find(seats, Role::Memory) else { return Ok(None) };
    let oom = EventFd::from_value_and_flags(0, EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)
        .map_err(|errno| CgroupError::file("make an eventfd for", memory.path(), errno))?;
    let control = memory.open_file("memory.oom_control", OFlag::O_RDONLY)?;
    memory.write("cgroup.event_control", &format!("{} {}", oom.as_raw_fd(), control.as_raw_fd()))?;
    Ok(Some(oom))
}

/// Whether a group ran into its own limit on memory, and not into one above it, of which it hears as well. It was full
/// then, but for less than the kernel charges at a time. The kernel's own count of failures is of no use: Linux 6.13
/// and newer keep none of those by memory and swap together, which is the limit that is hit first.
pub(super) fn was_full(memory: &Dir, facts: &Facts) -> Result<bool, CgroupError> {
    let [limit, peak] = fullness(facts).map(|file| memory.parse(file, "bytes", parse::number));
    Ok(peak?.saturating_add(CHARGED_AT_ONCE) > limit?)
}

/// The limit on memory and the most that was used of it.
fn fullness(facts: &Facts) -> [&'static str; 2] {
    match facts.memsw {
        true => ["memory.memsw.limit_in_bytes", PEAK_WITH_SWAP],
        false => ["memory.limit_in_bytes", PEAK],
    }
}

/// Forgets that it was.
pub(super) fn forget_full(memory: &Dir, facts: &Facts) -> Result<(), CgroupError> {
    memory.write(if facts.memsw { PEAK_WITH_SWAP } else { PEAK }, "0")
}

pub(super) const PEAK: &str = "memory.max_usage_in_bytes";
const PEAK_WITH_SWAP: &str = "memory.memsw.max_usage_in_bytes";

/// 64 pages, the kernel's batch.
const CHARGED_AT_ONCE: u64 = 64 * 4096;

pub(super) fn limit_memory(
    seats: &[Seat],
    facts: &Facts,
    size: Bytes,
    waived: &BTreeSet<Limit>,
) -> Result<Enforcement, CgroupError> {
    if let Some(waiver) = waiver(&facts.lacks, Facility::Memory, waived)? {
        return Ok(waiver);
    }
    let waiver = waiver(&facts.lacks, Facility::Swap, waived)?;
    let (dir, size) = (find(seats, Role::Memory)?, size.get().to_string());
    dir.write("memory.limit_in_bytes", &size)?;
    if facts.memsw {
        // After the limit on memory alone, which it must never be below.
        dir.write("memory.memsw.limit_in_bytes", &size)?;
    }
    Ok(waiver.unwrap_or(Enforcement::Kernel(match facts.memsw {
        true => {
            "cgroup1 memory.limit_in_bytes, memory.memsw.limit_in_bytes, memory.oom_control event and kill"
                .into()
        }
        false => {
            "cgroup1 memory.limit_in_bytes, memory.oom_control event and kill (the host has no swap)".into()
        }
    })))
}

pub(super) fn limit_processes(
    seats: &[Seat],
    facts: &Facts,
    most: NonZeroU32,
    waived: &BTreeSet<Limit>,
) -> Result<Enforcement, CgroupError> {
    if let Some(waiver) = waiver(&facts.lacks, Facility::Processes, waived)? {
        return Ok(waiver);
    }
    find(seats, Role::Pids)?.write("pids.max", &most.to_string())?;
    Ok(Enforcement::Kernel("cgroup1 pids.max".into()))
}

pub(super) fn limit_cpus(
    seats: &[Seat],
    facts: &Facts,
    cpus: &Cpus,
    waived: &BTreeSet<Limit>,
) -> Result<Enforcement, CgroupError> {
    let mechanism = match cpus {
        Cpus::Millis(millis) => {
            if let Some(waiver) = waiver(&facts.lacks, Facility::CpuQuota, waived)? {
                return Ok(waiver);
            }
            let (quota, period) = limits::quota(*millis);
            let dir = find(seats, Role::Cpu)?;
            dir.write("cpu.cfs_period_us", &period.to_string())?;
            dir.write("cpu.cfs_quota_us", &quota.to_string())?;
            "cgroup1 cpu.cfs_quota_us"
        }
        Cpus::Pinned(set) => {
            if let Some(waiver) = waiver(&facts.lacks, Facility::CpuSet, waived)? {
                return Ok(waiver);
            }
            limits::pin(find(seats, Role::CpuSet)?, set, "cpuset.effective_cpus")?;
            "cgroup1 cpuset.cpus"
        }
    };
    Ok(Enforcement::Kernel(mechanism.into()))
}

/// Removes the folders of one group, all of them even when one resists. It may have none below some parents.
pub(super) fn remove(parents: &[Seat], name: &GroupName) -> Result<(), CgroupError> {
    remove_from(parents.iter().map(|parent| &parent.dir), name)
}

fn remove_from<'a>(parents: impl Iterator<Item = &'a Dir>, name: &GroupName) -> Result<(), CgroupError> {
    let results: Vec<_> = parents.map(|parent| parent.remove(name.as_str())).collect();
    results.into_iter().collect()
}

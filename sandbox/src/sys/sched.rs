//! When and where this thread runs.

use std::marker::PhantomData;

use nix::sched::{CpuSet, sched_getaffinity, sched_getcpu, sched_setaffinity};
use nix::unistd::Pid;

use super::syscall;

/// While it lives, this thread runs soon after it wakes, before others of the host. It belongs to the thread that
/// took it, which must not compute for long.
#[derive(Debug)]
pub(crate) struct Urgency {
    before: libc::sched_attr,
    _not_send: PhantomData<*const ()>,
}

/// The shortest turn that the kernel grants, in nanoseconds.
const SHORTEST: u64 = 100_000;
/// The lowest priority of real time, which goes before all that have none.
const LOWEST: u32 = 1;

impl Urgency {
    /// With the right to it by a priority of real time, else by short turns. `None` where the kernel grants neither
    /// (the latter needs Linux 6.12), or where this thread is not scheduled as others are.
    pub(crate) fn take() -> Option<Self> {
        let before =
            attributes().ok().filter(|found| found.sched_policy == libc::SCHED_OTHER.unsigned_abs())?;
        let urgent = libc::sched_attr {
            sched_policy: libc::SCHED_FIFO.unsigned_abs(),
            sched_priority: LOWEST,
            sched_nice: 0,
            sched_runtime: 0,
            ..before
        };
        if set_attributes(&urgent).is_err() {
            set_attributes(&libc::sched_attr { sched_runtime: SHORTEST, ..before }).ok()?;
            // Older kernels take the wish and forget it.
            attributes().ok().filter(|found| found.sched_runtime == SHORTEST)?;
        }
        Some(Self { before, _not_send: PhantomData })
    }
}

impl Drop for Urgency {
    fn drop(&mut self) {
        // To be as before is always allowed.
        set_attributes(&self.before).ok();
    }
}

fn attributes() -> nix::Result<libc::sched_attr> {
    // SAFETY: sched_attr is plain data.
    let mut found: libc::sched_attr = unsafe { std::mem::zeroed() };
    let size = size_of::<libc::sched_attr>();
    // SAFETY: `found` is writable and as long as said.
    unsafe { syscall!(libc::SYS_sched_getattr, 0, &raw mut found, size, 0) }?;
    Ok(found)
}

fn set_attributes(wanted: &libc::sched_attr) -> nix::Result<()> {
    // SAFETY: `wanted` is a whole sched_attr, whose size the kernel has put into it.
    unsafe { syscall!(libc::SYS_sched_setattr, 0, std::ptr::from_ref(wanted), 0) }.map(drop)
}

/// While it lives, a process of ours does not run on the processor where we were, so that it need not wait for us, nor
/// we for it. Afterwards it may run wherever we may, if we still have the right to say so: for init it does not matter.
///
/// The kernel does so by itself with a process that finds another processor idle. But a guest of KVM takes one that
/// sleeps for one that the host has taken away (`vcpu_is_preempted`), and runs the process on ours.
#[derive(Debug)]
pub(crate) struct Apart {
    process: Pid,
    home: CpuSet,
}

impl Apart {
    /// For a process that is not waited for before this is dropped: else its number may be another's by then. `None`
    /// where it is not granted or there is no other processor; only time is lost then.
    pub(crate) fn keep(process: libc::pid_t) -> Option<Self> {
        let process = Pid::from_raw(process);
        let home = sched_getaffinity(Pid::from_raw(0)).ok()?;
        let mut others = home;
        others.unset(sched_getcpu().ok()?).ok()?;
        // The kernel refuses an empty set.
        sched_setaffinity(process, &others).ok()?;
        Some(Self { process, home })
    }
}

impl Drop for Apart {
    fn drop(&mut self) {
        sched_setaffinity(self.process, &self.home).ok();
    }
}

/// Runs for a moment on each processor that `wanted` picks out of those where this thread may run, one after the
/// other, and goes back to where it may run.
pub(crate) fn visit(wanted: impl Fn(usize) -> bool) {
    let this = Pid::from_raw(0);
    let Ok(home) = sched_getaffinity(this) else { return };
    let may_run = |processor: &usize| home.is_set(*processor).unwrap_or(false);
    for processor in (0..CpuSet::count()).filter(may_run).filter(|processor| wanted(*processor)) {
        let mut one = CpuSet::new();
        // What was taken from us meanwhile is not visited.
        one.set(processor).and_then(|()| sched_setaffinity(this, &one)).ok();
    }
    if sched_setaffinity(this, &home).is_err() {
        // All of them were taken. Of the whole set the kernel keeps what we have now.
        sched_setaffinity(this, &everywhere()).ok();
    }
}

fn everywhere() -> CpuSet {
    let mut all = CpuSet::new();
    (0..CpuSet::count()).for_each(|processor| {
        all.set(processor).ok();
    });
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urgency_ends_when_it_is_dropped() {
        let seen = || {
            let found = attributes().unwrap();
            (found.sched_policy, found.sched_priority, found.sched_runtime)
        };
        let before = seen();
        let Some(urgency) = Urgency::take() else { return };
        assert_ne!(seen(), before);
        drop(urgency);
        assert_eq!(seen(), before);
    }

    #[test]
    fn a_process_is_kept_apart_for_a_while() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let pid = child.id().cast_signed();
        let home = sched_getaffinity(Pid::from_raw(0)).unwrap();
        let places = |set: &CpuSet| (0..CpuSet::count()).filter(|at| set.is_set(*at).unwrap()).count();
        let apart = Apart::keep(pid);
        assert_eq!(apart.is_some(), places(&home) > 1);
        if apart.is_some() {
            assert_eq!(places(&sched_getaffinity(Pid::from_raw(pid)).unwrap()), places(&home) - 1);
        }
        drop(apart);
        assert_eq!(sched_getaffinity(Pid::from_raw(pid)).unwrap(), home);
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn a_visitor_stays_where_it_may_and_comes_home() {
        let home = sched_getaffinity(Pid::from_raw(0)).unwrap();
        let asked = std::sync::Mutex::new(Vec::new());
        visit(|processor| {
            asked.lock().unwrap().push(processor);
            true
        });
        let ours: Vec<_> = (0..CpuSet::count()).filter(|at| home.is_set(*at).unwrap()).collect();
        assert_eq!(asked.into_inner().unwrap(), ours);
        assert_eq!(sched_getaffinity(Pid::from_raw(0)).unwrap(), home);
        sched_setaffinity(Pid::from_raw(0), &everywhere()).unwrap();
    }
}

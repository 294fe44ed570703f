//! When and where this thread runs.

use std::marker::PhantomData;

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

use super::syscall;

/// While it lives, this thread runs soon after it wakes, at the price of short turns. It belongs to the thread that
/// took it.
#[derive(Debug)]
pub(crate) struct ShortTurns {
    before: libc::sched_attr,
    _not_send: PhantomData<*const ()>,
}

/// The shortest turn the kernel grants, in nanoseconds.
const SHORTEST: u64 = 100_000;

impl ShortTurns {
    /// `None` where the kernel does not let a thread choose (before Linux 6.12), or where this one is not scheduled
    /// as others are.
    pub(crate) fn take() -> Option<Self> {
        let before =
            attributes().ok().filter(|found| found.sched_policy == libc::SCHED_OTHER.unsigned_abs())?;
        set_attributes(&libc::sched_attr { sched_runtime: SHORTEST, ..before }).ok()?;
        // Older kernels take the wish and forget it.
        attributes().ok().filter(|found| found.sched_runtime == SHORTEST)?;
        Some(Self { before, _not_send: PhantomData })
    }
}

impl Drop for ShortTurns {
    fn drop(&mut self) {
        // What was is allowed again.
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

/// Where this thread may run.
#[derive(Debug)]
pub(crate) struct Places(CpuSet);

impl Places {
    /// # Errors
    /// The kernel does not tell; it has more processors than a set can name.
    pub(crate) fn of_this_thread() -> nix::Result<Self> {
        sched_getaffinity(Pid::from_raw(0)).map(Self)
    }

    /// Runs on each of these processors for a moment, one after the other. One where we may not run is left out.
    ///
    /// # Errors
    /// The thread could not be let go back to where it may run.
    pub(crate) fn visit(&self, processors: impl Iterator<Item = usize>) -> nix::Result<()> {
        for processor in processors {
            let mut one = CpuSet::new();
            // What cannot be named or entered cannot be visited.
            one.set(processor).and_then(|()| sched_setaffinity(Pid::from_raw(0), &one)).ok();
        }
        sched_setaffinity(Pid::from_raw(0), &self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_are_short_until_it_is_dropped() {
        let before = attributes().unwrap();
        let Some(turns) = ShortTurns::take() else { return };
        assert_eq!(attributes().unwrap().sched_runtime, SHORTEST);
        drop(turns);
        assert_eq!(attributes().unwrap().sched_runtime, before.sched_runtime);
    }

    #[test]
    fn a_visitor_comes_home() {
        let places = Places::of_this_thread().unwrap();
        // The last one is no processor of any host.
        places.visit([0, 1, CpuSet::count() - 1, CpuSet::count()].into_iter()).unwrap();
        assert_eq!(Places::of_this_thread().unwrap().0, places.0);
    }
}

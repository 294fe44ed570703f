//! Killing all that is in a group of version 1, which has no `cgroup.kill`.
//!
//! Nothing forks any more once `pids.max` is 0; what was forked before that shows up in the next round. A
//! member is signalled through a descriptor that was open while the group listed its number: either it
//! refers to that member, or to a process that has died since, and then the signal reaches nobody. So no
//! reuse of a number can make it hit a stranger.

use std::borrow::Borrow;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::unistd::Pid;

use super::super::files::Dir;
use super::super::{CgroupError, parse};
use crate::sys::pidfd;

/// How long killing goes on. Whatever outlives that hangs in the kernel.
const PATIENCE: Duration = Duration::from_secs(5);
/// Descriptors held at once.
const BATCH: usize = 128;

/// The processes in the group, without those that have died.
pub(super) fn members(dir: &Dir) -> Result<Vec<Pid>, CgroupError> {
    let text = dir.read_list("cgroup.procs")?;
    parse::pids(&text).ok_or_else(|| dir.malformed("cgroup.procs", &text, "process numbers"))
}

/// Refuses a group with members of a PID namespace that is not ours: they could be neither seen nor killed, only kept
/// from forking, and whoever supervises them is alive. A process that dies just now may look like one for a moment.
pub(super) fn refuse_strangers(dirs: &[Dir]) -> Result<(), CgroupError> {
    for dir in dirs {
        let mut looks = LOOKS;
        while dir.read_list("cgroup.procs")?.lines().any(|line| line == "0") {
            looks -= 1;
            if looks == 0 {
                return Err(CgroupError::unusable(
                    format!("{} is in use by processes of another PID namespace", dir.path().display()),
                    "give each container control groups of its own, or one /run/dayfly to all",
                ));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
    Ok(())
}

/// How often members that cannot be seen are looked for before they are believed to live.
const LOOKS: u32 = 5;

/// Kills the members of all these folders of one group, and returns when there are none.
pub(super) fn kill_all<D: Borrow<Dir>>(dirs: impl IntoIterator<Item = D>) -> Result<(), CgroupError> {
    let dirs: Vec<D> = dirs.into_iter().collect();
    for dir in &dirs {
        forbid_forks(dir.borrow())?;
    }
    dirs.iter().try_for_each(|dir| empty(dir.borrow()))
}

fn forbid_forks(dir: &Dir) -> Result<(), CgroupError> {
    match dir.try_write("pids.max", "0") {
        // Another hierarchy than that of `pids`.
        Ok(()) | Err(Errno::ENOENT) => Ok(()),
        Err(errno) => Err(dir.write_error("pids.max", "0", errno)),
    }
}

fn empty(dir: &Dir) -> Result<(), CgroupError> {
    let start = Instant::now();
    let mut pause = Duration::from_micros(50);
    loop {
        let listed = members(dir)?;
        if listed.is_empty() {
            return Ok(());
        }
        if start.elapsed() > PATIENCE {
            let waited_ms = start.elapsed().as_millis();
            return Err(CgroupError::StillAlive { path: dir.path().into(), waited_ms });
        }
        for batch in listed.chunks(BATCH) {
            kill_batch(dir, batch)?;
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(5));
    }
}

fn kill_batch(dir: &Dir, pids: &[Pid]) -> Result<(), CgroupError> {
    let mut held = Vec::with_capacity(pids.len());
    for &pid in pids {
        match pidfd::open(pid.as_raw()) {
            Ok(fd) => held.push((pid, fd)),
            // Gone, or a number that by now names a thread.
            Err(Errno::ESRCH | Errno::EINVAL | Errno::ENOENT) => {}
            Err(errno) => return Err(failed(dir, "open a process of", errno)),
        }
    }
    let still = members(dir)?;
    for (_, fd) in held.iter().filter(|(pid, _)| still.contains(pid)) {
        pidfd::kill(fd.as_fd()).map_err(|errno| failed(dir, "kill a process of", errno))?;
    }
    Ok(())
}

fn failed(dir: &Dir, action: &str, errno: Errno) -> CgroupError {
    CgroupError::file(action, dir.path(), errno)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_that_cannot_be_seen_are_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("pids.max"), "max").unwrap();
        let dir = || Dir::open(folder.path()).unwrap();
        std::fs::write(folder.path().join("cgroup.procs"), "0\n17\n").unwrap();
        assert!(refuse_strangers(&[dir()]).is_err());
        std::fs::write(folder.path().join("cgroup.procs"), "17\n").unwrap();
        refuse_strangers(&[dir()]).unwrap();
    }
}

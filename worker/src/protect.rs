//! Keeps the worker alive when jobs are hungry. Every job has its own limits; this is for the host as a whole: the
//! kernel is to choose a job when memory runs out, and the worker is to get the processor when all of them want it.
//! What cannot be had is told in the log and lessens no limit of a job.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// What the worker's own chance of being killed for want of memory is lowered to; jobs come first (1000).
const OOM_SCORE: &str = "-900";
/// Memory that is the worker's before it is anybody's.
const MEMORY_LOW: &str = "67108864";
/// Its weight beside the 100 of all jobs together.
const CPU_WEIGHT: &str = "1000";

/// The leaf that the sandbox's driver moves us to where a group was delegated to us; jobs are beside it.
const SUPERVISOR: &str = "dayfly.supervisor";
/// The group we make where we are in no group of our own.
const OURS: &str = "dayfly.worker";

/// A protected place, left when dropped.
#[derive(Debug)]
pub(crate) struct Shelter {
    /// The group that was made for it, and the one to go back to.
    made: Option<(PathBuf, PathBuf)>,
}

/// Where the worker is among the control groups of version 2.
#[derive(Debug, PartialEq, Eq)]
enum Place {
    /// In a group that is its own.
    Own(PathBuf),
    /// At the top, with everybody.
    Top(PathBuf),
    /// In a group that others made, as a service has it.
    Others(PathBuf),
    /// Nowhere: there is no version 2.
    None,
}

impl Shelter {
    /// Does what can be done here. To be called when the first sandbox was made: that settles where groups are.
    pub(crate) fn take() -> Self {
        if let Err(error) = fs::write("/proc/self/oom_score_adj", OOM_SCORE) {
            tracing::info!(%error, "the worker is not kept from the kernel's choice when memory runs out");
        }
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let made = match place(&read("/proc/self/cgroup"), &read("/proc/self/mountinfo")) {
            Place::Own(group) => favour(&group).map(|()| None),
            Place::Top(top) => enter(&top.join(OURS)).map(|()| Some((top.join(OURS), top))),
            Place::Others(group) => {
                let group = group.display().to_string();
                tracing::info!(
                    group,
                    "whoever made the worker's group protects it: MemoryLow= and CPUWeight="
                );
                Ok(None)
            }
            Place::None => {
                tracing::info!(
                    "control groups of version 1 protect nobody's memory; only the kernel's choice is set"
                );
                Ok(None)
            }
        };
        let told = |error: &io::Error| tracing::info!(%error, "the worker has no protected control group");
        Self { made: made.inspect_err(told).unwrap_or_default() }
    }
}

impl Drop for Shelter {
    fn drop(&mut self) {
        let Some((group, back)) = self.made.take() else { return };
        let left = fs::write(back.join("cgroup.procs"), "0").and_then(|()| fs::remove_dir(&group));
        if let Err(error) = left {
            tracing::info!(%error, group = %group.display(), "the worker's control group stays behind");
        }
    }
}

/// Moves this process into a group of its own.
fn enter(group: &Path) -> io::Result<()> {
    match fs::create_dir(group) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        other => other?,
    }
    favour(group)?;
    fs::write(group.join("cgroup.procs"), "0")
}

/// Gives a group what it needs to go on, where its controllers are turned on.
fn favour(group: &Path) -> io::Result<()> {
    for (file, value) in [("memory.low", MEMORY_LOW), ("cpu.weight", CPU_WEIGHT)] {
        match fs::OpenOptions::new().write(true).open(group.join(file)) {
            Ok(mut file) => io::Write::write_all(&mut file, value.as_bytes())?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                tracing::info!(file, group = %group.display(), "its controller is not turned on");
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Reads the kernel's two lists. A tree of version 2 without controllers protects nobody and does not count.
fn place(own: &str, mounts: &str) -> Place {
    let mount = mounts.lines().find_map(|line| {
        let (before, after) = line.split_once(" - ")?;
        let mut fields = before.split(' ').skip(3);
        let (root, point) = (fields.next()?, fields.next()?);
        (after.starts_with("cgroup2 ") && root == "/").then(|| PathBuf::from(point))
    });
    let alone = !mounts.lines().any(|line| line.contains(" - cgroup "));
    let (Some(mount), Some(own), true) =
        (mount, own.lines().find_map(|line| line.strip_prefix("0::/")), alone)
    else {
        return Place::None;
    };
    match Path::new(own).file_name() {
        None => Place::Top(mount),
        Some(name) if name == SUPERVISOR || name == OURS => Place::Own(mount.join(own)),
        Some(_) => Place::Others(mount.join(own)),
    }
}

#[cfg(test)]
mod tests;

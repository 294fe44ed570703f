//! Which version this host has, and the driver for it.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::path::{Component, Path};
use std::sync::Arc;

use dayfly_jobs::Limit;
use nix::errno::Errno;
use nix::unistd::geteuid;

use super::error::DELEGATE_FIX;
use super::parse::{self, Mount};
use super::v1::{self, V1};
use super::v2::V2;
use super::{CgroupError, Driver};

/// Where hosts have their control groups.
const USUAL: &str = "/sys/fs/cgroup";
/// The name of the parent group on version 1.
const OURS: &str = "dayfly";

/// Finds the driver for this host. `parent` is the group to make groups in, by its path below the mount
/// point of every hierarchy; on version 2 the whole path will do as well.
///
/// On version 2 this may move the whole process to another group, so call it before starting others.
///
/// A host with a controller we need on version 1 (also a hybrid one, whose version 2 has no controllers) gets
/// that driver, any other that of version 2. What is missing on version 1 must be waived.
///
/// # Errors
/// Neither version can limit memory and processes here, or not for us; the error says how it could.
pub(crate) fn detect(
    parent: Option<&Path>,
    waived: &BTreeSet<Limit>,
) -> Result<Arc<dyn Driver>, CgroupError> {
    let hierarchies = match v1::in_usual_places(Path::new(USUAL)) {
        Some(hierarchies) => hierarchies,
        None => {
            let mountinfo = mountinfo()?;
            let found = if is_unified(&mountinfo) { None } else { v1::find(&mountinfo) };
            match found {
                Some(hierarchies) => hierarchies,
                None => return Ok(Arc::new(V2::open(&unified(&mountinfo)?, parent)?)),
            }
        }
    };
    if !geteuid().is_root() {
        return Err(CgroupError::unusable(
            "this host has control groups of version 1, which cannot be delegated",
            "run as root, or boot with systemd.unified_cgroup_hierarchy=1",
        ));
    }
    Ok(Arc::new(V1::open(hierarchies, name_of(parent)?, waived)?))
}

fn name_of(parent: Option<&Path>) -> Result<&str, CgroupError> {
    let Some(path) = parent else { return Ok(OURS) };
    let plain = path.components().all(|part| matches!(part, Component::Normal(_)));
    match path.to_str() {
        Some(name) if plain && !name.is_empty() => Ok(name),
        _ => Err(CgroupError::unusable(
            format!("{} is not a path below the mounts of version 1", path.display()),
            "give it without a slash in front, such as dayfly",
        )),
    }
}

fn mountinfo() -> Result<String, CgroupError> {
    let path = "/proc/self/mountinfo";
    // With room for all of it: the kernel goes through the mounts anew at each read.
    let mut text = Vec::with_capacity(8 << 10);
    File::open(path).and_then(|mut file| file.read_to_end(&mut text)).map_err(|error| {
        CgroupError::file("read", path, Errno::from_raw(error.raw_os_error().unwrap_or_default()))
    })?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// Whether version 2 is where a host has its only version. What else is mounted there is somebody's relic.
fn is_unified(mountinfo: &str) -> bool {
    parse::unified_mounts(mountinfo).iter().any(|mount| mount.point == Path::new(USUAL))
}

fn unified(mountinfo: &str) -> Result<Mount, CgroupError> {
    parse::unified_mounts(mountinfo).pop().ok_or_else(|| {
        CgroupError::unusable(
            "no hierarchy of version 2 is mounted, and version 1 has none of memory, pids and cpuacct",
            format!("mount -t cgroup2 none /sys/fs/cgroup; then {DELEGATE_FIX}"),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_with_version_2_in_the_usual_place_has_no_other() {
        let unified = "30 23 0:26 / /sys/fs/cgroup rw shared:4 - cgroup2 cgroup2 rw\n";
        let relic = "31 23 0:27 / /mnt/acct rw - cgroup none rw,cpuacct\n";
        let hybrid = "32 23 0:26 / /sys/fs/cgroup/unified rw shared:4 - cgroup2 cgroup2 rw\n";
        assert!(is_unified(&format!("{relic}{unified}")));
        assert!(!is_unified(&format!("{relic}{hybrid}")));
    }
}

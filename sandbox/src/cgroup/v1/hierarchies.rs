//! Where the hierarchies of version 1 are mounted.

use std::path::{Path, PathBuf};

use nix::sys::stat::stat;
use nix::sys::statfs::{CGROUP_SUPER_MAGIC, statfs};

use super::super::parse;
use super::Role;

/// A mounted hierarchy and the controllers on it, as bits.
#[derive(Debug)]
pub(super) struct Hierarchy {
    pub(super) point: PathBuf,
    pub(super) roles: u8,
}

/// What [`find`] found.
#[derive(Debug)]
pub(in super::super) struct Hierarchies(pub(super) Vec<Hierarchy>);

/// The hierarchies with the controllers we use where distributions mount them, each under its name below this folder;
/// `None` where one of them is not there. To ask for all mounts takes several times as long.
pub(in super::super) fn in_usual_places(folder: &Path) -> Option<Hierarchies> {
    let mut found: Vec<(u64, Hierarchy)> = Vec::new();
    for role in Role::ALL {
        let point = folder.join(role.controller());
        if statfs(&point).ok()?.filesystem_type() != CGROUP_SUPER_MAGIC {
            return None;
        }
        // Several controllers on one hierarchy are links to one place.
        let device = stat(&point).ok()?.st_dev;
        match found.iter_mut().find(|(other, _)| *other == device) {
            Some((_, hierarchy)) => hierarchy.roles |= role.bit(),
            None => found.push((device, Hierarchy { point, roles: role.bit() })),
        }
    }
    Some(Hierarchies(found.into_iter().map(|(_, hierarchy)| hierarchy).collect()))
}

/// The hierarchies of version 1, or `None` when none of them has a controller that every group needs.
pub(in super::super) fn find(mountinfo: &str) -> Option<Hierarchies> {
    let found = hierarchies(mountinfo);
    let all = found.iter().fold(0, |bits, hierarchy| bits | hierarchy.roles);
    Role::NEEDED.into_iter().any(|role| all & role.bit() != 0).then_some(Hierarchies(found))
}

/// The hierarchies with the controllers we use, where they are mounted first; several controllers may share one.
fn hierarchies(mountinfo: &str) -> Vec<Hierarchy> {
    let mut found: Vec<Hierarchy> = Vec::new();
    let mounts = parse::controller_mounts(mountinfo);
    for role in Role::ALL {
        let mount = mounts.iter().find(|(_, options)| options.contains(&role.controller()));
        let Some((point, _)) = mount else { continue };
        match found.iter_mut().find(|hierarchy| hierarchy.point == *point) {
            Some(hierarchy) => hierarchy.roles |= role.bit(),
            None => found.push(Hierarchy { point: point.clone(), roles: role.bit() }),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_places_are_those_of_the_mounts() {
        assert!(in_usual_places(Path::new("/nowhere")).is_none());
        assert!(in_usual_places(Path::new("/sys/fs")).is_none());
        let Some(found) = in_usual_places(Path::new("/sys/fs/cgroup")) else { return };
        let mounted = find(&std::fs::read_to_string("/proc/self/mountinfo").unwrap()).unwrap();
        let seen = |Hierarchies(all): Hierarchies| -> Vec<_> {
            all.into_iter().map(|one| (one.point.canonicalize().unwrap(), one.roles)).collect()
        };
        assert_eq!(seen(found), seen(mounted));
    }
}

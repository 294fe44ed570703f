//! Where the worker finds itself, from the kernel's own words.

use super::*;

const PURE: &str = "24 1 0:21 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";
const HYBRID: &str = "30 25 0:26 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n\
                      31 25 0:27 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n";

#[test]
fn the_place_is_found() {
    let at = |path: &str| PathBuf::from("/sys/fs/cgroup").join(path);
    let delegated = "user.slice/dayfly.service/dayfly.supervisor";
    for (own, mounts, expected) in [
        ("0::/\n", PURE, Place::Top(at(""))),
        ("0::/system.slice/dayfly.service\n", PURE, Place::Others(at("system.slice/dayfly.service"))),
        ("0::/user.slice/dayfly.service/dayfly.supervisor\n", PURE, Place::Own(at(delegated))),
        ("0::/dayfly.worker\n", PURE, Place::Own(at("dayfly.worker"))),
        ("9:memory:/\n0::/\n", HYBRID, Place::None),
        ("", "", Place::None),
    ] {
        assert_eq!(place(own, mounts), expected, "{own}");
    }
}

#[test]
fn a_group_is_favoured_where_it_can_be() {
    let group = tempfile::tempdir().unwrap();
    fs::write(group.path().join("memory.low"), "").unwrap();
    favour(group.path()).unwrap();
    assert_eq!(fs::read_to_string(group.path().join("memory.low")).unwrap(), MEMORY_LOW);
    assert!(!group.path().join("cpu.weight").exists());
}

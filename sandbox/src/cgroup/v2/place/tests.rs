//! The choice of the parent, on folders that look like groups.

use std::fs::{self, read_to_string};

use super::*;

fn group(path: &Path, procs: &str) -> Dir {
    fs::create_dir_all(path).unwrap();
    fs::write(path.join("cgroup.procs"), procs).unwrap();
    fs::write(path.join("cgroup.controllers"), "cpuset cpu memory pids\n").unwrap();
    fs::write(path.join("cgroup.subtree_control"), "").unwrap();
    Dir::open(path).unwrap()
}

#[test]
fn the_supervisors_leaf_stands_for_the_group_above() {
    let place = given("/sys/fs/cgroup/a.scope/dayfly.supervisor".into());
    assert_eq!(place, given("/sys/fs/cgroup/a.scope".into()));
}

#[test]
fn wishes_are_taken_below_the_mount_only() {
    let top = tempfile::tempdir().unwrap();
    let mount = Mount { root: "/".into(), point: top.path().into() };
    fs::create_dir(top.path().join("there")).unwrap();
    for (wish, origin) in [("there", Origin::Given), ("new", Origin::Made), ("there/new", Origin::Made)] {
        let expected = Place { parent: top.path().join(wish), origin };
        assert_eq!(wished(&mount, wish.as_ref()).unwrap(), expected);
        assert_eq!(wished(&mount, &expected.parent).unwrap(), expected);
    }
    for wish in ["/elsewhere", "", "../x", "there/../../x", "not/there"] {
        assert!(wished(&mount, wish.as_ref()).is_err(), "{wish}");
    }
}

#[test]
fn we_leave_a_group_we_are_alone_in() {
    let top = tempfile::tempdir().unwrap();
    let parent = group(&top.path().join("a"), &format!("{}\n", getpid()));
    group(&top.path().join("a").join(LEAF), "");
    leave(&parent).unwrap();
    assert_eq!(read_to_string(top.path().join("a").join(LEAF).join("cgroup.procs")).unwrap(), "0");
}

#[test]
fn we_stay_out_of_a_group_with_others() {
    let top = tempfile::tempdir().unwrap();
    for procs in [format!("1\n{}\n", getpid()), "1\n".into(), "0\n".into()] {
        let parent = group(&top.path().join("a"), &procs);
        let error = leave(&parent).unwrap_err().to_string();
        assert!(error.contains("1 other processes") && error.contains("systemd-run --user"), "{error}");
    }
    leave(&group(&top.path().join("b"), "")).unwrap();
    assert!(!top.path().join("b").join(LEAF).exists());
}

#[test]
fn only_missing_controllers_are_turned_on() {
    let top = tempfile::tempdir().unwrap();
    let parent = group(top.path(), "");
    let control = top.path().join("cgroup.subtree_control");
    enable(&parent, &["memory", "pids"]).unwrap();
    assert_eq!(read_to_string(&control).unwrap(), "+memory +pids");
    fs::write(&control, "memory pids\n").unwrap();
    enable(&parent, &["memory"]).unwrap();
    assert_eq!(read_to_string(&control).unwrap(), "memory pids\n");
}

#[test]
fn a_parent_without_the_controllers_is_refused_with_the_fix() {
    let top = tempfile::tempdir().unwrap();
    group(top.path(), "");
    fs::write(top.path().join("cgroup.controllers"), "cpu memory\n").unwrap();
    let error = given(top.path().into()).prepare().unwrap_err().to_string();
    assert!(error.contains("no pids controller") && error.contains("Delegate="), "{error}");
    assert_eq!(read_to_string(top.path().join("cgroup.subtree_control")).unwrap(), "");
}

#[test]
fn only_an_empty_group_or_the_real_root_may_hold_groups() {
    let top = tempfile::tempdir().unwrap();
    group(top.path(), "1\n");
    assert!(may_hold_groups(top.path()).unwrap());
    fs::write(top.path().join("cgroup.type"), "domain\n").unwrap();
    assert!(!may_hold_groups(top.path()).unwrap());
    fs::write(top.path().join("cgroup.procs"), "").unwrap();
    assert!(may_hold_groups(top.path()).unwrap());
}

//! Tables of what the kernel writes and what is read from it.

use super::*;

#[test]
fn a_ceiling_may_be_none() {
    for (text, expected) in [("12\n", Some(Some(12))), ("max\n", Some(None)), ("", None), ("some\n", None)] {
        assert_eq!(ceiling(text), expected, "{text}");
    }
}

#[test]
fn flat_files_by_the_table() {
    let cpu_stat = "usage_usec 1234\nuser_usec 1000\nsystem_usec 234\nnr_periods 0\n";
    for (text, key, value) in [
        (cpu_stat, "usage_usec", Some(1234)),
        (cpu_stat, "user_usec", Some(1000)),
        (cpu_stat, "usec", None),
        (cpu_stat, "usage", None),
        ("max 3\n", "max", Some(3)),
        ("low 0\nhigh 0\nmax 9\noom 1\noom_kill 2\noom_group_kill 1\n", "oom_kill", Some(2)),
        ("low 0\nhigh 0\nmax 9\noom 1\noom_kill 2\noom_group_kill 1\n", "oom", Some(1)),
        ("oom_kill_disable 0\nunder_oom 0\noom_kill 7\n", "oom_kill", Some(7)),
        ("populated 1\nfrozen 0\n", "populated", Some(1)),
        ("max x\n", "max", None),
        ("", "max", None),
    ] {
        assert_eq!(field(text, key), value, "{key} in {text:?}");
    }
}

#[test]
fn numbers_and_lists_by_the_table() {
    for (text, value) in [("17\n", Some(17)), ("0", Some(0)), ("max\n", None), ("", None), ("-1\n", None)] {
        assert_eq!(number(text), value);
    }
    let set = |cpus: &[u16]| Some(cpus.iter().copied().collect::<BTreeSet<_>>());
    for (text, value) in
        [("0-2,7\n", set(&[0, 1, 2, 7])), ("3", set(&[3])), ("\n", set(&[])), ("a", None), ("1-", None)]
    {
        assert_eq!(cpu_list(text), value, "{text:?}");
    }
    assert_eq!(pids("12\n0\n7\n"), Some(vec![Pid::from_raw(12), Pid::from_raw(7)]));
    assert_eq!(pids(""), Some(vec![]));
    assert_eq!(pids("12 7\n"), None);
}

#[test]
fn words_are_whole_words() {
    let controllers = "cpuset cpu io memory pids\n";
    assert!(has_word(controllers, "cpu") && has_word(controllers, "pids"));
    assert!(!has_word(controllers, "mem") && !has_word("cpuset\n", "cpu") && !has_word("", "cpu"));
}

#[test]
fn swap_is_seen() {
    let header = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n";
    assert!(!has_swap(header) && !has_swap(""));
    assert!(has_swap(&format!("{header}/dev/sda2  partition\t1\t0\t-2\n")));
}

#[test]
fn unified_mounts_by_the_table() {
    let mount = |root: &str, point: &str| Mount { root: root.into(), point: point.into() };
    for (mountinfo, mounts) in [
        (
            "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n",
            vec![mount("/", "/sys/fs/cgroup")],
        ),
        (
            "30 23 0:26 /../.. /sys/fs/cgroup rw - cgroup2 cgroup rw\n31 23 0:27 / /proc rw - proc proc rw\n",
            vec![mount("/../..", "/sys/fs/cgroup")],
        ),
        (
            "30 23 0:26 /a\\040b /mnt/x\\134y rw shared:1 master:2 - cgroup2 none rw\n",
            vec![mount("/a b", "/mnt/x\\y")],
        ),
        ("32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n", vec![]),
        ("40 31 0:29 / /x rw - tmpfs cgroup2 rw\n", vec![]),
        ("short - cgroup2\n", vec![]),
        ("", vec![]),
    ] {
        assert_eq!(unified_mounts(mountinfo), mounts, "{mountinfo}");
    }
}

#[test]
fn controllers_by_the_table() {
    for (mountinfo, mounts) in [
        (
            "31 23 0:27 / /sys/fs/cgroup/cpu,cpuacct rw shared:9 - cgroup cgroup rw,cpu,cpuacct\n\
             32 23 0:28 /a /mnt/my\\040groups rw - cgroup none rw,memory\n",
            vec![
                ("/sys/fs/cgroup/cpu,cpuacct", vec!["rw", "cpu", "cpuacct"]),
                ("/mnt/my groups", vec!["rw", "memory"]),
            ],
        ),
        ("30 23 0:26 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw,memory\n", vec![]),
        ("22 27 0:21 / /proc rw - proc cgroup rw,pids\n", vec![]),
        ("34 23 0:29 / /sys/fs/cgroup/pids rw - cgroup cgroup\n", vec![]),
        ("", vec![]),
    ] {
        let mounts: Vec<_> = mounts.into_iter().map(|(point, on)| (PathBuf::from(point), on)).collect();
        assert_eq!(controller_mounts(mountinfo), mounts, "{mountinfo}");
    }
}

#[test]
fn our_own_group_is_located_or_not_visible() {
    let hybrid = "4:memory:/x\n1:cpu:/\n0::/user.slice/a.scope\n";
    assert_eq!(own_unified(hybrid), Some(Path::new("/user.slice/a.scope")));
    assert_eq!(own_unified("4:memory:/x\n"), None);
    for (root, own, found) in [
        ("/", "/", Some("/sys/fs/cgroup")),
        ("/", "/a/b", Some("/sys/fs/cgroup/a/b")),
        ("/docker/1", "/docker/1/x", Some("/sys/fs/cgroup/x")),
        ("/docker/1", "/docker/12", None),
        ("/", "/../other", None),
        ("/..", "/", None),
    ] {
        let mount = Mount { root: root.into(), point: "/sys/fs/cgroup".into() };
        assert_eq!(locate(&mount, own.as_ref()).as_deref(), found.map(Path::new), "{own} in {root}");
    }
}

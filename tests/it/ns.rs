//! Attacks on namespaces and control groups.

use std::fs;

use dayfly_tests::{Dayfly, End, jail};

use crate::kernel::refused_everywhere;
use crate::process::policies;

#[test]
fn row_30_no_namespaces_of_ones_own() {
    let _host = jail!();
    refused_everywhere(&[
        "unshare_user",
        "unshare_mount",
        "unshare_pid",
        "unshare_net",
        "unshare_ipc",
        "unshare_uts",
        "unshare_cgroup",
        "unshare_all",
        "clone_user",
        "clone_net",
        "clone_mount",
        "clone3",
    ]);
    let run = Dayfly::new().run(["unshare", "--user", "--map-root-user", "id"]);
    assert!(run.code != 0 && !run.stdout.contains("uid=0"), "{run:#?}");
}

#[test]
fn row_31_no_namespaces_of_others() {
    let _host = jail!();
    for policy in policies() {
        let run = Dayfly::hostile().opt("--policy", policy).run(["/payload/escape", "enter"]);
        let entered = run.stdout.lines().filter(|line| line.starts_with("setns") && line.contains("GOT"));
        assert_eq!(entered.count(), 0, "{run:#?}");
        assert!([0, 121].contains(&run.code), "{run:#?}");
    }
    refused_everywhere(&["setns"]);
}

#[test]
fn row_32_release_agents() {
    let _host = jail!();
    refused_everywhere(&["mount_cgroup", "mount_cgroup2"]);
    let script = "mkdir -p /box/g && mount -t cgroup -o memory none /box/g; echo /bin/sh > /box/g/release_agent; \
                  find / -name release_agent 2>/dev/null; true";
    let run = Dayfly::new().run(["sh", "-c", script]);
    assert!(!run.stdout.contains("/sys/"), "{run:#?}");
}

#[test]
fn row_33_control_groups_are_out_of_reach() {
    let _host = jail!();
    let script = "cat /proc/self/mountinfo; ls -d /sys/fs/cgroup/*; cat /proc/self/cgroup; \
                  find / -xdev -name 'cgroup.procs' -o -name 'memory.max' -o -name 'pids.max'; true";
    let run = Dayfly::new().run(["sh", "-c", script]);
    run.ended(End::Exit(0));
    for word in [" - cgroup", "/sys/fs/cgroup", "pids.max"] {
        assert!(!run.stdout.contains(word), "{word}: {run:#?}");
    }
}

#[test]
fn row_34_limits_hold_for_whatever_the_job_nests() {
    let _host = jail!();
    let hog = ["sh", "-c", "mkdir /sys/fs/cgroup/x; sh -c '/payload/hog anonymous'; /payload/hog anonymous"];
    let run = Dayfly::hostile().opt("--memory", "64M").run(hog);
    run.ended(End::Limit("memory"));
    assert!(run.usage("peak_memory_bytes") <= 65 << 20, "{run:#?}");
}

#[test]
fn row_34_the_job_is_in_the_groups_it_is_accounted_in() {
    let _host = jail!(root);
    let mut job = Dayfly::new().spawn(["sleep", "2"]);
    let mut groups = Vec::new();
    while groups.is_empty() && job.is_running() {
        groups = fs::read_dir("/proc")
            .unwrap()
            .flatten()
            .filter_map(|entry| group_of_sleep(&entry.path()))
            .collect();
    }
    job.wait().ended(End::Exit(0));
    assert!(groups.iter().any(|group| group.contains("dayfly")), "{groups:#?}");
}

/// The groups of a `sleep` that runs under a jail's user id.
fn group_of_sleep(process: &std::path::Path) -> Option<String> {
    use std::os::unix::fs::MetadataExt;
    let jailed = fs::metadata(process).ok()?.uid() >= dayfly_tests::ROOT_UID_BASE;
    let name = fs::read_to_string(process.join("comm")).ok()?;
    (jailed && name.trim() == "sleep").then(|| fs::read_to_string(process.join("cgroup")).ok()).flatten()
}

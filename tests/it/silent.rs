//! The attack nobody makes: a protection that fails to apply while the job runs on.

use std::path::Path;

use dayfly_tests::{Dayfly, End, Run, jail, soon};

const LIMITS: [&str; 10] = [
    "cpu_time",
    "wall_time",
    "memory",
    "processes",
    "output",
    "disk",
    "inodes",
    "open_files",
    "stack",
    "file_size",
];

#[test]
fn row_96_every_limit_names_what_enforces_it() {
    let _host = jail!();
    let run = Dayfly::new().opt("--cpus", "1").opt("--idle-time", "5s").run(["true"]);
    run.ended(End::Exit(0));
    for limit in LIMITS.iter().chain(&["cpus", "idle_time"]) {
        let by = &run.json["enforced_by"][limit]["kernel"];
        assert!(by.as_str().is_some_and(|text| !text.is_empty()), "{limit}: {run:#?}");
        assert!(!run.json["limits"].is_null(), "{run:#?}");
    }
}

/// Runs where one hierarchy of control groups is hidden.
fn without(controller: &str, jail: &Dayfly) -> Run {
    let script = format!("umount -l /sys/fs/cgroup/{controller} && exec \"$@\"");
    jail.clone().under(["unshare", "--mount", "sh", "-c", &script, "sh"]).run(["true"])
}

#[test]
fn row_96_a_missing_controller_is_refused() {
    let _host = jail!(root);
    if !Path::new("/sys/fs/cgroup/memory").exists() {
        dayfly_tests::skip!("needs control groups in version 1: this host has version 2");
    }
    for controller in ["memory", "pids", "cpuacct"] {
        let run = without(controller, &Dayfly::new());
        assert_eq!(run.code, 125, "{controller} is missing: {run:#?}");
        assert!(run.complaint.contains(controller), "{run:#?}");
    }
    for (controller, cpus) in [("cpu", "0.5"), ("cpuset", "pin:0")] {
        let run = without(controller, &Dayfly::new().opt("--cpus", cpus));
        assert_eq!(run.code, 125, "{controller} is missing: {run:#?}");
    }
}

#[test]
fn row_96_no_control_groups_at_all() {
    let _host = jail!(root);
    let script = "mount -t tmpfs none /sys/fs/cgroup && exec \"$@\"";
    let run = Dayfly::new().under(["unshare", "--mount", "sh", "-c", script, "sh"]).run(["true"]);
    assert_eq!(run.code, 125, "{run:#?}");
    assert!(run.complaint.contains("cgroup"), "{run:#?}");
}

#[test]
fn row_96_a_waiver_is_told() {
    let _host = jail!(root);
    if !Path::new("/sys/fs/cgroup/memory").exists() {
        dayfly_tests::skip!("needs control groups in version 1: this host has version 2");
    }
    let run = without("memory", &Dayfly::new().also("--waive", "memory"));
    run.ended(End::Exit(0));
    assert!(run.json["enforced_by"]["memory"]["waived"].is_string(), "{run:#?}");
    assert!(run.json["enforced_by"]["processes"]["kernel"].is_string(), "{run:#?}");
}

#[test]
fn row_96_odd_hosts_are_refused_or_served_in_full() {
    let _host = jail!(root);
    for wrapper in [
        &["prlimit", "--nofile=12"][..],
        &["prlimit", "--nproc=1"],
        &["prlimit", "--fsize=0"],
        &["unshare", "--user", "--map-root-user"],
        &["unshare", "--pid", "--fork"],
        &["chroot", "/"],
        &["setpriv", "--bounding-set=-sys_admin", "--inh-caps=-all"],
        &["setpriv", "--no-new-privs"],
        &["env", "-i"],
        &["unshare", "--mount", "sh", "-c", "umount -l /proc; exec \"$@\"", "sh"],
        &[
            "unshare",
            "--mount",
            "sh",
            "-c",
            "mount -t tmpfs none /tmp; mount -t tmpfs none /run; exec \"$@\"",
            "sh",
        ],
        &["unshare", "--mount", "sh", "-c", "mount --make-rshared /; exec \"$@\"", "sh"],
    ] {
        let run = Dayfly::hostile().under(wrapper).run(["/payload/identity", "who"]);
        if run.code == 125 {
            assert!(!run.complaint.is_empty(), "refused without a word under {wrapper:?}");
            continue;
        }
        run.ended(End::Exit(0));
        for line in ["uids 1000 1000 1000", "NoNewPrivs:\t1", "Seccomp:\t2"] {
            assert!(run.stdout.lines().any(|said| said == line), "{wrapper:?}: {line}: {run:#?}");
        }
        for limit in LIMITS {
            assert!(run.json["enforced_by"][limit]["kernel"].is_string(), "{wrapper:?}: {limit}: {run:#?}");
        }
    }
}

/// A container often has a `/run` of its own and the host's control groups.
#[test]
fn locks_of_ones_own_harm_nobody() {
    let _host = jail!(root);
    let own_run = ["unshare", "--mount", "sh", "-c", "mount -t tmpfs none /run; exec \"$@\"", "sh"];
    let running = Dayfly::new().spawn(["sh", "-c", "sleep 1; echo done"]);
    std::thread::sleep(std::time::Duration::from_millis(300));
    for _ in 0..5 {
        Dayfly::new().under(own_run).run(["true"]).ended(End::Exit(0));
    }
    let run = running.wait();
    run.ended(End::Exit(0));
    assert_eq!(run.stdout, "done\n");
}

#[test]
fn row_96_a_set_up_that_fails_is_an_error_soon() {
    let _host = jail!();
    let secret = dayfly_tests::Secret::new();
    let source = secret.path();
    // Places that are read-only, not a folder, or not of the bind's kind.
    for target in ["/usr/no-such-folder/x", "/etc/passwd/x", "/usr/bin", "/etc/passwd", "/usr/bin/env/"] {
        let run = Dayfly::new().also("--bind", format!("{}:{target}", source.display())).run(["true"]);
        assert!([0, 125].contains(&run.code), "{target}: {run:#?}");
        assert!(run.wall < soon(5), "{target}: {run:#?}");
        let parent = Path::new(target).parent().unwrap().to_str().unwrap();
        assert!(run.code == 0 || run.complaint.contains(parent), "{target}: {run:#?}");
    }
}

//! Attacks by processes: multiplying, hiding, not dying, reaching for others.

use std::thread::sleep;
use std::time::Duration;

use dayfly_tests::{Canary, Dayfly, End, is_root, jail, jailed_processes, slowness, soon};

const PROGRAM: &str = "/payload/processes";

#[test]
fn row_01_fork_bomb_alone() {
    let _host = jail!(alone);
    let mut bomb = Dayfly::hostile()
        .opt("--processes", "16")
        .opt("--wall-time", "2s")
        .opt("--cpu-time", "30s")
        .spawn([PROGRAM, "bomb"]);
    let mut most = 0;
    while bomb.is_running() {
        most = most.max(jailed_processes());
        sleep(Duration::from_millis(20));
    }
    let run = bomb.wait();
    run.ended(End::Limit("wall_time"));
    assert!(run.wall < soon(4), "the verdict came after {:?}", run.wall);
    assert!(run.usage("refused_processes") > 0, "{run:#?}");
    assert!(run.json["usage"]["peak_processes"].as_u64().is_none_or(|peak| peak <= 16), "{run:#?}");
    if is_root() {
        assert!((10..=16).contains(&most), "{most} processes were seen from outside");
    }
}

#[test]
fn row_02_forks_faster_than_the_killer() {
    let _host = jail!();
    let run = Dayfly::hostile().opt("--wall-time", "1s").opt("--processes", "200").run([PROGRAM, "racer"]);
    assert!([123, 124].contains(&run.code), "{run:#?}");
    assert!(run.wall < soon(4), "the verdict came after {:?}", run.wall);
}

#[test]
fn row_03_daemon_is_killed_and_accounted() {
    let _host = jail!();
    let share = tempfile::tempdir().unwrap();
    let run = Dayfly::hostile().share(share.path()).run([PROGRAM, "daemon", "/share/pulse"]);
    run.ended(End::Exit(0));
    assert!(run.usage("cpu_time_us") > 200_000, "the daemon's work is missing: {run:#?}");
    let pulse = || std::fs::read_to_string(share.path().join("pulse")).unwrap();
    let last = pulse();
    sleep(Duration::from_millis(300));
    assert_eq!(pulse(), last, "the daemon lives");
}

#[test]
fn row_04_kill_everyone() {
    let _host = jail!();
    let mut outside = Canary::new();
    let other = Dayfly::new().spawn(["sleep", "2"]);
    let ours = [std::process::id().to_string(), other.pid().to_string()];
    let command = [PROGRAM, "kill-all", &ours[0], &ours[1]];
    Dayfly::hostile().run(command).ended(End::Exit(42));
    outside.assert_untouched();
    other.wait().ended(End::Exit(0));
}

#[test]
fn row_05_ignores_signals_and_stops_itself() {
    let _host = jail!();
    let run = Dayfly::hostile().opt("--wall-time", "1s").run([PROGRAM, "stubborn"]);
    run.ended(End::Limit("wall_time"));
    assert!(run.usage("wall_time_us") >= 1_000_000, "{run:#?}");
    assert!(run.wall < soon(3), "{run:#?}");
}

#[test]
fn row_06_zombies_count_and_threads_outlive_the_leader() {
    let _host = jail!();
    let run = Dayfly::hostile().opt("--processes", "32").run([PROGRAM, "zombies"]);
    run.ended(End::Exit(0));
    let made: u32 = run.answers("zombies")[0].parse().unwrap();
    assert!((20..32).contains(&made), "{run:#?}");
    let run = Dayfly::hostile().run([PROGRAM, "leaderless"]);
    run.ended(End::Exit(5));
    assert!(run.stdout.contains("outlived"), "{run:#?}");
}

#[test]
fn row_07_priority_and_affinity() {
    let _host = jail!();
    let attempts = [
        "setpriority",
        "nice",
        "sched_setscheduler",
        "ioprio realtime",
        "sched_setattr deadline",
        "oom_score_adj",
    ];
    for policy in policies() {
        let run = Dayfly::hostile().opt("--policy", policy).run(["/payload/clocks", "favour"]);
        if run.json["termination"]["kind"] != "forbidden_syscall" {
            run.ended(End::Exit(0)).refused(&attempts);
        }
    }
    let run = Dayfly::hostile().opt("--cpus", "pin:0").run(["/payload/clocks", "favour"]);
    assert!(run.stdout.contains("cpus seen 0x1\n"), "{run:#?}");
}

/// The built-in policies.
pub(crate) const POLICIES: [&str; 4] = ["strict", "compile", "interpreted", "ci"];

/// Those that an attack is tried under: all of them, and on an emulated machine, where one run takes seconds, the
/// tightest and the widest.
pub(crate) fn policies() -> impl Iterator<Item = &'static str> {
    let ends = ["strict", "ci"];
    POLICIES.into_iter().filter(move |policy| slowness() == 1 || ends.contains(policy))
}

/// Those of them under which a program may start others.
pub(crate) fn forking() -> impl Iterator<Item = &'static str> {
    policies().filter(|policy| *policy != "strict")
}

#[test]
fn row_08_other_processes_cannot_be_traced_or_seen() {
    let _host = jail!();
    let other = Dayfly::new().spawn(["sleep", "3"]);
    for policy in policies() {
        let run = Dayfly::hostile().opt("--policy", policy).run(["/payload/gates", "trace-all"]);
        assert!(!run.stdout.contains("GOT"), "{run:#?}");
        match policy {
            "ci" => run.ended(End::Exit(0)).refused(&["attach"]),
            _ => run.ended(End::Forbidden("ptrace")),
        };
        let seen: Vec<&str> = run.stdout.lines().filter(|line| line.starts_with("sees process ")).collect();
        assert_eq!(seen, ["sees process 1"], "{run:#?}");
    }
    other.wait().ended(End::Exit(0));
}

#[test]
fn row_09_traced_calls_are_filtered_again() {
    let _host = jail!();
    for policy in forking() {
        let run = Dayfly::hostile().opt("--policy", policy).run(["/payload/gates", "trace-swap"]);
        if run.json["termination"]["kind"] == "forbidden_syscall" {
            continue;
        }
        run.ended(End::Exit(0));
        if run.answers("PTRACE_TRACEME") == ["GOT 0"] {
            run.refused(&["swapped call"]);
        }
    }
}

#[test]
fn row_10_setuid_and_file_capabilities_give_nothing() {
    use std::os::unix::fs::PermissionsExt;
    let _host = jail!(root);
    let dir = tempfile::tempdir().unwrap();
    let program = dayfly_tests::payloads().join("identity");
    for (name, mode) in [("setuid", 0o6755), ("capable", 0o755)] {
        std::fs::copy(&program, dir.path().join(name)).unwrap();
        std::fs::set_permissions(dir.path().join(name), std::fs::Permissions::from_mode(mode)).unwrap();
    }
    let every_capability = "import os,sys; os.setxattr(sys.argv[1], 'security.capability', \
        bytes.fromhex('01000002' + 'ffffffff' * 2 + 'ffffffff' * 2))";
    let status = std::process::Command::new("python3")
        .args(["-c", every_capability])
        .arg(dir.path().join("capable"))
        .status()
        .unwrap();
    assert!(status.success());
    let command = [
        "/payload/identity",
        "run-privileged",
        "/share/setuid",
        "/share/capable",
        "/usr/bin/su",
        "/usr/bin/mount",
    ];
    for policy in forking() {
        let run = Dayfly::hostile().opt("--policy", policy).share(dir.path()).run(command);
        run.ended(End::Exit(0));
        let uids: Vec<&str> = run.stdout.lines().filter(|line| line.starts_with("uids")).collect();
        assert_eq!(uids, ["uids 1000 1000 1000"; 2], "{run:#?}");
        for line in run.stdout.lines().filter(|line| line.starts_with("Cap")) {
            assert!(line.ends_with("0000000000000000"), "{line}: {run:#?}");
        }
    }
}

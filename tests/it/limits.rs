//! The limits, as promised: each one is run into, and the numbers are right.

use std::time::Duration;

use dayfly_tests::{Dayfly, End, jail, late};

use crate::forgery::ESCAPES;

const PYTHON: &str = "/usr/bin/python3";
const MIB: u64 = 1 << 20;

#[test]
fn timing_cpu_time_is_exact() {
    let _host = jail!(alone);
    let run = Dayfly::new().opt("--cpu-time", "1s").opt("--policy", "interpreted").run([
        PYTHON,
        "-c",
        "while True: pass",
    ]);
    run.ended(End::Limit("cpu_time"));
    let used = run.usage("cpu_time_us");
    assert!((1_000_000..=1_000_000 + late(20)).contains(&used), "{used} µs of 1 s");
}

#[test]
fn timing_wall_time_is_exact() {
    let _host = jail!(alone);
    let run = Dayfly::new().opt("--wall-time", "500ms").run(["sleep", "100"]);
    run.ended(End::Limit("wall_time"));
    let used = run.usage("wall_time_us");
    assert!((500_000..=500_000 + late(20)).contains(&used), "{used} µs of 500 ms");
}

#[test]
fn timing_the_parts_of_a_run_add_up() {
    let _host = jail!(alone);
    let run = Dayfly::new().run(["sleep", "0.2"]);
    run.ended(End::Exit(0));
    let timing = |name: &str| run.json["timings"][name].as_u64().unwrap();
    let sum = Duration::from_micros(timing("setup_us") + timing("run_us") + timing("teardown_us"));
    assert!(timing("run_us") >= 150_000 && sum <= run.wall, "{run:#?}");
    assert!(run.usage("wall_time_us") >= 150_000, "{run:#?}");
}

#[test]
fn memory_hog_in_python() {
    let _host = jail!();
    let run = Dayfly::new().opt("--memory", "64M").opt("--policy", "interpreted").run([
        PYTHON,
        "-c",
        "x = []\nwhile True: x.append(bytearray(1 << 20))",
    ]);
    run.ended(End::Limit("memory"));
    assert!(run.usage("peak_memory_bytes") <= 65 * MIB, "{run:#?}");
}

#[test]
fn memory_that_is_given_can_be_used() {
    let _host = jail!();
    let run = Dayfly::new().opt("--memory", "256M").opt("--policy", "interpreted").run([
        PYTHON,
        "-c",
        "x = bytearray(150 << 20); x[::4096] = b'1' * len(x[::4096])",
    ]);
    run.ended(End::Exit(0));
    assert!(run.usage("peak_memory_bytes") > 150 * MIB, "{run:#?}");
}

#[test]
fn processes_hold_a_fork_bomb() {
    let _host = jail!();
    let run = Dayfly::new().opt("--processes", "16").opt("--wall-time", "2s").run([
        "bash",
        "-c",
        ":() { : | : & }; while :; do :; done",
    ]);
    assert!([124, 0].contains(&run.code), "{run:#?}");
    let run = Dayfly::new().opt("--processes", "16").opt("--wall-time", "5s").run([
        "bash",
        "-c",
        "for i in $(seq 40); do sleep 3 & done; echo never",
    ]);
    assert!(run.usage("refused_processes") > 0, "{run:#?}");
}

#[test]
fn output_stops_yes() {
    let _host = jail!();
    let run = Dayfly::new().opt("--output", "1M").run(["yes"]);
    run.ended(End::Limit("output"));
    assert!(run.usage("output_bytes") >= MIB, "{run:#?}");
    assert!(run.stdout.len() as u64 <= MIB + 4096, "{} bytes were kept", run.stdout.len());
    let run = Dayfly::new().opt("--output", "1M").run(["head", "-c", "1M", "/dev/zero"]);
    run.ended(End::Exit(0));
    assert_eq!(run.usage("output_bytes"), MIB);
}

#[test]
fn idle_time_needs_progress() {
    let _host = jail!();
    let run = Dayfly::new().opt("--idle-time", "700ms").run(["sleep", "100"]);
    run.ended(End::Limit("idle_time"));
    assert!((600_000..1_000_000 + late(1_000)).contains(&run.usage("wall_time_us")), "{run:#?}");
    let drip = "for i in 1 2 3 4 5 6 7 8; do echo $i; sleep 0.25; done";
    Dayfly::new().opt("--idle-time", "1s").run(["bash", "-c", drip]).ended(End::Exit(0));
    let busy = "end=$((SECONDS + 2)); while [ $SECONDS -lt $end ]; do :; done";
    Dayfly::new().opt("--idle-time", "700ms").run(["bash", "-c", busy]).ended(End::Exit(0));
}

#[test]
fn disk_and_inodes_are_whole() {
    let _host = jail!();
    let run = Dayfly::new().opt("--disk", "16M").run([
        "sh",
        "-c",
        "head -c 15M /dev/zero > /box/a && ls -l /box/a",
    ]);
    run.ended(End::Exit(0));
    let run = Dayfly::new().opt("--disk", "16M").run(["sh", "-c", "head -c 17M /dev/zero > /box/a; exit 4"]);
    run.ended(End::Limit("disk"));
    let spread = "head -c 9M /dev/zero > /box/a && head -c 9M /dev/zero > /tmp/b; exit 4";
    Dayfly::new().opt("--disk", "16M").run(["sh", "-c", spread]).ended(End::Limit("disk"));
}

#[test]
fn the_stack_grows_to_its_limit() {
    let _host = jail!();
    let jail = Dayfly::hostile().opt("--stack", "64M");
    let run = jail.run(["/payload/hog", "stack", "48"]);
    run.ended(End::Exit(0));
    jail.run(["/payload/hog", "stack", "80"]).ended(End::Signal(11));
}

#[test]
fn a_file_grows_to_its_limit() {
    let _host = jail!();
    let run = Dayfly::new().opt("--file-size", "1M").run([
        "sh",
        "-c",
        "head -c 1M /dev/zero > /box/a; ls -l /box/a",
    ]);
    run.ended(End::Exit(0));
    assert!(run.stdout.contains(" 1048576 "), "{run:#?}");
    let run = Dayfly::hostile().opt("--file-size", "1M").run(["/payload/disk", "too-big"]);
    assert!([122, 128 + 25].contains(&run.code), "{run:#?}");
}

#[test]
fn exit_codes_and_signals_are_the_programs_own() {
    let _host = jail!();
    for code in [0, 1, 7, 100, 119, 120, 125, 126, 127, 128, 255] {
        let run = Dayfly::new().plain().run(["sh", "-c", &format!("exit {code}")]);
        assert_eq!(run.code, code, "{run:#?}");
    }
    for signal in [1, 2, 6, 9, 11, 13, 15, 24, 31, 34] {
        Dayfly::new().run(["bash", "-c", &format!("kill -{signal} $$")]).ended(End::Signal(signal));
    }
}

#[test]
fn nothing_of_the_host_shows() {
    let _host = jail!();
    let run = Dayfly::new().run([
        "sh",
        "-c",
        "cat /etc/shadow; ls -A /root /home /proc/1/root /var /run /mnt /srv",
    ]);
    run.tells_nothing_of("root:");
    let listed = run.stdout.lines().filter(|line| !line.is_empty() && !line.ends_with(':'));
    // The place where a job of the service finds its secrets: a link of ours that leads nowhere here.
    assert_eq!(listed.collect::<Vec<_>>(), ["secrets"], "{run:#?}");
    let run =
        Dayfly::new().run(["sh", "-c", "pwd; echo $HOME; ls -A; id -u; id -un; ls -A /tmp /dev/shm | wc -l"]);
    run.ended(End::Exit(0));
    assert!(run.stdout.starts_with("/box\n/box\n1000\njob\n"), "{run:#?}");
}

#[test]
fn the_object_has_its_shape() {
    let _host = jail!();
    let run = Dayfly::new().run(["bash", "-c", ESCAPES]);
    run.ended(End::Exit(0));
    for field in ["termination", "usage", "limits", "enforced_by", "timings"] {
        assert!(run.json[field].is_object(), "{field}: {run:#?}");
    }
    let usage = [
        "cpu_time_us",
        "user_time_us",
        "system_time_us",
        "wall_time_us",
        "peak_memory_bytes",
        "refused_processes",
        "input_bytes",
        "output_bytes",
        "oom_kills",
        "throttled_time_us",
    ];
    for field in usage {
        run.usage(field);
    }
    for limit in ["cpu_time_us", "wall_time_us", "memory_bytes", "processes", "output_bytes", "disk_bytes"] {
        assert!(run.json["limits"][limit].is_u64(), "{limit}: {run:#?}");
    }
    assert!(
        run.usage("user_time_us") + run.usage("system_time_us") <= run.usage("cpu_time_us") + 20_000,
        "{run:#?}"
    );
}

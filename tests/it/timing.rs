//! Attacks on the clock: working unseen, running on, talking through time. These need the processors for
//! themselves.

use std::fs;
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use dayfly_tests::{Dayfly, End, cpus, jail, late};

const CLOCKS: &str = "/payload/clocks";

#[test]
fn row_66_working_between_the_ticks() {
    let _host = jail!(alone);
    let run = Dayfly::hostile().run([CLOCKS, "dodge", "2000"]);
    run.ended(End::Exit(0));
    let own: u64 = run.stdout.trim().rsplit(' ').next().unwrap().parse().unwrap();
    let measured = run.usage("cpu_time_us");
    assert!(own > 300_000, "the payload hardly worked: {run:#?}");
    // Its own clock began a moment before the program did.
    assert!(measured + late(5) >= own && measured < own + late(200), "used {own} µs, measured {measured} µs");
    let run = Dayfly::hostile().opt("--cpu-time", "500ms").run([CLOCKS, "dodge", "10000"]);
    run.ended(End::Limit("cpu_time"));
}

#[test]
fn row_67_many_short_lives_are_all_counted() {
    let _host = jail!(alone);
    let run = Dayfly::hostile().opt("--processes", "400").run([CLOCKS, "children", "300", "5"]);
    run.ended(End::Exit(0));
    let used = run.usage("cpu_time_us");
    // Starting a child takes time as well.
    let most = 1_500_000 + late(2_000);
    assert!((1_500_000..most).contains(&used), "300 × 5 ms were measured as {used} µs");
    let run = Dayfly::hostile()
        .opt("--cpu-time", "1s")
        .opt("--processes", "400")
        .run([CLOCKS, "children", "100000", "5"]);
    run.ended(End::Limit("cpu_time"));
    assert!(run.usage("cpu_time_us") < 1_000_000 + late(200), "{run:#?}");
}

#[test]
fn row_68_threads_side_by_side() {
    let _host = jail!(alone);
    let run = Dayfly::hostile().opt("--cpu-time", "1s").run([CLOCKS, "threads", "4"]);
    run.ended(End::Limit("cpu_time"));
    let used = run.usage("cpu_time_us");
    assert!((1_000_000..1_000_000 + late(60)).contains(&used), "{used} µs of 1 s");
    let run = Dayfly::hostile()
        .opt("--cpu-time", "10s")
        .opt("--wall-time", "2s")
        .opt("--cpus", "0.5")
        .run([CLOCKS, "threads", "4"]);
    run.ended(End::Limit("wall_time"));
    let used = run.usage("cpu_time_us");
    assert!(used < 1_000_000 + late(200), "half a processor for 2 s gave {used} µs");
    assert!(run.usage("throttled_time_us") > 0, "{run:#?}");
}

/// A job may leave the processor that its supervisor was bound to, and then uses its time faster.
#[test]
fn row_68_threads_that_leave_the_supervisors_processor() {
    let _host = jail!(alone);
    if cpus() < 2 {
        dayfly_tests::skip!("needs two processors");
    }
    let bound = Dayfly::hostile().under(["taskset", "-c", "0"]).opt("--cpu-time", "1s");
    let run = bound.run(["taskset", "-c", "0,1", CLOCKS, "threads", "4"]);
    run.ended(End::Limit("cpu_time"));
    let used = run.usage("cpu_time_us");
    assert!((1_000_000..1_000_000 + late(60)).contains(&used), "{used} µs of 1 s");
}

/// How far the wall clock of the host is from its monotonic clock.
fn offset() -> u64 {
    let stat = fs::read_to_string("/proc/stat").unwrap();
    // The kernel derives the time it was booted at from the two clocks.
    stat.lines().find_map(|line| line.strip_prefix("btime ")).and_then(|text| text.parse().ok()).unwrap()
}

#[test]
fn row_69_clocks_cannot_be_turned() {
    let _host = jail!();
    let before = offset();
    let attempts = ["clock_settime", "settimeofday", "adjtimex", "clock_adjtime", "unshare time"];
    for policy in crate::process::policies() {
        let run = Dayfly::hostile().opt("--policy", policy).run([CLOCKS, "turn"]);
        assert!(!run.stdout.contains("GOT"), "{run:#?}");
        if run.json["termination"]["kind"] != "forbidden_syscall" {
            run.ended(End::Exit(0)).refused(&attempts);
        }
    }
    assert!(offset().abs_diff(before) <= 1, "the clock of the host was turned");
}

#[test]
fn row_69_nothing_runs_on_after_the_verdict() {
    let _host = jail!();
    let share = tempfile::tempdir().unwrap();
    let script =
        "trap '' TERM HUP INT; (while :; do date +%N > /share/pulse; done) & disown; sleep 0.3; exit 0";
    Dayfly::new().share(share.path()).run(["bash", "-c", script]).ended(End::Exit(0));
    let pulse = || fs::read_to_string(share.path().join("pulse")).unwrap();
    let last = pulse();
    sleep(Duration::from_millis(300));
    assert_eq!(pulse(), last);
}

#[test]
fn row_70_pinned_jobs_stay_on_their_processors() {
    let _host = jail!();
    if cpus() < 2 {
        dayfly_tests::skip!("needs two processors");
    }
    for (pin, mask) in [("pin:0", "0x1"), ("pin:1", "0x2")] {
        let run = Dayfly::hostile().opt("--cpus", pin).run([CLOCKS, "favour"]);
        run.ended(End::Exit(0));
        assert!(run.stdout.contains(&format!("cpus seen {mask}\n")), "{run:#?}");
    }
}

#[test]
fn row_71_channels_between_jails() {
    let _host = jail!();
    let script = "echo hello > /dev/shm/channel; echo hello > /tmp/channel; \
                  /payload/identity objects; /payload/network serve 1500";
    let jail = Dayfly::hostile().opt("--policy", "ci");
    let first = jail.run(["sh", "-c", script]);
    let talking = jail.spawn(["sh", "-c", script]);
    sleep(Duration::from_millis(700));
    let run = jail.run(["sh", "-c", "cat /dev/shm/channel /tmp/channel; /payload/identity foreign-objects"]);
    run.ended(End::Exit(0)).got_nothing().tells_nothing_of("hello");
    let run = jail.run(["/payload/network", "abstract", "between-jails"]);
    run.ended(End::Exit(0)).got_nothing();
    crate::kernel::refused_everywhere(&["keyctl", "add_key", "cachestat"]);
    first.ended(End::Exit(0));
    talking.wait().ended(End::Exit(0));
}

#[test]
fn row_71_locks_on_files_that_jails_share() {
    let _host = jail!();
    let jail = Dayfly::hostile().opt("--policy", "strict");
    let locks =
        |ms: &str| vec!["/payload/descriptors".to_owned(), "locks".into(), ms.into(), "/usr/bin/env".into()];
    let holder = jail.spawn(locks("1500"));
    sleep(Duration::from_millis(700));
    let second = jail.run(locks("0"));
    let free = Command::new("flock").args(["-n", "/usr/bin/env", "true"]).status().unwrap().success();
    let first = holder.wait();
    assert!(free, "a job locked a file of the host");
    for what in ["flock", "posix", "ofd", "lease"] {
        assert_eq!(
            first.answers(what),
            second.answers(what),
            "a bit went from one jail to another by {what}"
        );
    }
}

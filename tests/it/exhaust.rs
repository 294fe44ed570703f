//! Attacks that use the machine up.

use std::fs;
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use dayfly_tests::{Dayfly, End, Run, is_root, jail, late, soon};

use crate::process::policies;

const HOG: &str = "/payload/hog";
const DISK: &str = "/payload/disk";
const MIB: u64 = 1 << 20;

#[test]
fn row_52_memory_bomb() {
    let _host = jail!();
    let run = Dayfly::hostile().opt("--memory", "64M").run([HOG, "anonymous"]);
    run.ended(End::Limit("memory"));
    assert!(run.usage("oom_kills") > 0, "{run:#?}");
    assert!(run.usage("peak_memory_bytes") <= 65 * MIB, "{run:#?}");
}

#[test]
fn row_53_the_whole_job_ends_when_a_helper_runs_out_of_memory() {
    let _host = jail!();
    let run = Dayfly::hostile().opt("--memory", "64M").run([HOG, "helper"]);
    run.ended(End::Limit("memory"));
    let carried_on = run.stdout.lines().filter(|line| line.contains("carries on")).count();
    assert!(carried_on < 10, "the parent went on for {} ms: {run:#?}", carried_on * 20);
}

/// Requires that the hog was stopped by the memory limit, or by another one before it held as much.
fn bounded(run: &Run, most: u64) {
    if run.code != 123 {
        assert!([0, 122].contains(&run.code), "{run:#?}");
        let held = run.stdout.lines().find_map(|line| line.split("held ").nth(1)).unwrap_or("0 MiB");
        let held: u64 = held.split(' ').next().and_then(|number| number.parse().ok()).unwrap();
        assert!(held <= most, "{run:#?}");
    }
    assert!(run.usage("peak_memory_bytes") <= (most + 2) * MIB, "{run:#?}");
}

#[test]
fn row_54_memory_by_every_way_there_is() {
    let _host = jail!();
    let jail = Dayfly::hostile()
        .opt("--policy", "ci")
        .opt("--memory", "64M")
        .opt("--disk", "1G")
        .opt("--file-size", "1G");
    for way in ["shared", "memfd", "sysv", "queues", "page-tables"] {
        bounded(&jail.run([HOG, way]), 64);
    }
    for file in ["/box/hog", "/tmp/hog", "/dev/shm/hog"] {
        let run = jail.run([HOG, "file", file]);
        run.ended(End::Limit("memory"));
        assert!(run.usage("peak_memory_bytes") <= 66 * MIB, "{run:#?}");
    }
}

#[test]
fn row_54_memory_of_the_kernel() {
    let _host = jail!();
    let jail = Dayfly::hostile().opt("--memory", "64M").opt("--open-files", "1024").opt("--wall-time", "10s");
    for way in ["pipes", "sockets", "dentries"] {
        let run = jail.run([HOG, way]);
        assert!([0, 123, 124].contains(&run.code), "{run:#?}");
        assert!(run.usage("peak_memory_bytes") <= 66 * MIB, "{run:#?}");
    }
}

/// Kernels keep attributes in memory that no group is charged for, one of them even without any privilege: Linux 6.1
/// with BPF among its security modules (Debian 12) takes all names that begin with `security.`.
#[test]
fn row_54_attributes_are_memory_that_nobody_counts() {
    let _host = jail!();
    for policy in policies() {
        let run = Dayfly::hostile().opt("--policy", policy).run([DISK, "hoard"]);
        run.ended(End::Exit(0)).got_nothing();
    }
}

#[test]
fn row_55_objects_that_outlive_processes() {
    let _host = jail!();
    let run = Dayfly::hostile().opt("--policy", "ci").run(["/payload/identity", "objects"]);
    run.ended(End::Exit(0));
    assert!(["shm", "msg", "sem"].iter().all(|kind| run.answers(kind) == ["GOT 0"]), "{run:#?}");
    let outside = Command::new("ipcmk").args(["--shmem", "4096", "--mode", "0666"]).output().unwrap();
    let run = Dayfly::hostile().opt("--policy", "ci").run(["/payload/identity", "foreign-objects"]);
    let id = String::from_utf8(outside.stdout).unwrap();
    let id = id.rsplit(' ').next().unwrap().trim().to_owned();
    assert!(Command::new("ipcrm").args(["--shmem-id", &id]).status().unwrap().success());
    run.ended(End::Exit(0)).got_nothing();
}

#[test]
fn row_56_locked_memory_and_huge_pages() {
    let _host = jail!();
    let run = Dayfly::hostile().run([HOG, "locked"]);
    run.ended(End::Exit(0)).got_nothing();
}

#[test]
fn row_57_a_full_disk() {
    let _host = jail!();
    let jail = Dayfly::hostile().opt("--disk", "32M").opt("--memory", "256M").opt("--file-size", "1G");
    for file in ["/box/fill", "/tmp/fill", "/dev/shm/fill"] {
        let run = jail.run([DISK, "fill", file]);
        run.ended(End::Limit("disk"));
        let filled: u64 = run.stdout.split([' ', ',']).nth(1).and_then(|number| number.parse().ok()).unwrap();
        assert!(filled <= 32 * MIB, "{run:#?}");
    }
}

#[test]
fn row_57_many_files() {
    let _host = jail!();
    for dir in ["/box", "/tmp", "/dev/shm"] {
        let run = Dayfly::hostile().opt("--inodes", "500").run([DISK, "inodes", dir]);
        run.ended(End::Limit("inodes"));
    }
}

#[test]
fn row_57_sizes_that_no_disk_has() {
    let _host = jail!();
    let run = Dayfly::hostile().opt("--disk", "32M").opt("--file-size", "16M").run([DISK, "sparse"]);
    assert!([0, 122].contains(&run.code), "{run:#?}");
    run.got_nothing();
    let run = Dayfly::hostile().opt("--disk", "64M").opt("--file-size", "4M").run([DISK, "too-big"]);
    assert!([122, 128 + 25].contains(&run.code), "{run:#?}");
}

#[test]
fn row_58_endless_output() {
    let _host = jail!();
    for script in ["yes", "yes >&2", "cat /dev/zero", "yes & yes >&2 & wait"] {
        let run = Dayfly::new().opt("--output", "1M").run(["sh", "-c", script]);
        run.ended(End::Limit("output"));
        assert!(run.stdout.len() + run.stderr.len() <= 2 << 20, "{} bytes", run.raw.len());
        assert!(run.wall < soon(5), "{run:#?}");
    }
}

#[test]
fn row_58_the_supervisor_stays_small() {
    let _host = jail!();
    let measure = "import resource, subprocess, sys\n\
        subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True)\n\
        print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)";
    let line = Dayfly::new().plain().opt("--output", "1G").command_line(["head", "-c", "256M", "/dev/zero"]);
    let output = Command::new("/usr/bin/python3").args(["-c", measure]).args(line).output().unwrap();
    let peak_kib: u64 = String::from_utf8(output.stdout).unwrap().trim().parse().unwrap();
    assert!(peak_kib < 64 * 1024, "the supervisor took {peak_kib} KiB for 256 MiB of output");
}

#[test]
fn row_59_descriptors_and_watches() {
    let _host = jail!();
    let run = Dayfly::hostile().opt("--open-files", "64").run(["/payload/descriptors", "exhaust"]);
    run.ended(End::Exit(0)).refused(&["raise nofile"]);
    assert!(run.stdout.contains("descriptors: 61, then EMFILE"), "{run:#?}");
    let greedy =
        Dayfly::hostile().opt("--open-files", "1024").spawn(["/payload/descriptors", "watches", "1500"]);
    sleep(Duration::from_millis(800));
    // The kernel counts watches by user, and by the user who made the namespace: neither may be a neighbour
    // or the host. Without root all of them are one user, which the doctor tells.
    if !is_root() {
        greedy.wait().ended(End::Exit(0));
        return;
    }
    let neighbour = Dayfly::hostile().run(["/payload/descriptors", "one-watch"]);
    let host = Command::new(dayfly_tests::payloads().join("descriptors")).arg("one-watch").status().unwrap();
    assert_eq!(greedy.wait().code, 0);
    neighbour.ended(End::Exit(0));
    assert!(host.success(), "the host has no inotify instance left");
}

#[test]
fn row_59_pending_signals() {
    let _host = jail!(root);
    let greedy = Dayfly::hostile().spawn(["/payload/processes", "pending", "1500"]);
    sleep(Duration::from_millis(800));
    let status = fs::read_to_string("/proc/self/status").unwrap();
    greedy.wait().ended(End::Exit(0));
    let queued = status.lines().find_map(|line| line.strip_prefix("SigQ:")).unwrap();
    let queued: u64 = queued.trim().split('/').next().unwrap().parse().unwrap();
    assert!(queued < 4000, "{queued} signals of a job are counted against the user of Dayfly");
}

#[test]
fn row_60_the_process_limit_is_each_jails_own() {
    let _host = jail!();
    let jail = Dayfly::hostile().opt("--processes", "40");
    let first = jail.spawn(["/payload/processes", "hold-children", "1500"]);
    sleep(Duration::from_millis(500));
    let second = jail.run(["/payload/processes", "hold-children", "10"]);
    for run in [first.wait(), second] {
        run.ended(End::Exit(0));
        assert_eq!(run.answers("children"), ["39"], "{run:#?}");
    }
}

#[test]
fn row_61_sleeping_and_waiting_for_input() {
    let _host = jail!();
    let jail = Dayfly::new().opt("--wall-time", "1s").silent_stdin();
    for script in ["sleep 1000", "cat", "read line", "trap '' TERM INT HUP; sleep 1000 & wait; sleep 1000"] {
        let run = jail.run(["bash", "-c", script]);
        run.ended(End::Limit("wall_time"));
        assert!(run.usage("cpu_time_us") < late(500) && run.wall < soon(3), "{run:#?}");
    }
}

#[test]
fn row_62_a_storm_of_syncs() {
    let _host = jail!();
    let run = Dayfly::hostile().opt("--wall-time", "1s").run([DISK, "storm"]);
    run.ended(End::Limit("wall_time"));
    assert!(run.wall < soon(3), "{run:#?}");
}

#[test]
fn row_63_churn_and_huge_arguments() {
    let _host = jail!();
    crate::kernel::refused_everywhere(&["unshare_net", "unshare_mount", "clone_net"]);
    let script = "a=$(head -c 3000000 /dev/zero | tr '\\0' a); /usr/bin/true $a; echo code=$?; \
                  export b=$a; /usr/bin/true; echo code=$?";
    let run = Dayfly::new().run(["bash", "-c", script]);
    run.ended(End::Exit(0));
    assert!(run.stdout.contains("code=126") && !run.stdout.contains("code=0"), "{run:#?}");
}

#[test]
fn row_64_crashing_again_and_again() {
    let _host = jail!();
    let lines = || {
        let log = Command::new("dmesg").output().unwrap();
        log.status.success().then(|| log.stdout.iter().filter(|byte| **byte == b'\n').count())
    };
    let before = lines();
    let run = Dayfly::hostile().run(["/payload/processes", "segfaults", "500"]);
    run.ended(End::Exit(0));
    if let (Some(before), Some(after)) = (before, lines()) {
        assert!(after.saturating_sub(before) < 250, "{} lines in the kernel's log", after - before);
    }
    let run = Dayfly::new().run(["sh", "-c", "echo x > /dev/kmsg; dmesg; logger x; true"]);
    assert!(!run.stdout.contains("] "), "{run:#?}");
    assert_eq!(
        fs::read_dir("/tmp").unwrap().flatten().filter(|entry| entry.file_name() == "core").count(),
        0
    );
}

#[test]
fn row_65_processes_the_kernel_holds() {
    let _host = jail!();
    let run = Dayfly::hostile().opt("--wall-time", "1s").run(["/payload/processes", "vfork-hang"]);
    run.ended(End::Limit("wall_time"));
    assert!(run.wall < soon(3), "{run:#?}");
}

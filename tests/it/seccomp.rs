//! Attacks on the system call filter itself.

use dayfly_tests::{Dayfly, End, jail, soon};

use crate::kernel::refused_everywhere;
use crate::process::policies;

const GATES: &str = "/payload/gates";

/// Runs a mode of the payload under each policy; whatever happens, nothing it tries may succeed.
#[track_caller]
fn nothing_works(mode: &[&str]) {
    for policy in policies() {
        let run =
            Dayfly::hostile().opt("--policy", policy).opt("--wall-time", "5s").run([&[GATES], mode].concat());
        assert!(!run.stdout.contains("GOT"), "{policy}: {run:#?}");
        // Refused by errno, stopped by name, or killed by the filter (SIGSYS).
        assert!([0, 121, 128 + 31].contains(&run.code), "{policy}: {run:#?}");
    }
}

/// Requires that a call by a foreign table stops the job, whatever the call and the policy.
#[track_caller]
fn foreign_table(table: &str) {
    for policy in policies() {
        for call in ["getpid", "ptrace", "unshare"] {
            let run = Dayfly::hostile().opt("--policy", policy).run([GATES, table, call]);
            let name = match (table, call) {
                // A number that only x32 has, and no name for it in the usual lists.
                ("x32", "ptrace") => "x32 syscall 521".to_owned(),
                _ => format!("{table} {call}"),
            };
            run.ended(End::Forbidden(&name));
            assert!(!run.stdout.contains("GOT"), "{policy}: {run:#?}");
        }
    }
}

#[test]
fn row_45_x32_numbers() {
    let _host = jail!();
    foreign_table("x32");
}

#[test]
fn row_46_calls_of_32_bit_linux() {
    let _host = jail!();
    foreign_table("i386");
}

#[test]
fn row_47_clone3_is_unknown() {
    let _host = jail!();
    // libc falls back on the older call at this answer only.
    refused_everywhere(&["clone3", "clone_user"]);
}

#[test]
fn row_48_high_bits_of_arguments() {
    let _host = jail!();
    for how in ["plain", "high", "paste"] {
        let run = Dayfly::hostile().run(["/payload/descriptors", "inject", how]);
        run.ended(End::Forbidden("ioctl"));
        assert!(!run.stdout.contains("GOT"), "{run:#?}");
    }
    nothing_works(&["x32", "high"]);
}

#[test]
fn row_49_arguments_swapped_under_the_judge() {
    let _host = jail!();
    nothing_works(&["swap-arguments"]);
    nothing_works(&["interrupted"]);
}

#[test]
fn row_49_a_crowd_of_forbidden_calls_is_one_verdict() {
    let _host = jail!();
    let run = Dayfly::hostile().opt("--policy", "strict").opt("--wall-time", "5s").run([GATES, "crowd"]);
    assert!(!run.stdout.contains("GOT"), "{run:#?}");
    run.ended(End::Forbidden("ptrace"));
    assert!(run.wall < soon(4), "{run:#?}");
}

#[test]
fn row_50_filters_of_ones_own_only_take_away() {
    let _host = jail!();
    refused_everywhere(&["seccomp_listener", "prctl_seccomp"]);
    let run = Dayfly::hostile().opt("--policy", "ci").run([GATES, "own-filter"]);
    run.ended(End::Exit(0)).refused(&["unshare afterwards"]);
    assert!(!run.stdout.contains("GOT"), "{run:#?}");
}

#[test]
fn row_50_unknown_calls_do_not_exist() {
    let _host = jail!();
    refused_everywhere(&["unknown_1000", "unknown_max"]);
}

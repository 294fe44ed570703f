//! Attacks on the system call filter itself.

use std::time::Duration;

use dayfly_tests::{Dayfly, End, jail};

use crate::kernel::{refused, refused_everywhere};
use crate::process::POLICIES;

const GATES: &str = "/payload/gates";

/// Runs a mode of the payload under each policy; whatever happens, nothing it tries may succeed.
#[track_caller]
fn nothing_works(mode: &[&str]) {
    for policy in POLICIES {
        let run =
            Dayfly::hostile().opt("--policy", policy).opt("--wall-time", "5s").run([&[GATES], mode].concat());
        assert!(!run.stdout.contains("GOT"), "{policy}: {run:#?}");
        // Refused by errno, stopped by name, or killed by the filter (SIGSYS).
        assert!([0, 121, 128 + 31].contains(&run.code), "{policy}: {run:#?}");
    }
}

#[test]
fn row_45_x32_numbers() {
    let _host = jail!();
    for call in ["getpid", "ptrace", "unshare", "high"] {
        nothing_works(&["x32", call]);
    }
}

#[test]
fn row_46_calls_of_32_bit_linux() {
    let _host = jail!();
    for call in ["getpid", "ptrace", "unshare"] {
        nothing_works(&["i386", call]);
    }
}

#[test]
fn row_47_clone3_is_unknown() {
    let _host = jail!();
    for policy in POLICIES {
        let run = Dayfly::hostile().opt("--policy", policy).run(["/payload/syscalls", "clone3"]);
        run.ended(End::Exit(0));
        assert_eq!(run.answers("clone3"), ["ENOSYS"], "libc falls back on this answer only: {run:#?}");
    }
    refused_everywhere(&["clone_user"]);
}

#[test]
fn row_48_high_bits_of_arguments() {
    let _host = jail!();
    let run = Dayfly::hostile().run(["/payload/descriptors", "terminal"]);
    run.ended(End::Exit(0)).got_nothing();
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
    if run.json["termination"]["kind"] == "forbidden_syscall" {
        run.ended(End::Forbidden("ptrace"));
        assert!(run.wall < Duration::from_secs(4), "{run:#?}");
    } else {
        run.ended(End::Limit("wall_time"));
    }
}

#[test]
fn row_50_filters_of_ones_own_only_take_away() {
    let _host = jail!();
    for policy in POLICIES {
        let run = Dayfly::hostile().opt("--policy", policy).run([GATES, "own-filter"]);
        if run.json["termination"]["kind"] == "forbidden_syscall" {
            continue;
        }
        run.ended(End::Exit(0)).refused(&["unshare afterwards"]);
        assert!(!run.answers("listener")[0].starts_with("GOT"), "{run:#?}");
        refused(
            &Dayfly::hostile().opt("--policy", policy).run(["/payload/syscalls", "seccomp_listener"]),
            "seccomp_listener",
        );
    }
}

#[test]
fn row_50_unknown_calls_do_not_exist() {
    let _host = jail!();
    for policy in POLICIES {
        for call in ["unknown_1000", "unknown_max"] {
            let run = Dayfly::hostile().opt("--policy", policy).run(["/payload/syscalls", call]);
            run.ended(End::Exit(0));
            assert_eq!(run.answers(call), ["ENOSYS"]);
        }
    }
}

//! Attacks through descriptors.

use std::fs;
use std::process::Command;
use std::time::Duration;

use dayfly_tests::{Dayfly, End, Secret, is_root, jail, soon};

const PROGRAM: &str = "/payload/descriptors";

#[test]
fn row_26_nothing_is_inherited() {
    let _host = jail!();
    let secret = Secret::new();
    let path = secret.path();
    // A shell opens what a careless caller would leave open: files, folders, a socket, high numbers.
    let script = "exec 5<\"$1\" 6</ 9<>\"$1\" 63<\"$1\" 200</proc; shift; exec \"$@\"";
    let shell = ["bash", "-c", script, "bash", path.to_str().unwrap()];
    for program in [vec![PROGRAM, "list"], vec!["/payload/escape", "read", path.to_str().unwrap()]] {
        let run = Dayfly::hostile().under(shell).run(&program);
        run.ended(End::Exit(0)).tells_nothing_of(secret.text());
        let descriptors: Vec<&str> = run.stdout.lines().filter(|line| line.starts_with("fd ")).collect();
        if program[1] == "list" {
            assert_eq!(descriptors.len(), 3, "{descriptors:#?}");
        }
    }
    secret.assert_untouched();
}

#[test]
fn row_27_no_descriptor_can_be_sent_out() {
    let _host = jail!();
    let run = Dayfly::hostile().run([PROGRAM, "pass"]);
    run.ended(End::Exit(0));
    assert_eq!(run.answers("send a descriptor"), ["ENOTSOCK"; 3]);
}

#[test]
fn row_28_a_survivor_keeps_standard_output_open() {
    let _host = jail!();
    for jail in [Dayfly::hostile(), Dayfly::hostile().plain()] {
        let run = jail.run(["/payload/processes", "hold-stdout"]);
        assert_eq!(run.code, 0, "{run:#?}");
        assert!(run.stdout.contains("leader done"), "{run:#?}");
        assert!(run.wall < soon(5), "{run:#?}");
    }
}

#[test]
fn row_29_flags_of_shared_descriptions() {
    let _host = jail!();
    let input = tempfile::NamedTempFile::new().unwrap();
    fs::write(input.path(), "input\n").unwrap();
    // The caller's own streams, looked at after the job meddled with what it was given.
    let script = "\"$@\" >\"$OUT\" 2>&1; echo $?; for fd in 0 1 2; do grep flags /proc/self/fdinfo/$fd; done";
    let out = tempfile::NamedTempFile::new().unwrap();
    let show = |program: &[&str]| {
        let line = Dayfly::hostile().plain().opt("--stdin", input.path()).command_line(program);
        let output = Command::new("bash")
            .args(["-c", script, "bash"])
            .args(line)
            .env("OUT", out.path())
            .stdin(fs::File::open(input.path()).unwrap())
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(show(&[PROGRAM, "meddle"]), show(&["/usr/bin/true"]));
    assert_eq!(fs::read_to_string(input.path()).unwrap(), "input\n");
    let run = Dayfly::hostile().opt("--stdin", input.path()).run([PROGRAM, "meddle"]);
    run.ended(End::Exit(0));
    for what in ["truncate", "reopen for writing"] {
        assert!(!run.answers(what)[0].starts_with("GOT"), "{what} worked on standard input: {run:#?}");
    }
    // Without root the copy that the job was given is its user's.
    if is_root() {
        assert!(!run.answers("chmod")[0].starts_with("GOT"), "{run:#?}");
    }
    let mode = fs::metadata(input.path()).unwrap().permissions();
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&mode) & 0o777, 0o600);
}

#[test]
fn row_29_a_lock_on_standard_input_is_not_the_callers() {
    let _host = jail!();
    let input = tempfile::NamedTempFile::new().unwrap();
    let held = Dayfly::hostile().opt("--stdin", input.path()).spawn([PROGRAM, "meddle", "1500"]);
    std::thread::sleep(Duration::from_millis(700));
    let free = Command::new("flock").arg("-n").arg(input.path()).arg("true").status().unwrap();
    held.wait().ended(End::Exit(0));
    assert!(free.success(), "the job locked a file of the host");
}

//! Arguments, names and streams: whatever bytes they are, whoever closes them.

use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use dayfly_tests::{Dayfly, End, Run, dayfly, jail, soon};
use nix::sys::signal::Signal;

/// Runs a shell script in which `"$@"` is `dayfly run …`.
fn in_shell(script: &str, jail: &Dayfly, program: &[&str]) -> (i32, Vec<u8>) {
    let line = jail.command_line(program);
    let output = Command::new("bash").args(["-c", script, "bash"]).args(line).output().unwrap();
    (output.status.code().unwrap(), output.stdout)
}

#[test]
fn ten_thousand_arguments() {
    let _host = jail!();
    let mut command = vec!["printf".to_owned(), "%s\\n".into()];
    command.extend((0..10_000).map(|number| number.to_string()));
    let run = Dayfly::new().run(command);
    run.ended(End::Exit(0));
    assert_eq!(run.stdout.lines().count(), 10_000);
}

#[test]
fn the_longest_argument() {
    let _host = jail!();
    // One argument may be 128 KiB with its end; many of them may be a megabyte and more.
    let longest = "x".repeat(131_071);
    let run = Dayfly::new().run(["sh", "-c", "echo ${#1}", "sh", &longest]);
    assert_eq!(run.stdout.trim(), "131071", "{:?}", run.complaint);
    let long = "y".repeat(100_000);
    let mut command = vec!["sh", "-c", "echo $#", "sh"];
    command.extend([long.as_str(); 11]);
    assert_eq!(Dayfly::new().run(command).stdout.trim(), "11");
}

#[test]
fn a_megabyte_in_one_argument_comes_by_file() {
    let _host = jail!();
    // The kernel takes no such argument from anyone, Dayfly's caller included.
    let megabyte = "z".repeat(1 << 20);
    let refused = Command::new(dayfly_tests::dayfly()).args(["run", "--", "echo", &megabyte]).output();
    assert!(refused.is_err_and(|error| error.raw_os_error() == Some(7)));
    let run = Dayfly::new().stdin(megabyte).run(["sh", "-c", "x=$(cat); echo ${#x}"]);
    assert_eq!(run.stdout.trim(), "1048576");
}

#[test]
fn names_and_arguments_are_bytes() {
    let _host = jail!();
    let dir = tempfile::tempdir().unwrap();
    let name = OsStr::from_bytes(b"na\xffme \n");
    fs::write(dir.path().join(name), "content").unwrap();
    let script = OsStr::from_bytes(b"printf '%s' \"$1\"; cat \"/share/$1\"");
    let command = [OsStr::new("sh"), OsStr::new("-c"), script, OsStr::new("sh"), name];
    let run = Dayfly::new().plain().share(dir.path()).run(command);
    assert_eq!(run.raw, b"na\xffme \ncontent", "{run:#?}");
    let run = Dayfly::new().also("--env", OsStr::from_bytes(b"ODD=\xfe\x01")).plain().run([
        "sh",
        "-c",
        "printf %s \"$ODD\"",
    ]);
    assert_eq!(run.raw, b"\xfe\x01", "{run:#?}");
}

#[test]
fn programs_that_cannot_be_started() {
    let _host = jail!();
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("plain"), "not a program").unwrap();
    let share = || Dayfly::new().share(dir.path());
    Dayfly::new().run(["no-such-program"]).ended(End::NotStarted("not_found"));
    Dayfly::new().run(["/usr/bin/no-such-program"]).ended(End::NotStarted("not_found"));
    share().run(["/share/plain"]).ended(End::NotStarted("not_executable"));
    share().run(["/share"]).ended(End::NotStarted("not_executable"));
    Dayfly::new().opt("--workdir", "/nowhere").run(["true"]).ended(End::NotStarted("bad_workdir"));
    let script = dir.path().join("script");
    fs::write(&script, "#!/no/such/interpreter\n").unwrap();
    fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    share().run(["/share/script"]).ended(End::NotStarted("not_found"));
}

#[test]
fn standard_input_that_cannot_be_had() {
    let _host = jail!();
    let dir = tempfile::tempdir().unwrap();
    for path in [dir.path().join("missing"), dir.path().to_owned()] {
        let run = Dayfly::new().opt("--stdin", &path).run(["cat"]);
        assert_eq!(run.code, 125, "{run:#?}");
        assert!(run.complaint.contains(path.to_str().unwrap()), "{run:#?}");
    }
    let fifo = dir.path().join("fifo");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let run = Dayfly::new().opt("--stdin", &fifo).opt("--wall-time", "1s").run(["cat"]);
    assert!([125, 124, 0].contains(&run.code), "{run:#?}");
}

#[test]
fn standard_input_arrives_whole() {
    let _host = jail!();
    let bytes: Vec<u8> = (0..3_000_000_u32).flat_map(u32::to_le_bytes).take(5_000_000).collect();
    let run = Dayfly::new().plain().stdin(bytes.clone()).run(["cat"]);
    assert!(run.raw == bytes, "{} of {} bytes came back", run.raw.len(), bytes.len());
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), &bytes).unwrap();
    let run = Dayfly::new().plain().opt("--stdin", file.path()).run(["cat"]);
    assert!(run.raw == bytes, "{} of {} bytes came back", run.raw.len(), bytes.len());
}

#[test]
fn streams_that_are_closed() {
    let _host = jail!();
    let jail = Dayfly::new().plain();
    for script in ["\"$@\" <&-", "\"$@\" >&-", "\"$@\" 2>&-", "\"$@\" <&- >&- 2>&-"] {
        let (code, _) = in_shell(script, &jail, &["sh", "-c", "cat; echo out; echo err >&2; exit 9"]);
        assert!([9, 125].contains(&code), "{script}: {code}");
    }
    let (code, _) = in_shell("\"$@\" >/dev/full", &jail, &["echo", "x"]);
    assert_eq!(code, 125, "output was lost without a word");
}

#[test]
fn the_reader_goes_away() {
    let _host = jail!();
    let jail = Dayfly::new().plain().opt("--output", "1G").opt("--wall-time", "10s");
    let start = std::time::Instant::now();
    let (code, shown) = in_shell("set -o pipefail; \"$@\" | head -n 1", &jail, &["yes"]);
    assert_eq!((code, shown.as_slice()), (141, b"y\n".as_slice()));
    assert!(start.elapsed() < soon(8));
}

#[test]
fn interrupt_and_interrupt_again() {
    let _host = jail!();
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        let mut running = Dayfly::new().spawn(["sh", "-c", "trap '' INT TERM HUP; echo started; sleep 100"]);
        sleep(Duration::from_millis(800));
        assert!(running.is_running());
        running.signal(signal);
        let run = running.wait();
        run.ended(End::Cancelled);
        assert!(run.wall < soon(5), "{run:#?}");
    }
    let running = Dayfly::new().plain().spawn(["sleep", "100"]);
    sleep(Duration::from_millis(500));
    for _ in 0..3 {
        running.signal(Signal::SIGINT);
    }
    let run: Run = running.wait();
    assert!([120, 128 + 2].contains(&run.code), "{run:#?}");
    // Whoever asks twice waits for nothing: the job is dead, and its empty group is left to a sweep.
    let swept =
        Command::new(dayfly()).args(["doctor", "--sweep"]).env_remove("DAYFLY_REQUIRE").output().unwrap();
    assert!(swept.status.success(), "{swept:?}");
}

#[test]
fn a_signal_that_was_ignored_before_stays_ignored() {
    let _host = jail!();
    let hang_up = "\"$@\" & while kill -s HUP $! 2>/dev/null; do sleep 0.05; done; wait $!";
    let command = ["sh", "-c", "sleep 1; echo done"];
    let (code, shown) = in_shell(&format!("trap '' HUP; {hang_up}"), &Dayfly::new().plain(), &command);
    assert_eq!((code, shown.as_slice()), (0, b"done\n".as_slice()));
    let (code, shown) = in_shell(hang_up, &Dayfly::new().plain(), &command);
    assert!(code != 0 && shown.is_empty(), "{code}");
}

#[test]
fn output_comes_as_it_is_made() {
    let _host = jail!();
    let script = "\"$@\" | { read -r first; date +%s%N; read -r second; date +%s%N; }";
    let (code, shown) = in_shell(script, &Dayfly::new().plain(), &["sh", "-c", "echo a; sleep 1; echo b"]);
    let times: Vec<u64> =
        String::from_utf8(shown).unwrap().lines().map(|line| line.parse().unwrap()).collect();
    assert!(code == 0 && times[1] - times[0] > 700_000_000, "{times:?}");
}

#[test]
fn drops_of_output_are_all_there() {
    let _host = jail!();
    let script = "import sys, time\nfor i in range(300):\n\tsys.stdout.write('x'); sys.stdout.flush(); time.sleep(0.002)";
    let run = Dayfly::new().opt("--policy", "interpreted").run(["/usr/bin/python3", "-c", script]);
    run.ended(End::Exit(0));
    assert_eq!(run.stdout, "x".repeat(300));
}

#[test]
fn any_byte_passes() {
    let _host = jail!();
    let every: Vec<u8> = (0..=255_u8).cycle().take(65_536).collect();
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&every).unwrap();
    let jail = Dayfly::new().plain().opt("--stdin", file.path());
    let run = jail.run(["cat"]);
    assert!(run.raw == every, "{} bytes came with {}: {}", run.raw.len(), run.code, run.stderr);
    let run = Dayfly::new().opt("--stdin", file.path()).run(["cat"]);
    run.ended(End::Exit(0));
    assert!(run.stdout.contains('\0') && run.stdout.contains('\u{fffd}'), "{run:#?}");
}

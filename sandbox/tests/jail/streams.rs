//! Standard streams: what goes in comes out, and nothing a job writes makes us grow.

use std::io::{Seek, Write};
use std::sync::{Arc, Mutex};

use dayfly_jobs::{Bytes, Limit, Limits, Termination};
use dayfly_sandbox::{Cancel, Command, Stdio};

use crate::{jail, limits, shell, stdout};

#[test]
fn every_kind_of_input_arrives() {
    let Some(jail) = jail("every_kind_of_input_arrives") else { return };
    let text: Vec<u8> = (0..300_000_u32).flat_map(|i| i.to_le_bytes()).collect();
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&text).unwrap();
    file.rewind().unwrap();
    let (read, write) = nix::unistd::pipe().unwrap();
    let copy = text.clone();
    let writer = std::thread::spawn(move || std::fs::File::from(write).write_all(&copy).unwrap());
    for (stdin, fed) in [
        (Stdio::bytes(text.clone()), text.len() as u64),
        (Stdio::file(file), 0),
        (Stdio::pump(read), text.len() as u64),
    ] {
        let command = Command::new("/bin/cat", limits()).stdin(stdin).stdout(Stdio::capture(Bytes::mib(4)));
        let outcome = jail.run(&command, &Cancel::never()).unwrap();
        assert_eq!(outcome.termination, Termination::Exited { code: 0 });
        assert_eq!(outcome.output.stdout.len(), text.len());
        assert!(outcome.output.stdout == text);
        assert_eq!(outcome.usage.input_bytes, fed);
        assert_eq!(outcome.usage.output_bytes, text.len() as u64);
    }
    writer.join().unwrap();
}

#[test]
fn input_that_nobody_reads_does_not_hold_anything_up() {
    let Some(jail) = jail("input_that_nobody_reads_does_not_hold_anything_up") else { return };
    let command = shell("exit 5").stdin(Stdio::bytes(vec![0; 10 << 20]));
    let outcome = jail.run(&command, &Cancel::never()).unwrap();
    assert_eq!(outcome.termination, Termination::Exited { code: 5 });
}

#[test]
fn capture_keeps_the_beginning_and_counts_the_rest() {
    let Some(jail) = jail("capture_keeps_the_beginning_and_counts_the_rest") else { return };
    let command = Command::new("/bin/sh", limits())
        .args(["-c", "head -c 100000 /dev/zero | tr '\\0' x; echo error >&2"])
        .stdout(Stdio::capture(Bytes::new(10)))
        .stderr(Stdio::capture(Bytes::new(100)));
    let outcome = jail.run(&command, &Cancel::never()).unwrap();
    assert_eq!(stdout(&outcome), "xxxxxxxxxx");
    assert_eq!(outcome.output.stderr, b"error\n");
    assert!(outcome.output.truncated);
    assert_eq!(outcome.usage.output_bytes, 100_006);
}

#[test]
fn the_output_limit_counts_both_streams() {
    let Some(jail) = jail("the_output_limit_counts_both_streams") else { return };
    let run = |bytes: u64| {
        let limits = Limits { output: Bytes::new(1000), ..limits() };
        let half = bytes / 2;
        let script = format!("head -c {half} /dev/zero; head -c {half} /dev/zero >&2");
        let command = Command::new("/bin/sh", limits).args(["-c", &script]);
        jail.run(&command, &Cancel::never()).unwrap().termination
    };
    assert_eq!(run(1000), Termination::Exited { code: 0 });
    assert_eq!(run(1002), Termination::LimitExceeded { limit: Limit::Output });
}

/// A writer that is slow, and one that fails.
struct Slow(Vec<u8>);

impl Write for Slow {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        std::thread::sleep(std::time::Duration::from_millis(2));
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

struct Broken;

impl Write for Broken {
    fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
        Err(std::io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_slow_sink_gets_everything_and_a_broken_one_changes_nothing() {
    let Some(jail) = jail("a_slow_sink_gets_everything_and_a_broken_one_changes_nothing") else { return };
    let slow = Arc::new(Mutex::new(Slow(Vec::new())));
    let script = "head -c 2000000 /dev/zero";
    let command = Command::new("/bin/sh", limits())
        .args(["-c", script])
        .stdout(Stdio::sink(slow.clone()))
        .stderr(Stdio::sink(Arc::new(Mutex::new(Broken))));
    let outcome = jail.run(&command, &Cancel::never()).unwrap();
    assert_eq!(outcome.termination, Termination::Exited { code: 0 });
    assert_eq!(slow.lock().unwrap().0.len(), 2_000_000);
    let noisy = command.stdout(Stdio::sink(Arc::new(Mutex::new(Broken))));
    assert_eq!(jail.run(&noisy, &Cancel::never()).unwrap().usage.output_bytes, 2_000_000);
}

#[test]
fn a_survivor_that_holds_the_output_open_is_not_waited_for() {
    let Some(jail) = jail("a_survivor_that_holds_the_output_open_is_not_waited_for") else { return };
    let mut sandbox = jail.create().unwrap();
    let start = std::time::Instant::now();
    let outcome = sandbox.exec(&shell("sleep 1000 & echo started"), &Cancel::never()).unwrap();
    assert_eq!(stdout(&outcome), "started\n");
    let flood = sandbox.exec(&shell("yes & sleep 0.1"), &Cancel::never());
    assert!(flood.is_ok());
    assert!(start.elapsed() < std::time::Duration::from_secs(8));
}

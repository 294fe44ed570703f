//! A service as a child of the test, killed and signalled as that child only.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::baseline;

/// A process of Dayfly that runs until it is told to end. Dropping it kills it.
#[derive(Debug)]
pub struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts it; what it says goes to a file.
    pub(crate) fn spawn(command: &mut Command, log: &Path) -> Self {
        let output = File::options().create(true).append(true).open(log).unwrap();
        let child = command
            .env(baseline::MARK, baseline::mark())
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        Self { child, log: log.to_owned() }
    }

    /// Its number.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Kills it as the kernel would, and waits until it is gone.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Sends it a signal.
    #[expect(clippy::disallowed_methods, reason = "an unreaped child of ours keeps its number")]
    pub fn signal(&self, signal: Signal) {
        let pid = nix::unistd::Pid::from_raw(i32::try_from(self.child.id()).unwrap());
        nix::sys::signal::kill(pid, signal).unwrap();
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Requires that it still runs.
    #[track_caller]
    pub fn assert_running(&mut self) {
        assert!(self.is_running(), "it ended by itself:\n{}", self.log());
    }

    /// Its exit status, when it ends within this time.
    #[track_caller]
    pub fn ends_within(&mut self, time: Duration) -> ExitStatus {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(start.elapsed() < time, "it did not end within {time:?}:\n{}", self.log());
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Tells it to end and requires that it does, in order and within this time.
    #[track_caller]
    pub fn terminate(&mut self, time: Duration) {
        self.signal(Signal::SIGTERM);
        let status = self.ends_within(time);
        assert!(status.success(), "{status}:\n{}", self.log());
    }

    /// A size from its status: `VmHWM` is the most memory it ever held, in KiB.
    pub fn kibibytes(&self, field: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        line.and_then(|line| line.split_whitespace().next()?.parse().ok())
            .unwrap_or_else(|| panic!("no {field} in:\n{status}"))
    }

    /// The end of what it has said.
    pub fn log(&self) -> String {
        let text = fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(&text[text.len().saturating_sub(6000)..]).into_owned()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

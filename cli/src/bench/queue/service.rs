//! A scheduler, with or without a worker, as a process of its own on a temporary folder; and what it uses.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, SysconfVar, sysconf};
use tempfile::TempDir;

use crate::client::{Client, Discovered, Target};
use crate::error::CliError;

/// How long it may take to listen.
const PATIENCE: Duration = Duration::from_secs(20);

/// What is started.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    /// Scheduler and worker.
    Up,
    /// The scheduler alone.
    Scheduler,
}

/// One that runs; killed when dropped.
pub(crate) struct Service {
    child: Child,
    folder: TempDir,
}

impl Service {
    pub(crate) fn start(own: &Path, kind: Kind) -> Result<Self, CliError> {
        let cannot = |error: std::io::Error| {
            CliError::bench(format!("cannot start the service: {error}"), "free some memory or disk")
        };
        let folder = tempfile::tempdir().map_err(cannot)?;
        let name = match kind {
            Kind::Up => "up",
            Kind::Scheduler => "scheduler",
        };
        let child = Command::new(own)
            .args([name, "--listen=127.0.0.1:0", "--data"])
            .arg(folder.path().join("data"))
            // All of the log is to be kept while its stream is measured.
            .env("DAYFLY_WORKER__LOG", "8G")
            .env("DAYFLY_WORKER__CACHE", folder.path().join("worker"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(cannot)?;
        Ok(Self { child, folder })
    }

    /// A client for it, once it listens.
    pub(crate) fn client(&self) -> Result<Client, CliError> {
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            if let Some(found) = Discovered::read(&self.folder.path().join("data"))? {
                return Client::new(Target::of(&found)?);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Err(CliError::bench("the service did not start", "look why: dayfly up"))
    }

    fn status(&self, key: &str) -> Result<f64, CliError> {
        let text = self.proc("status")?;
        let line = text.lines().find_map(|line| line.strip_prefix(key));
        let kib: Option<f64> = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
        kib.map(|kib| kib / 1024.0)
            .ok_or_else(|| CliError::bench("the service has ended", "look why: dayfly up"))
    }

    /// Memory it has now, in MiB.
    pub(crate) fn resident_mib(&self) -> Result<f64, CliError> {
        self.status("VmRSS:")
    }

    /// The most memory it ever had, in MiB.
    pub(crate) fn peak_mib(&self) -> Result<f64, CliError> {
        self.status("VmHWM:")
    }

    /// Processor time it used.
    pub(crate) fn cpu_time(&self) -> Result<Duration, CliError> {
        let text = self.proc("stat")?;
        // After the name, which may hold anything: state is the first, user and system time the 12th and 13th.
        let fields = text.rsplit_once(") ").map_or("", |(_, rest)| rest).split(' ');
        let ticks: u32 = fields.skip(11).take(2).filter_map(|field| field.parse::<u32>().ok()).sum();
        let rate = sysconf(SysconfVar::CLK_TCK).ok().flatten().and_then(|rate| u32::try_from(rate).ok());
        Ok(Duration::from_secs(1) * ticks / rate.unwrap_or(100).max(1))
    }

    fn proc(&self, file: &str) -> Result<String, CliError> {
        let path = format!("/proc/{}/{file}", self.child.id());
        fs::read_to_string(&path).map_err(|error| CliError::path("read", path.as_ref(), error))
    }

    /// Ends it in order.
    #[expect(clippy::disallowed_methods, reason = "a child of ours that was not waited for keeps its number")]
    pub(crate) fn stop(mut self) -> Result<(), CliError> {
        let pid = i32::try_from(self.child.id()).map(Pid::from_raw);
        if let Ok(pid) = pid {
            // One that has ended by itself is noticed next.
            kill(pid, Signal::SIGTERM).ok();
        }
        let ended = self.child.wait().map_err(CliError::Runtime)?;
        match ended.success() {
            true => Ok(()),
            false => Err(CliError::bench(format!("the service ended with {ended}"), "look why: dayfly up")),
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

//! The host before a test, compared with the host after it.
//!
//! The kernel takes some things apart after the process that held them has ended, so what is new is given a
//! few seconds to go. What other programs make in the meantime does not matter: only what was there right
//! after the test has to vanish.

use std::fs::File;
use std::thread;
use std::time::{Duration, Instant};

use nix::fcntl::{Flock, FlockArg};

use crate::binary::scratch;
use crate::snapshot::{self, Snapshot};
use crate::soon;

/// The variable that marks every process a test starts. It must not look like configuration of Dayfly.
pub(crate) const MARK: &str = "JAIL_TEST_MARK";

/// How long the kernel may take to take things apart, and a neighbour its time.
const PATIENCE_SECONDS: u64 = 15;

/// Memory of tmpfs files that other programs may take during a test.
const MEMORY_SLACK_KIB: u64 = 128 * 1024;

/// Whether a test shares the machine with other tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alone {
    /// It does.
    No,
    /// It measures time or the whole host, so no other test may run.
    Yes,
}

/// The host as it was when the test began. Dropping it compares.
#[derive(Debug)]
#[must_use = "the comparison happens when it is dropped: bind it to a name"]
pub struct Baseline {
    before: Snapshot,
    shared_memory: u64,
    _lock: Flock<File>,
}

/// The value of [`MARK`] for the running test.
pub(crate) fn mark() -> String {
    let thread = thread::current();
    format!("{}-{}", std::process::id(), thread.name().unwrap_or("unnamed"))
}

impl Baseline {
    /// Waits for its turn and looks at the host.
    pub fn take(alone: Alone) -> Self {
        let turn = File::options().create(true).append(true).open(scratch().join("turn.lock")).unwrap();
        let how = match alone {
            Alone::No => FlockArg::LockShared,
            Alone::Yes => FlockArg::LockExclusive,
        };
        let lock = Flock::lock(turn, how).map_err(|(_, errno)| errno).unwrap();
        Self { before: Self::look(), shared_memory: snapshot::shared_memory(), _lock: lock }
    }

    fn look() -> Snapshot {
        snapshot::take(&format!("{MARK}={}", mark()))
    }

    /// What is new since then and does not go away.
    pub fn leftovers(&self) -> Vec<String> {
        let start = Instant::now();
        let mut now = Self::look();
        let lost: Vec<String> =
            self.before.difference(&now).filter(|line| line.starts_with("mount ")).cloned().collect();
        let mut left: Snapshot = now.difference(&self.before).cloned().collect();
        while !left.is_empty() && start.elapsed() < soon(PATIENCE_SECONDS) {
            thread::sleep(Duration::from_millis(20));
            now = Self::look();
            left.retain(|line| now.contains(line));
        }
        let mut left: Vec<String> = left.into_iter().collect();
        left.extend(lost.iter().map(|mount| format!("lost: {mount}")));
        left.extend(self.memory_kept(start));
        left
    }

    fn memory_kept(&self, start: Instant) -> Option<String> {
        loop {
            let kept = snapshot::shared_memory().saturating_sub(self.shared_memory);
            if kept <= MEMORY_SLACK_KIB {
                return None;
            }
            if start.elapsed() > soon(PATIENCE_SECONDS) {
                return Some(format!("{kept} KiB of shared memory"));
            }
            thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Baseline {
    fn drop(&mut self) {
        if !thread::panicking() {
            let left = self.leftovers();
            assert!(left.is_empty(), "left behind on the host:\n  {}", left.join("\n  "));
        }
    }
}

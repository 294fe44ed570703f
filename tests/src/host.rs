//! What this host offers to the tests, and how a test says that it cannot run here.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;

use crate::{Alone, Baseline, Dayfly};

/// The first of the user ids that Dayfly gives to jails when it runs as root.
pub const ROOT_UID_BASE: u32 = 0x7000_0000;

/// Whether the tests run as root.
pub fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// The number of processors.
pub fn cpus() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// How many times slower than usual this machine is, where `DAYFLY_TEST_SLOWNESS` says so: the proving ground is
/// emulated.
pub fn slowness() -> u32 {
    static SLOWNESS: OnceLock<u32> = OnceLock::new();
    *SLOWNESS.get_or_init(|| match std::env::var("DAYFLY_TEST_SLOWNESS") {
        Ok(factor) => factor.parse().expect("DAYFLY_TEST_SLOWNESS is a number"),
        Err(_) => 1,
    })
}

/// What takes less than this on a usual machine, and no longer than its slowness allows for here.
pub fn soon(seconds: u64) -> Duration {
    Duration::from_secs(seconds) * slowness()
}

/// Microseconds that a usual machine may be late by, in milliseconds, and as much more as this one is slower.
pub fn late(milliseconds: u64) -> u64 {
    milliseconds * 1000 * u64::from(slowness())
}

/// Whether a program is installed where the default root of a jail can show it, or at this absolute path.
pub fn has(program: &str) -> bool {
    match program.starts_with('/') {
        true => Path::new(program).exists(),
        false => ["/usr/bin", "/usr/sbin"].iter().any(|dir| Path::new(dir).join(program).exists()),
    }
}

/// Tells that the running test was skipped, on standard error and in the file that `DAYFLY_SKIP_LOG` names.
/// `DAYFLY_REQUIRE=all` makes that a failure: the full lane may not pass by not running.
#[expect(clippy::print_stderr, reason = "a skip must be seen in the test's output")]
pub fn skipped(reason: &str) {
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("unnamed");
    if std::env::var("DAYFLY_REQUIRE").is_ok_and(|value| value == "all") {
        panic!("SKIP {test}: {reason}, but DAYFLY_REQUIRE=all forbids skipping");
    }
    eprintln!("SKIP {test}: {reason}");
    if let Some(log) = std::env::var_os("DAYFLY_SKIP_LOG") {
        let mut log = File::options().create(true).append(true).open(log).unwrap();
        writeln!(log, "SKIP {test}: {reason}").unwrap();
    }
}

/// Opens a test that runs jails: see [`crate::jail!`].
///
/// # Errors
/// Why the test cannot run here.
pub fn open(root: bool, alone: Alone) -> Result<Baseline, String> {
    if root && !is_root() {
        return Err("needs root: run the tests as root".to_owned());
    }
    usable().clone()?;
    Ok(Baseline::take(alone))
}

/// Whether this user gets a jail on this host at all; the reason Dayfly gives otherwise. Root always must.
/// `DAYFLY_TEST_USABLE=yes` promises it, so that not every one of hundreds of test processes has to try.
pub fn usable() -> &'static Result<(), String> {
    static USABLE: OnceLock<Result<(), String>> = OnceLock::new();
    USABLE.get_or_init(|| {
        if std::env::var("DAYFLY_TEST_USABLE").is_ok_and(|value| value == "yes") {
            return Ok(());
        }
        let run = Dayfly::new().run(["/usr/bin/true"]);
        match run.code {
            0 => Ok(()),
            125 if !is_root() => {
                Err(format!("needs a host that gives jails to this user: {}", run.complaint))
            }
            code => panic!("`dayfly run -- /usr/bin/true` ended with {code}: {}", run.complaint),
        }
    })
}

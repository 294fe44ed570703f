//! Finds the `dayfly` under test.
//!
//! `DAYFLY_BIN` names it where the tests were carried to another machine. Otherwise it is built once per test
//! run, so that what is tested is never older than the tests: artifact dependencies are not stable yet, and a
//! binary that merely lies in the target folder may be stale.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use nix::fcntl::{Flock, FlockArg};

/// The path of the `dayfly` under test.
pub fn dayfly() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| match env::var_os("DAYFLY_BIN") {
        Some(path) => fs::canonicalize(&path).unwrap_or_else(|error| panic!("DAYFLY_BIN {path:?}: {error}")),
        None => build_once(),
    })
}

/// The folder that holds everything made for the tests; shared by the processes of one run.
pub(crate) fn scratch() -> PathBuf {
    let dir = match env::var_os("DAYFLY_TEST_SCRATCH") {
        Some(dir) => PathBuf::from(dir),
        None => profile_dir().join("../test-scratch"),
    };
    fs::create_dir_all(&dir).unwrap();
    fs::canonicalize(dir).unwrap()
}

/// `target/debug`, for a test executable at `target/debug/deps/it-0123`.
fn profile_dir() -> PathBuf {
    let exe = env::current_exe().unwrap();
    match exe.ancestors().find(|dir| dir.file_name().is_some_and(|name| name == "deps")) {
        Some(deps) => deps.parent().unwrap().to_owned(),
        None => env::temp_dir().join("jail-tests/none"),
    }
}

fn build_once() -> PathBuf {
    let profile_dir = profile_dir();
    let binary = profile_dir.join("dayfly");
    let scratch = scratch();
    let lock = File::create(scratch.join("build.lock")).unwrap();
    let _lock = Flock::lock(lock, FlockArg::LockExclusive).map_err(|(_, errno)| errno).unwrap();
    let stamp = scratch.join("built-for");
    let run = run_id();
    if fs::read_to_string(&stamp).is_ok_and(|done| done == run) && binary.exists() {
        return binary;
    }
    build(&profile_dir);
    fs::write(stamp, run).unwrap();
    binary
}

/// Names this test run: the runner's own id where each test is a process, else this process.
fn run_id() -> String {
    env::var("NEXTEST_RUN_ID").unwrap_or_else(|_| {
        let stat = fs::read_to_string("/proc/self/stat").unwrap();
        let started = stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(19)).unwrap();
        format!("{}-{started}", std::process::id())
    })
}

fn build(profile_dir: &Path) {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let profile = match profile_dir.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(name) => name,
    };
    let output = Command::new(cargo)
        .args(["build", "--quiet", "--package", "dayfly", "--bin", "dayfly", "--profile", profile])
        .arg("--manifest-path")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.toml"))
        .arg("--target-dir")
        .arg(profile_dir.parent().unwrap())
        .output()
        .unwrap();
    assert!(output.status.success(), "building dayfly: {}", String::from_utf8_lossy(&output.stderr));
}

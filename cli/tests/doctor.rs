//! `dayfly doctor` on the host the tests run on, as whoever runs them and as nobody.
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail by panicking")]

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

const NOBODY: u32 = 65_534;

/// The binary where everybody may run it, and a home without a configuration.
struct Stage(TempDir);

impl Stage {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        // Not copied by ourselves: a child that another test starts meanwhile would hold the file open for
        // writing, and nobody could execute it.
        let copied = Command::new("/bin/cp").arg(env!("CARGO_BIN_EXE_dayfly")).arg(folder.path()).status();
        assert!(copied.unwrap().success());
        Self(folder)
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env_clear().env("HOME", self.0.path()).current_dir("/").stdin(Stdio::null());
        command
    }

    fn dayfly(&self) -> String {
        self.0.path().join("dayfly").display().to_string()
    }
}

/// The report of a doctor that must have made one, and its exit code.
fn report(command: &mut Command) -> (Value, i32) {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let report = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {said}"));
    (report, output.status.code().unwrap())
}

fn standing<'a>(report: &'a Value, id: &str) -> Option<&'a str> {
    let checks = report["checks"].as_array().unwrap();
    checks.iter().find(|check| check["id"] == id)?["standing"].as_str()
}

/// Whether root runs the tests; says so when it is not, and fails where that must not be.
fn is_root(what: &str) -> bool {
    let root = fs::read_to_string("/proc/self/status").unwrap().contains("\nUid:\t0\t0");
    root || skip(&format!("{what} needs root"))
}

/// Tells why a test does not run here, past the harness, which keeps to itself what a passing test prints.
fn skip(why: &str) -> bool {
    assert_ne!(std::env::var("DAYFLY_REQUIRE").as_deref(), Ok("all"), "skipped: {why}");
    std::io::stderr().write_all(format!("skipped: {why}\n").as_bytes()).unwrap();
    false
}

/// What holds for every report: the code is that of the findings, what is not well has a fix, and limits are
/// proved exactly when a jail runs.
fn check(report: &Value, code: i32) {
    let checks = report["checks"].as_array().unwrap();
    assert!(checks.len() > 25, "{report}");
    let missing = checks.iter().any(|check| check["standing"] == "missing");
    assert_eq!((report["usable"].as_bool(), code), (Some(!missing), i32::from(missing)), "{report:#}");
    for check in checks.iter().filter(|check| check["standing"] != "ok") {
        assert!(check["fix"].is_string() && check["lost"].is_string(), "{check}");
    }
    let proofs = checks.iter().filter(|check| check["id"].as_str().unwrap().starts_with("limit.")).count();
    assert_eq!(proofs, if standing(report, "isolation.jail") == Some("ok") { 12 } else { 0 }, "{report:#}");
}

#[test]
fn the_caller_gets_a_report() {
    let stage = Stage::new();
    let (report, code) = report(stage.command(&stage.dayfly()).args(["doctor", "--json", "--timing"]));
    check(&report, code);
    assert!(standing(&report, "timing.grade").is_some());
    assert_eq!(report["sweep"], Value::Null);
}

#[test]
fn root_on_a_good_host_has_every_limit_proved() {
    if !is_root("proving limits") {
        return;
    }
    let stage = Stage::new();
    let (report, code) = report(stage.command(&stage.dayfly()).args(["doctor", "--json"]));
    check(&report, code);
    for check in report["checks"].as_array().unwrap() {
        assert_ne!(check["standing"], "missing", "{check}");
    }
}

#[test]
fn nobody_gets_a_report_too() {
    if !is_root("becoming nobody") {
        return;
    }
    let stage = Stage::new();
    let (report, code) =
        report(stage.command(&stage.dayfly()).args(["doctor", "--json"]).uid(NOBODY).gid(NOBODY));
    check(&report, code);
    assert_eq!(standing(&report, "isolation.user_ids"), Some("degraded"));
}

#[test]
fn a_covered_proc_is_found_and_named() {
    if !is_root("covering /proc") {
        return;
    }
    let stage = Stage::new();
    let script = format!("mount -t tmpfs none /proc/fs && exec {} doctor --json", stage.dayfly());
    let (report, code) =
        report(stage.command("/usr/bin/unshare").args(["--mount", "/bin/sh", "-c", &script]));
    check(&report, code);
    assert_eq!((standing(&report, "isolation.proc"), code), (Some("missing"), 1));
    assert_eq!(standing(&report, "isolation.jail"), Some("missing"));
}

#[test]
fn without_user_namespaces_nothing_runs_and_the_fix_is_the_switch() {
    let stage = Stage::new();
    let mut trial = stage.command("/usr/bin/unshare");
    if !trial.args(["--user", "--map-root-user", "/bin/true"]).status().unwrap().success() {
        skip("there are no user namespaces to take away");
        return;
    }
    let script =
        format!("echo 0 > /proc/sys/user/max_user_namespaces && exec {} doctor --json", stage.dayfly());
    let (report, code) = report(stage.command("/usr/bin/unshare").args([
        "--user",
        "--map-root-user",
        "/bin/sh",
        "-c",
        &script,
    ]));
    check(&report, code);
    let checks = report["checks"].as_array().unwrap();
    let user = checks.iter().find(|check| check["id"] == "isolation.user_namespace").unwrap();
    assert_eq!((user["standing"].as_str(), code), (Some("missing"), 1));
    assert_eq!(user["fix"], "sudo sysctl -w user.max_user_namespaces=15000");
}

#[test]
fn a_sweep_is_told() {
    let stage = Stage::new();
    let output = stage.command(&stage.dayfly()).args(["doctor", "--sweep"]).output().unwrap();
    let first = String::from_utf8(output.stdout).unwrap().lines().next().unwrap().to_owned();
    match output.status.code() {
        Some(0 | 1) => assert!(first.starts_with("sweep: control groups of dead runs removed: "), "{first}"),
        Some(125) => assert!(first.starts_with("sweep failed: "), "{first}"),
        other => panic!("{other:?}: {first}"),
    }
}

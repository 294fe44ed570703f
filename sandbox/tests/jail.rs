//! The jail as a library, on a host where it can be made: needs root or a delegated cgroup.
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail the test")]

mod jail {
    mod floor;
    mod pool;
    mod sandbox;
    mod streams;
    mod total;
    mod workspace;
}

use std::sync::Arc;

use dayfly_jobs::{Bytes, CpuTime, Limits, Outcome, WallTime};
use dayfly_sandbox::{Command, Jail, JailBuilder, Stdio};

/// The policy most tests run under.
fn policy() -> Arc<dayfly_policies::Policy> {
    dayfly_policies::Catalog::builtin().get("interpreted").unwrap()
}

/// Limits that nothing here comes near unless it means to.
fn limits() -> Limits {
    Limits {
        cpu_time: CpuTime::secs(5),
        wall_time: WallTime::secs(10),
        memory: Bytes::mib(128),
        ..policy().default_limits().clone()
    }
}

/// A jail, or `None` with a named skip on a host that cannot make one.
fn jail(test: &str) -> Option<Jail> {
    jail_of(test, |jail| jail)
}

/// The same with something changed about it.
fn jail_of(test: &str, change: impl FnOnce(JailBuilder) -> JailBuilder) -> Option<Jail> {
    built(test, change(Jail::builder(policy())))
}

/// The same under a policy of the test's own.
fn jail_under(policy: Arc<dayfly_policies::Policy>, test: &str) -> Option<Jail> {
    built(test, Jail::builder(policy))
}

fn built(test: &str, jail: JailBuilder) -> Option<Jail> {
    match jail.build() {
        Ok(jail) => Some(jail),
        Err(error) if std::env::var_os("DAYFLY_REQUIRE").is_none() => {
            skip(test, &error.to_string());
            None
        }
        Err(error) => panic!("{test} must run here: {error}"),
    }
}

fn skip(test: &str, reason: &str) {
    use std::io::Write;
    let line = format!("SKIP {test}: {reason}\n");
    std::io::stderr().write_all(line.as_bytes()).unwrap();
    if let Some(log) = std::env::var_os("DAYFLY_SKIP_LOG") {
        let file = std::fs::OpenOptions::new().append(true).create(true).open(log);
        file.unwrap().write_all(line.as_bytes()).unwrap();
    }
}

/// A shell command with both outputs captured.
fn shell(script: &str) -> Command {
    Command::new("/bin/sh", limits())
        .args(["-c", script])
        .env("PATH", "/usr/bin:/bin")
        .stdout(Stdio::capture(Bytes::kib(64)))
        .stderr(Stdio::capture(Bytes::kib(64)))
}

fn stdout(outcome: &Outcome) -> String {
    String::from_utf8_lossy(&outcome.output.stdout).into_owned()
}

//! Attacks on what the job must not know.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use dayfly_tests::{Dayfly, End, ROOT_UID_BASE, Secret, is_root, jail};

const IDENTITY: &str = "/payload/identity";

/// A text with each character raised by one: the search must not find its own arguments.
fn veiled(text: &str) -> String {
    text.bytes().map(|byte| char::from(byte + 1)).collect()
}

#[test]
fn row_83_environment_and_arguments_of_others() {
    let _host = jail!();
    let secret = Secret::new();
    let text = secret.text();
    let bystander = Command::new("sleep").arg("20").env("BYSTANDER", text).spawn().unwrap();
    let other = Dayfly::new().also("--env", format!("OTHER={text}")).spawn(["sh", "-c", "sleep 5; :", text]);
    let run = Dayfly::hostile()
        .host_env("CANARY", text)
        .opt("--wall-time", "60s")
        .opt("--cpu-time", "30s")
        .run([IDENTITY, "search", &veiled(text)]);
    run.ended(End::Exit(0)).got_nothing().tells_nothing_of(text);
    assert!(run.stdout.contains("searched"), "{run:#?}");
    other.wait().ended(End::Exit(0));
    let mut bystander = bystander;
    bystander.kill().unwrap();
    bystander.wait().unwrap();
    let run = Dayfly::new().host_env("CANARY", text).run(["env"]);
    run.tells_nothing_of(text);
    for name in ["SSH_", "AWS_", "GITHUB_", "CARGO_PKG", "USER=", "RUST_"] {
        assert!(!run.stdout.contains(name), "{run:#?}");
    }
}

#[test]
fn row_83_the_search_finds_what_is_there() {
    let _host = jail!();
    let text = "needle-that-is-given";
    let run = Dayfly::hostile().also("--env", format!("GIVEN={text}")).opt("--cpu-time", "30s").run([
        IDENTITY,
        "search",
        &veiled(text),
    ]);
    assert!(run.stdout.contains("FOUND in the environment"), "{run:#?}");
}

#[test]
fn row_84_no_core_of_a_crash() {
    let _host = jail!();
    let share = tempfile::tempdir().unwrap();
    let run = Dayfly::hostile().share(share.path()).opt("--workdir", "/share").run([IDENTITY, "crash"]);
    run.ended(End::Signal(6));
    let limits = run.stdout.lines().find_map(|line| line.strip_prefix("core ")).unwrap();
    // A handler behind a pipe is not stopped by a limit of 0, only by one of 1.
    let piped = fs::read_to_string("/proc/sys/kernel/core_pattern").unwrap().starts_with('|');
    assert!(limits == "1 1" || (limits == "0 0" && !piped), "{run:#?}");
    run.refused(&["raise core"]);
    assert_eq!(fs::read_dir(share.path()).unwrap().count(), 0, "a core was written");
}

/// Gives the host its own core handler back.
struct CorePattern(String);

impl Drop for CorePattern {
    fn drop(&mut self) {
        fs::write("/proc/sys/kernel/core_pattern", &self.0).ok();
    }
}

#[test]
fn row_84_crash_handlers_of_the_host_alone() {
    let _host = jail!(root, alone);
    let dir = tempfile::Builder::new().prefix("handler-").tempdir_in("/tmp").unwrap();
    let (handler, log) = (dir.path().join("handler"), dir.path().join("log"));
    fs::write(&handler, format!("#!/bin/sh\necho \"$1\" >> {}\ncat > /dev/null\n", log.display())).unwrap();
    fs::set_permissions(&handler, fs::Permissions::from_mode(0o755)).unwrap();
    let before = CorePattern(fs::read_to_string("/proc/sys/kernel/core_pattern").unwrap());
    if fs::write("/proc/sys/kernel/core_pattern", format!("|{} %u", handler.display())).is_err() {
        dayfly_tests::skip!("needs a writable /proc/sys/kernel/core_pattern: run outside of a container");
    }
    Command::new("sh").args(["-c", "ulimit -c unlimited; kill -SEGV $$"]).status().unwrap();
    std::thread::sleep(std::time::Duration::from_millis(300));
    let calls = |path: &Path| fs::read_to_string(path).unwrap_or_default();
    assert!(calls(&log).contains('0'), "the handler does not work, so this test would prove nothing");
    Dayfly::hostile().run([IDENTITY, "crash"]).ended(End::Signal(6));
    std::thread::sleep(std::time::Duration::from_millis(300));
    drop(before);
    let users: Vec<u32> = calls(&log).lines().filter_map(|line| line.parse().ok()).collect();
    assert!(
        users.iter().all(|uid| *uid < ROOT_UID_BASE),
        "a job's crash reached the host's handler: {users:?}"
    );
}

#[test]
fn row_85_nothing_of_an_earlier_job() {
    let _host = jail!();
    let write = "echo old-secret > /box/a; echo old-secret > /tmp/b; echo old-secret > /dev/shm/c; \
                 head -c 20M /dev/urandom > /box/filler";
    for _ in 0..3 {
        Dayfly::new().run(["bash", "-c", write]).ended(End::Exit(0));
        let run = Dayfly::hostile().run([IDENTITY, "leftovers"]);
        run.ended(End::Exit(0));
        assert!(!run.stdout.contains("FOUND"), "{run:#?}");
    }
}

#[test]
fn row_85_files_of_a_reused_user_id() {
    let _host = jail!(root);
    let share = tempfile::tempdir().unwrap();
    fs::set_permissions(share.path(), fs::Permissions::from_mode(0o777)).unwrap();
    Dayfly::new()
        .share(share.path())
        .run(["sh", "-c", "echo x > /share/left; chmod 4777 /share/left"])
        .ended(End::Exit(0));
    let owner = std::os::unix::fs::MetadataExt::uid(&fs::metadata(share.path().join("left")).unwrap());
    assert!(
        !is_root() || owner < ROOT_UID_BASE,
        "a file on the host belongs to a user id of jails: {owner:#x}"
    );
}

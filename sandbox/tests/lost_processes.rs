//! Processes of ours killed by something outside of Dayfly. One test in a binary of its own: it kills every
//! child of its process, so nothing else may run in it.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::time::{Duration, Instant};

use dayfly_jobs::Bytes;
use dayfly_sandbox::{Cancel, Command, Jail, Pool, SandboxError, Stdio};

#[test]
fn lost_processes_are_noticed_and_replaced() {
    let policy = dayfly_policies::Catalog::builtin().get("interpreted").unwrap();
    let limits = policy.default_limits().clone();
    let Some(jail) = built(Jail::builder(policy).build()) else { return };
    let echo = Command::new("/bin/echo", limits.clone()).arg("works").stdout(Stdio::capture(Bytes::new(64)));
    let pool = Pool::new(jail.clone(), 2).unwrap();
    wait_until_full(&pool, 2);
    children().into_iter().for_each(kill);
    // The jail that was just being made may be given out before its loss shows; that is an error, and the
    // ones after it are whole.
    let works = || pool.take()?.exec(&echo, &Cancel::never()).map(|outcome| outcome.output.stdout);
    let losses = (0..20).filter(|_| works().is_err()).count();
    assert!(losses <= 3, "{losses} of 20");
    assert_eq!(works().unwrap(), b"works\n");
    drop(pool);
    // Killed at any moment of their making or running: an error or a signal, never a hang or a leak.
    let sleep = Command::new("/bin/sleep", limits).arg("0.02");
    for round in 0_u64..60 {
        let killer = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_micros(round * 150));
            children().into_iter().for_each(kill);
        });
        // What it ends as depends on who was hit; that it ends, and that nothing of it stays, does not.
        let ended = jail.run(&sleep, &Cancel::never()).is_ok();
        killer.join().unwrap();
        assert_eq!(children(), Vec::<i32>::new(), "round {round}, ended: {ended}");
    }
}

/// The jail, or a named skip where none can be made and none is demanded.
fn built(jail: Result<Jail, SandboxError>) -> Option<Jail> {
    use std::io::Write;
    jail.inspect_err(|error| {
        assert!(std::env::var_os("DAYFLY_REQUIRE").is_none(), "this test must run here: {error}");
        let line = format!("SKIP lost_processes_are_noticed_and_replaced: {error}\n");
        std::io::stderr().write_all(line.as_bytes()).unwrap();
        if let Some(log) = std::env::var_os("DAYFLY_SKIP_LOG") {
            let file = std::fs::OpenOptions::new().append(true).create(true).open(log);
            file.unwrap().write_all(line.as_bytes()).unwrap();
        }
    })
    .ok()
}

fn wait_until_full(pool: &Pool, size: usize) {
    let start = Instant::now();
    while pool.ready() < size {
        assert!(start.elapsed() < Duration::from_secs(20), "the pool does not fill");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Numbers of this process's children.
fn children() -> Vec<i32> {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let list = |task: std::fs::DirEntry| std::fs::read_to_string(task.path().join("children"));
    let lists = tasks.filter_map(|task| list(task.unwrap()).ok());
    lists
        .flat_map(|list| list.split_whitespace().map(|pid| pid.parse().unwrap()).collect::<Vec<_>>())
        .collect()
}

#[expect(clippy::disallowed_methods, reason = "plays the stranger who kills by number")]
fn kill(pid: i32) {
    // It may be gone already. Not by a child process: that would be one of those to kill.
    let target = nix::unistd::Pid::from_raw(pid);
    nix::sys::signal::kill(target, nix::sys::signal::Signal::SIGKILL).ok();
}

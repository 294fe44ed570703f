//! What a pool makes jails from. One test in a binary of its own: it looks at every child of its process, so
//! nothing else may run in it.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::time::{Duration, Instant};

use dayfly_sandbox::{Cancel, Command, Jail, Pool, SandboxError};

const GROWN: usize = 64 << 20;

#[test]
fn jails_of_a_pool_are_no_copies_of_what_the_supervisor_has_become() {
    let policy = dayfly_policies::Catalog::builtin().get("strict").unwrap();
    let limits = policy.default_limits().clone();
    let Some(jail) = built(Jail::builder(policy).build()) else { return };
    let pool = Pool::new(jail, 1).unwrap();
    let grown = std::hint::black_box(vec![1_u8; GROWN]);
    for round in 0..3 {
        let mut sandbox = pool.take().unwrap();
        sandbox.exec(&Command::new("/bin/true", limits.clone()), &Cancel::never()).unwrap();
        wait_until_full(&pool);
        for pid in children() {
            let anonymous = anonymous_kib(pid);
            assert!(
                anonymous.is_none_or(|kib| kib < (GROWN as u64) >> 11),
                "round {round}: {anonymous:?} KiB"
            );
        }
    }
    drop((grown, pool));
    assert_eq!(children(), Vec::<i32>::new());
}

/// The jail, or a named skip where none can be made and none is demanded.
fn built(jail: Result<Jail, SandboxError>) -> Option<Jail> {
    use std::io::Write;
    jail.inspect_err(|error| {
        assert!(std::env::var_os("DAYFLY_REQUIRE").is_none(), "this test must run here: {error}");
        let line = format!("SKIP jails_of_a_pool_are_no_copies_of_what_the_supervisor_has_become: {error}\n");
        std::io::stderr().write_all(line.as_bytes()).unwrap();
        if let Some(log) = std::env::var_os("DAYFLY_SKIP_LOG") {
            let file = std::fs::OpenOptions::new().append(true).create(true).open(log);
            file.unwrap().write_all(line.as_bytes()).unwrap();
        }
    })
    .ok()
}

fn wait_until_full(pool: &Pool) {
    let start = Instant::now();
    while pool.ready() < 1 {
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

/// Memory of a process that is no file's; `None` when it is gone.
fn anonymous_kib(pid: i32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"))?;
    line.split_whitespace().next()?.parse().ok()
}

//! For tests that look at every child of their process, each of which is alone in its binary.

use std::time::{Duration, Instant};

use dayfly_sandbox::{Jail, Pool, SandboxError};

/// The jail, or a skip under the test's name where none can be made and none is demanded.
pub(crate) fn built(test: &str, jail: Result<Jail, SandboxError>) -> Option<Jail> {
    use std::io::Write;
    jail.inspect_err(|error| {
        assert!(std::env::var_os("DAYFLY_REQUIRE").is_none(), "this test must run here: {error}");
        let line = format!("SKIP {test}: {error}\n");
        std::io::stderr().write_all(line.as_bytes()).unwrap();
        if let Some(log) = std::env::var_os("DAYFLY_SKIP_LOG") {
            let file = std::fs::OpenOptions::new().append(true).create(true).open(log);
            file.unwrap().write_all(line.as_bytes()).unwrap();
        }
    })
    .ok()
}

pub(crate) fn wait_until_full(pool: &Pool, size: usize) {
    let start = Instant::now();
    while pool.ready() < size {
        assert!(start.elapsed() < Duration::from_secs(20), "the pool does not fill");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Numbers of this process's children.
pub(crate) fn children() -> Vec<i32> {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let list = |task: std::fs::DirEntry| std::fs::read_to_string(task.path().join("children"));
    let lists = tasks.filter_map(|task| list(task.unwrap()).ok());
    lists
        .flat_map(|list| list.split_whitespace().map(|pid| pid.parse().unwrap()).collect::<Vec<_>>())
        .collect()
}

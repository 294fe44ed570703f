//! What a pool makes jails from. One test in a binary of its own: it looks at every child of its process, so
//! nothing else may run in it.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

mod alone;

use dayfly_sandbox::{Cancel, Command, Jail, Pool};

use crate::alone::{built, children, wait_until_full};

const GROWN: usize = 64 << 20;

#[test]
fn jails_of_a_pool_are_no_copies_of_what_the_supervisor_has_become() {
    let policy = dayfly_policies::Catalog::builtin().get("strict").unwrap();
    let limits = policy.default_limits().clone();
    let Some(jail) = built(
        "jails_of_a_pool_are_no_copies_of_what_the_supervisor_has_become",
        Jail::builder(policy).build(),
    ) else {
        return;
    };
    let pool = Pool::new(jail, 1).unwrap();
    let grown = std::hint::black_box(vec![1_u8; GROWN]);
    for round in 0..3 {
        let mut sandbox = pool.take().unwrap();
        sandbox.exec(&Command::new("/bin/true", limits.clone()), &Cancel::never()).unwrap();
        wait_until_full(&pool, 1);
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

/// Memory of a process that is no file's; `None` when it is gone.
fn anonymous_kib(pid: i32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"))?;
    line.split_whitespace().next()?.parse().ok()
}

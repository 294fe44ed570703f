//! The warm pool: prepared jails, each used once.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use dayfly_sandbox::{Cancel, Pool};

use crate::{jail, shell, stdout};

fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < Duration::from_secs(20), "{what} did not happen");
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn a_jail_from_the_pool_is_never_used_twice() {
    let Some(jail) = jail("a_jail_from_the_pool_is_never_used_twice") else { return };
    let pool = Pool::new(jail, 3).unwrap();
    let mut seen = BTreeSet::new();
    for _ in 0..12 {
        let mut sandbox = pool.take().unwrap();
        // The job leaves a mark everywhere it can, and finds none.
        let script =
            "ls -A /box /tmp /dev/shm; touch /box/mark /tmp/mark /dev/shm/mark; readlink /proc/self/ns/net";
        let text = stdout(&sandbox.exec(&shell(script), &Cancel::never()).unwrap());
        assert!(!text.contains("mark"), "{text}");
        seen.insert(text);
        pool.retire(sandbox);
    }
    // Namespaces may be numbered anew once they are gone, but not all of them the same.
    assert!(seen.len() > 1, "{seen:?}");
}

#[test]
fn the_pool_fills_up_and_empties() {
    let Some(jail) = jail("the_pool_fills_up_and_empties") else { return };
    let pool = Pool::new(jail, 4).unwrap();
    wait_until("filling", || pool.ready() == 4);
    let taken: Vec<_> = (0..4).map(|_| pool.take().unwrap()).collect();
    wait_until("filling again", || pool.ready() == 4);
    drop(taken);
    drop(pool);
}

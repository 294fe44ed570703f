//! Processes of ours killed by something outside of Dayfly. One test in a binary of its own: it kills every
//! child of its process, so nothing else may run in it.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

mod alone;

use std::time::Duration;

use dayfly_jobs::Bytes;
use dayfly_sandbox::{Cancel, Command, Jail, Pool, Stdio};

use crate::alone::{built, children, wait_until_full};

#[test]
fn lost_processes_are_noticed_and_replaced() {
    let policy = dayfly_policies::Catalog::builtin().get("interpreted").unwrap();
    let limits = policy.default_limits().clone();
    let Some(jail) = built("lost_processes_are_noticed_and_replaced", Jail::builder(policy).build()) else {
        return;
    };
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

#[expect(clippy::disallowed_methods, reason = "plays the stranger who kills by number")]
fn kill(pid: i32) {
    // It may be gone already. Not by a child process: that would be one of those to kill.
    let target = nix::unistd::Pid::from_raw(pid);
    nix::sys::signal::kill(target, nix::sys::signal::Signal::SIGKILL).ok();
}

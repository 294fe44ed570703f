//! Dayfly is killed at any moment, many times over; the host is as it was.

use std::process::Command;
use std::thread;
use std::time::Duration;

use dayfly_tests::{Dayfly, Dice, Running, dayfly, full_lane, jail, seed, setting};

/// How many runs: few for a plain local test, a thousand in the full lane.
fn runs() -> u64 {
    setting("DAYFLY_CRASH_RUNS", if full_lane() { 1000 } else { 60 })
}

/// A job that is busy in one of the ways jobs are: short, forking, writing, sleeping.
fn start(dice: &mut Dice) -> Running {
    let jail = Dayfly::hostile().opt("--wall-time", "5s");
    match dice.roll(6) {
        0 => jail.opt("--processes", "20").opt("--wall-time", "300ms").spawn(["/payload/processes", "bomb"]),
        1 => jail.spawn(["/payload/processes", "daemon"]),
        2 => jail.opt("--memory", "32M").spawn(["/payload/hog", "anonymous"]),
        3 => jail.opt("--wall-time", "200ms").spawn(["sleep", "10"]),
        _ => jail.spawn(["true"]),
    }
}

/// Every tenth run is killed, at a moment between "not yet started" and "about to end".
fn one(dice: &mut Dice) {
    let mut running = start(dice);
    if dice.roll(10) == 0 {
        thread::sleep(Duration::from_micros(dice.roll(60_000)));
        running.kill();
        let run = running.wait_killed();
        assert!(run == 128 + 9 || run < 125, "a killed supervisor ended with {run}");
    } else {
        let run = running.wait();
        assert!([0, 120, 121, 122, 123, 124].contains(&run.code), "{run:#?}");
    }
}

#[test]
fn a_thousand_runs_and_a_hundred_crashes() {
    let host = jail!(alone);
    let seed = seed("DAYFLY_CRASH_SEED");
    eprintln!("DAYFLY_CRASH_SEED={seed} DAYFLY_CRASH_RUNS={}", runs());
    thread::scope(|scope| {
        for worker in 0..4 {
            scope.spawn(move || {
                let mut dice = Dice::new(seed ^ (0x1234_5678_9abc_def1 << worker));
                for _ in 0..runs() / 4 {
                    one(&mut dice);
                }
            });
        }
    });
    let swept =
        Command::new(dayfly()).args(["doctor", "--sweep"]).env_remove("DAYFLY_REQUIRE").output().unwrap();
    assert!(swept.status.success(), "{swept:?}");
    let left = host.leftovers();
    assert!(left.is_empty(), "seed {seed}: left behind:\n  {}", left.join("\n  "));
}

#[test]
fn the_next_run_sweeps_what_a_killed_one_left() {
    let host = jail!(alone);
    for delay in [0, 2, 5, 10, 20, 40, 80] {
        let mut running = Dayfly::hostile().spawn(["/payload/processes", "daemon"]);
        thread::sleep(Duration::from_millis(delay));
        running.kill();
        running.wait_killed();
        assert_eq!(Dayfly::new().run(["true"]).code, 0);
    }
    let left = host.leftovers();
    assert!(left.is_empty(), "left behind after the next run:\n  {}", left.join("\n  "));
}

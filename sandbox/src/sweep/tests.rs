//! What a sweep removes and what it leaves alone.

use std::os::unix::process::ExitStatusExt;

use super::*;
use crate::cgroup::Wants;
use crate::cgroup::tests::{Bench, spawn};
use crate::slot::Slot;

#[test]
fn a_sweep_removes_what_the_dead_left_and_nothing_else() {
    let Some(bench) = Bench::new() else { return };
    let state = tempfile::tempdir().unwrap();
    let slots = Slots::open(&state.path().join("dayfly")).unwrap();
    let (living, dead) = (slots.acquire().unwrap(), slots.acquire().unwrap());
    let make = |slot: &Slot| bench.driver.create(&slot.next_group(), Wants::default()).unwrap();
    let (kept, left) = (make(&living), [make(&dead), make(&dead)]);
    let mut child = spawn(&*left[0], "sleep 30");
    drop((dead, left));

    let report = sweep_with(&*bench.driver, &slots).unwrap();
    assert_eq!(report, SweepReport { removed_groups: 2, busy_slots: 1, removed_parent: false });
    assert_eq!(child.wait().unwrap().signal(), Some(9));
    kept.remove().unwrap();
    drop(living);
    let report = sweep_with(&*bench.driver, &slots).unwrap();
    assert_eq!(report, SweepReport { removed_groups: 0, busy_slots: 0, removed_parent: true });
    assert_eq!(sweep_with(&*bench.driver, &slots).unwrap().removed_groups, 0);
}

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
    let take = |slots: &Slots| slots.acquire(Some(&*bench.driver)).unwrap();
    let (living, dead) = (take(&slots), take(&slots));
    let make = |slot: &Slot| bench.driver.create(&slot.next_group(), Wants::default()).unwrap();
    let (kept, left) = (make(&living), [make(&dead), make(&dead)]);
    let mut child = spawn(&*left[0], "exec sleep 30");
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

#[test]
fn a_sweep_removes_what_a_sandbox_that_was_limited_as_a_whole_left() {
    let Some(bench) = Bench::new() else { return };
    let state = tempfile::tempdir().unwrap();
    let slots = Slots::open(&state.path().join("dayfly")).unwrap();
    let slot = slots.acquire(Some(&*bench.driver)).unwrap();
    // As far as its maker may have come: nothing in it, a command's group that is empty, one that runs.
    let mut children = Vec::new();
    for groups in 0..3 {
        let mut total = bench.driver.create_total(&slot.next_group()).unwrap();
        for _ in 0..groups {
            let group = total.create(&slot.next_group(), Wants::default()).unwrap();
            children.extend((groups == 2).then(|| spawn(&*group, "exec sleep 30")));
        }
    }
    assert_eq!(sweep_with(&*bench.driver, &slots).unwrap().busy_slots, 1);
    assert!(
        children.iter_mut().all(|child| child.try_wait().unwrap().is_none()),
        "the sweep killed the living"
    );
    drop(slot);
    let report = sweep_with(&*bench.driver, &slots).unwrap();
    assert_eq!(report, SweepReport { removed_groups: 3, busy_slots: 0, removed_parent: true });
    for mut child in children {
        assert_eq!(child.wait().unwrap().signal(), Some(9));
    }
}

/// Two state folders over one tree of groups: a container with a `/run` of its own.
#[test]
fn a_number_is_taken_once_whatever_the_state_folder() {
    let Some(bench) = Bench::new() else { return };
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let [ours, theirs] = folders.each_ref().map(|folder| Slots::open(&folder.path().join("dayfly")).unwrap());
    let take = |slots: &Slots| slots.acquire(Some(&*bench.driver)).unwrap();
    let (mine, other) = (take(&ours), take(&theirs));
    assert_ne!(mine.number(), other.number());
    let group = bench.driver.create(&mine.next_group(), Wants::default()).unwrap();
    let mut child = spawn(&*group, "sleep 30");
    assert!(!bench.driver.remove_parent().unwrap());

    let report = sweep_with(&*bench.driver, &theirs).unwrap();
    assert_eq!(report, SweepReport { removed_groups: 0, busy_slots: 1, removed_parent: false });
    assert!(child.try_wait().unwrap().is_none(), "a stranger's sweep killed it");

    let number = mine.number();
    drop((mine, group));
    assert!(theirs.try_take(number, Some(&*bench.driver)).unwrap().is_some());
    assert_eq!(sweep_with(&*bench.driver, &theirs).unwrap().removed_groups, 1);
    assert_eq!(child.wait().unwrap().signal(), Some(9));
    drop(other);
    assert!(sweep_with(&*bench.driver, &theirs).unwrap().removed_parent);
}

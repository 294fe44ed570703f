//! Slots as their holders and their rivals see them.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use super::*;

#[test]
fn a_slot_has_one_holder_and_is_free_again_after() {
    let state = tempfile::tempdir().unwrap();
    let slots = Slots::open(&state.path().join("dayfly")).unwrap();
    let held: Vec<_> = (0..20).map(|_| slots.acquire(None).unwrap()).collect();
    let mut numbers: Vec<_> = held.iter().map(Slot::number).collect();
    numbers.sort();
    numbers.dedup();
    assert_eq!(numbers.len(), 20);
    let other = Slots::open(&state.path().join("dayfly")).unwrap();
    assert!(numbers.iter().all(|&number| other.try_take(number, None).unwrap().is_none()));
    drop(held);
    assert!(numbers.iter().all(|&number| other.try_take(number, None).unwrap().is_some()));
}

#[test]
fn uid_ranges_do_not_overlap_and_fit() {
    let slot = |number| SlotNumber::new(number).unwrap();
    assert_eq!(slot(0).first_uid(), 0x7000_0000);
    assert_eq!(slot(1).first_uid(), slot(0).first_uid() + UIDS_PER_SLOT);
    assert_eq!(slot(4095).first_uid() + (UIDS_PER_SLOT - 1), i32::MAX.unsigned_abs());
    assert_eq!(SlotNumber::new(4096), None);
}

#[test]
fn group_names_are_never_used_twice() {
    let state = tempfile::tempdir().unwrap();
    let slots = Slots::open(&state.path().join("dayfly")).unwrap();
    let slot = slots.acquire(None).unwrap();
    let (first, second) = (slot.next_group(), slot.next_group());
    assert_ne!(first, second);
    assert_eq!((first.slot(), second.slot()), (slot.number(), slot.number()));
}

#[test]
fn a_state_folder_that_is_not_ours_alone_is_refused() {
    let top = tempfile::tempdir().unwrap();
    let (elsewhere, state) = (top.path().join("elsewhere"), top.path().join("dayfly"));
    fs::create_dir(&elsewhere).unwrap();
    symlink(&elsewhere, &state).unwrap();
    let error = Slots::open(&state).unwrap_err().to_string();
    assert!(error.contains("a link or file is where a folder of ours should be"), "{error}");
    assert!(fs::read_dir(&elsewhere).unwrap().next().is_none());

    fs::remove_file(&state).unwrap();
    fs::create_dir(&state).unwrap();
    fs::set_permissions(&state, fs::Permissions::from_mode(0o1777)).unwrap();
    let error = Slots::open(&state).unwrap_err().to_string();
    assert!(error.contains("others may write to it (mode 1777)"), "{error}");

    fs::set_permissions(&state, fs::Permissions::from_mode(0o700)).unwrap();
    if nix::unistd::geteuid().is_root() {
        std::os::unix::fs::chown(&state, Some(12345), None).unwrap();
        let error = Slots::open(&state).unwrap_err().to_string();
        assert!(error.contains("it belongs to user 12345 and we are user 0"), "{error}");
    }
}

#[test]
fn a_link_in_place_of_a_lock_is_not_followed() {
    let state = tempfile::tempdir().unwrap();
    let slots = Slots::open(state.path()).unwrap();
    symlink(state.path().join("target"), state.path().join("slots/7")).unwrap();
    assert!(slots.try_take(SlotNumber::new(7).unwrap(), None).is_err());
    assert!(!state.path().join("target").exists());
}

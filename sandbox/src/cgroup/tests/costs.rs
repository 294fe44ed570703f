//! What a group and a slot cost, for people who change them. Prints, and checks nothing:
//! `cargo test -p dayfly-sandbox --release costs -- --ignored --nocapture`

use super::*;
use crate::slot::Slots;

/// A step of what is measured, with its name.
type Step<'a, T> = (&'a str, &'a mut dyn FnMut(&mut T));

/// Runs each step 500 times, one after the other, and prints how long it took.
fn measure<T>(steps: &mut [Step<'_, T>], mut state: impl FnMut(u64) -> T) {
    let mut spans = vec![Vec::new(); steps.len()];
    for round in 0..500 {
        let mut state = state(round);
        for ((_, step), spans) in steps.iter_mut().zip(&mut spans) {
            let start = Instant::now();
            step(&mut state);
            spans.push(start.elapsed());
        }
    }
    for ((name, _), mut spans) in steps.iter().zip(spans) {
        spans.sort();
        say(&format!("{name:9} p50 {:?} p90 {:?}", spans[250], spans[450]));
    }
}

#[test]
#[ignore = "a measurement, not a check"]
fn group_costs() {
    let Some(bench) = Bench::new() else { return };
    let (limits, waived) = (limits(), BTreeSet::new());
    type State = (GroupName, Option<Box<dyn Group>>);
    let held = |state: &mut State| state.1.take().unwrap();
    measure::<State>(
        &mut [
            ("create", &mut |state| state.1 = Some(bench.driver.create(&state.0, Wants::default()).unwrap())),
            ("apply", &mut |state| drop(state.1.as_mut().unwrap().apply(&limits, &waived).unwrap())),
            ("cpu_time", &mut |state| {
                assert_eq!(state.1.as_ref().unwrap().cpu_time().unwrap(), CpuTime::default())
            }),
            ("stats", &mut |state| assert!(!state.1.as_ref().unwrap().stats().unwrap().populated)),
            ("remove", &mut |state| held(state).remove().unwrap()),
        ],
        |round| (bench.name(round), None),
    );
}

#[test]
#[ignore = "a measurement, not a check"]
fn once_per_process_costs() {
    let Some(bench) = Bench::new() else { return };
    let folder = tempfile::tempdir().unwrap();
    let parent = PathBuf::from(format!("dayfly-test-{}-costs", std::process::id()));
    measure::<()>(
        &mut [
            ("detect", &mut |()| drop(crate::cgroup::detect(Some(&parent)).unwrap())),
            ("slot", &mut |()| drop(Slots::open(&folder.path().join("state")).unwrap().acquire().unwrap())),
        ],
        |_| (),
    );
    drop(bench);
    assert!(crate::cgroup::detect(Some(&parent)).unwrap().remove_parent().is_ok());
}

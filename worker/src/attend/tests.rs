//! What is reported about an attempt, and how long to wait after a failure.

use super::*;

fn stopped(why: &[Why]) -> Option<Completion> {
    let stop = Stop::new().unwrap();
    why.iter().for_each(|why| stop.stop(*why));
    ending(&stop, Ok(End::Stopped))
}

#[test]
fn the_reason_of_a_stop_decides_what_is_said() {
    assert_eq!(stopped(&[Why::Owner]), Some(Completion::Stopped));
    assert_eq!(stopped(&[Why::Drain]), Some(Completion::HandedBack));
    assert_eq!(stopped(&[Why::Drain, Why::Owner]), Some(Completion::Stopped));
    assert_eq!(stopped(&[Why::Owner, Why::Lost]), None);
    assert!(matches!(stopped(&[Why::Fault]), Some(Completion::Failed { .. })));
    let stop = Stop::new().unwrap();
    let lost = || Err(WorkerError::ThreadLost { reason: "it fell".to_owned() });
    assert!(matches!(ending(&stop, lost()), Some(Completion::Failed { error }) if error.contains("it fell")));
    stop.stop(Why::Lost);
    assert_eq!(ending(&stop, lost()), None);
}

#[test]
fn pauses_grow_to_a_bound_and_differ() {
    let mut backoff = Backoff::default();
    let pauses: Vec<_> = (0..12).map(|_| backoff.next(None, u64::MAX)).collect();
    assert!(pauses.iter().all(|pause| *pause <= LONGEST_PAUSE && *pause >= FIRST_PAUSE / 2), "{pauses:?}");
    assert!(pauses[11] >= LONGEST_PAUSE / 2);
    let mut backoff = Backoff::default();
    assert_eq!(backoff.next(Some(Duration::from_secs(2)), 0), Duration::from_secs(2));
    assert_eq!(backoff.next(Some(Duration::from_secs(999)), 0), LONGEST_PAUSE);
    let jitter = |random| Backoff { failures: 3 }.next(None, random);
    assert_ne!(jitter(1), jitter(200));
}

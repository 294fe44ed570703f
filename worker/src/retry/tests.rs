//! How long to wait after a failure.

use super::*;

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

#[tokio::test]
async fn a_call_is_tried_again_only_while_that_can_help() {
    let stop = Stop::new().unwrap();
    for (answer, tries, expected) in [("away", 2, 3), ("missing", 2, 1), ("fine", 2, 1)] {
        let mut calls = 0;
        let call = || {
            calls += 1;
            async move {
                match answer {
                    "away" => Err(CallError::Away { why: "on paper".to_owned(), after: None }),
                    "missing" => Err(CallError::Missing { detail: "on paper".to_owned() }),
                    _ => Ok(()),
                }
            }
        };
        persist_at_most(tries, &stop, call).await.ok();
        assert_eq!(calls, expected, "{answer}");
    }
    stop.stop(crate::stop::Why::Lost);
    let called = std::cell::Cell::new(false);
    let lost = persist(&stop, || async {
        called.set(true);
        Ok(())
    });
    assert!(matches!(lost.await, Err(CallError::Lost { .. })));
    assert!(!called.get());
}

//! Deadlines on a clock that is an argument.

use dayfly_jobs::{Attempt, JobId, Timestamp};

use super::*;

fn lease(number: u128) -> LeaseId {
    LeaseId { job: JobId::new(Timestamp(0), number), attempt: Attempt(1) }
}

const LASTS: Duration = Duration::from_secs(15);

#[test]
fn a_lease_is_lost_before_its_end_unless_it_is_renewed() {
    let (held, start) = (Held::default(), Instant::now());
    let stops = [Stop::new().unwrap(), Stop::new().unwrap()];
    held.add(lease(1), start, LASTS, stops[0].clone());
    held.add(lease(2), start, LASTS, stops[1].clone());
    let kept = Renewal::Kept { lasts_ms: 15_000, cancel: false };
    held.apply(lease(2), kept, start + Duration::from_secs(5));
    assert_eq!(held.expire(start + Duration::from_secs(12)), Some(start + LASTS - MARGIN));
    assert_eq!(held.expire(start + Duration::from_secs(13)), Some(start + Duration::from_secs(18)));
    assert_eq!((stops[0].why(), stops[1].why()), (Some(Why::Lost), None));
    // What is lost stays lost, and asks for no more looks.
    assert_eq!(held.expire(start + Duration::from_secs(18)), None);
    assert_eq!(stops[1].why(), Some(Why::Lost));
}

#[test]
fn a_lease_shorter_than_the_margin_lasts_most_of_its_time() {
    let (held, start, stop) = (Held::default(), Instant::now(), Stop::new().unwrap());
    held.add(lease(1), start, Duration::from_secs(1), stop.clone());
    let end = start + Duration::from_millis(750);
    assert_eq!(held.expire(start), Some(end));
    assert_eq!(stop.why(), None);
    assert_eq!(held.expire(end), None);
    assert_eq!(stop.why(), Some(Why::Lost));
}

#[test]
fn a_cancel_and_a_loss_reach_their_job_only() {
    let (held, start) = (Held::default(), Instant::now());
    let stops = [(); 3].map(|()| Stop::new().unwrap());
    for (number, stop) in (0..).zip(&stops) {
        held.add(lease(number), start, LASTS, stop.clone());
    }
    held.apply(lease(0), Renewal::Kept { lasts_ms: 15_000, cancel: true }, start);
    held.apply(lease(1), Renewal::Lost { latest: Attempt(2) }, start);
    held.apply(lease(9), Renewal::Lost { latest: Attempt(2) }, start);
    assert_eq!(stops.each_ref().map(Stop::why), [Some(Why::Owner), Some(Why::Lost), None]);
}

#[test]
fn a_reason_gives_way_to_a_stronger_one_only() {
    let stop = Stop::new().unwrap();
    for (given, expected) in [(Why::Drain, Why::Drain), (Why::Owner, Why::Owner), (Why::Drain, Why::Owner)] {
        stop.stop(given);
        assert_eq!(stop.why(), Some(expected));
    }
    stop.stop(Why::Lost);
    stop.stop(Why::Owner);
    assert_eq!(stop.why(), Some(Why::Lost));
}

#[test]
fn a_lease_is_renewed_early_once_and_alone() {
    let (held, start) = (Held::default(), Instant::now());
    let (all, later) = (start + Duration::from_secs(5), start + FIRST / 2);
    assert_eq!(held.next_renewal(all, start), None);
    held.add(lease(1), start, LASTS, Stop::new().unwrap());
    held.add(lease(2), later, LASTS, Stop::new().unwrap());
    assert_eq!(held.next_renewal(all, start), Some(start + FIRST));
    let soon = start + Duration::from_millis(50);
    assert_eq!(held.next_renewal(soon, start), Some(soon));
    let request = held.renewal(start + FIRST, Which::First);
    assert_eq!((request.leases, request.samples), (vec![lease(1)], Vec::new()), "nothing runs yet");
    let soonest = start + FIRST * 2;
    assert_eq!(held.next_renewal(all, soonest), Some(soonest), "not at once again");
    assert_eq!(held.renewal(soonest, Which::First).leases, [lease(2)]);
    assert_eq!(held.next_renewal(all, soonest), Some(all));
    assert_eq!(held.renewal(all, Which::All).leases, [lease(1), lease(2)]);
}

//! The table of states: every pair of state and event, and properties over long sequences.

use proptest::prelude::*;

use super::*;

const MOST: u32 = 2;

fn at(state: State) -> Standing {
    Standing { state, attempt: Attempt(3), strikes: 0, cancel: false }
}

#[test]
fn the_table() {
    let now = Attempt(3);
    let moves = [
        (State::Queued, Event::Lease, State::Leased),
        (State::Queued, Event::Cancel, State::Cancelled),
        (State::Queued, Event::QueueTimeout, State::Cancelled),
        (State::Leased, Event::Start(now), State::Running),
        (State::Leased, Event::Complete(now), State::Finished),
        (State::Leased, Event::Fail(now), State::Queued),
        (State::Leased, Event::HandBack(now), State::Queued),
        (State::Leased, Event::Lose(now), State::Queued),
        (State::Leased, Event::Cancel, State::Leased),
        (State::Running, Event::Start(now), State::Running),
        (State::Running, Event::Complete(now), State::Finished),
        (State::Running, Event::Fail(now), State::Queued),
        (State::Running, Event::HandBack(now), State::Queued),
        (State::Running, Event::Lose(now), State::Queued),
        (State::Running, Event::Cancel, State::Running),
    ];
    for state in State::ALL {
        for event in events(now) {
            let expected = moves.iter().find(|(from, on, _)| (*from, *on) == (state, event));
            let got = at(state).after(event, MOST).map(|next| next.state).ok();
            assert_eq!(got, expected.map(|(.., to)| *to), "{state:?} on {event:?}");
        }
    }
}

fn events(attempt: Attempt) -> Vec<Event> {
    vec![
        Event::Lease,
        Event::Start(attempt),
        Event::Complete(attempt),
        Event::Fail(attempt),
        Event::Stopped(attempt),
        Event::HandBack(attempt),
        Event::Lose(attempt),
        Event::Cancel,
        Event::QueueTimeout,
    ]
}

#[test]
fn a_cancelled_job_is_never_queued_again() {
    for state in [State::Leased, State::Running] {
        let wished = at(state).after(Event::Cancel, MOST).unwrap();
        let now = Attempt(3);
        for event in [Event::Stopped(now), Event::HandBack(now), Event::Lose(now), Event::Fail(now)] {
            assert_eq!(wished.after(event, MOST).unwrap().state, State::Cancelled, "{event:?}");
        }
        assert_eq!(wished.after(Event::Complete(now), MOST).unwrap().state, State::Finished);
    }
}

#[test]
fn the_last_strike_ends_it() {
    let again = at(State::Running).after(Event::Lose(Attempt(3)), MOST).unwrap();
    assert_eq!((again.state, again.strikes), (State::Queued, 1));
    let leased = again.after(Event::Lease, MOST).unwrap();
    assert_eq!(leased.after(Event::Lose(Attempt(4)), MOST).unwrap().state, State::Quarantined);
    assert_eq!(leased.after(Event::Fail(Attempt(4)), MOST).unwrap().state, State::InfrastructureError);
    let back = leased.after(Event::HandBack(Attempt(4)), MOST).unwrap();
    assert_eq!((back.state, back.strikes), (State::Queued, 1));
}

fn any_event() -> impl Strategy<Value = Event> {
    (0..9_usize, 0..6_u32).prop_map(|(which, attempt)| events(Attempt(attempt))[which])
}

proptest! {
    #[test]
    fn no_sequence_leaves_the_table(sequence in prop::collection::vec(any_event(), 0..60), most in 1..5_u32) {
        let mut job = Standing::NEW;
        for event in sequence {
            let Ok(next) = job.after(event, most) else { continue };
            prop_assert!(!job.state.is_end(), "{job:?} had ended, then {event:?}");
            prop_assert!(next.attempt >= job.attempt && next.strikes >= job.strikes);
            prop_assert!(next.strikes <= most);
            prop_assert!(next.cancel || !job.cancel, "a cancel was forgotten");
            prop_assert_eq!(next.attempt > job.attempt, event == Event::Lease);
            prop_assert!(!(next.cancel && next.state == State::Queued));
            job = next;
        }
    }

    #[test]
    fn a_stale_attempt_changes_nothing(latest in 2..9_u32, behind in 1..2_u32) {
        let stale = Attempt(latest - behind);
        for state in [State::Queued, State::Leased, State::Running] {
            let job = Standing { attempt: Attempt(latest), ..at(state) };
            for event in [Event::Start(stale), Event::Complete(stale), Event::Fail(stale), Event::Lose(stale)] {
                let refused = Refused::Stale { given: stale, latest: Attempt(latest) };
                prop_assert_eq!(job.after(event, MOST), Err(refused));
            }
        }
    }
}

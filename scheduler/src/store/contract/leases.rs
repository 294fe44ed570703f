//! What workers may say, and what becomes of what they do not say.

use dayfly_jobs::state::Refused;
use dayfly_jobs::wire::{Completion, Happened, Progress, Renewal};
use dayfly_jobs::{Attempt, JobResult, LeaseId, State, StepResult, WallTime, WorkerName};

use super::samples::*;
use crate::store::{NewJob, Scope, Store, StoreError};

fn started(step: usize) -> Progress {
    Progress::StepStarted { step, log_start: 0 }
}

fn ended(step: usize) -> Progress {
    let result = StepResult {
        name: format!("step {step}"),
        outcome: None,
        log_start: 0,
        log_end: 0,
        begin: WallTime::secs(0),
    };
    Progress::StepEnded { step, result: Box::new(result) }
}

async fn leased(store: &impl Store) -> (WorkerName, LeaseId) {
    let worker = worker(store, "w").await;
    submit_one(store, job("a", 1), NOW).await;
    let lease = take_one(store, &worker, NOW).await;
    (worker, lease)
}

pub(crate) async fn a_job_runs_to_its_end(store: &impl Store) {
    let (worker, lease) = leased(store).await;
    assert_eq!(state(store, lease.job).await, State::Leased);
    store.progress(&worker, lease, vec![started(0)], after(1)).await.unwrap();
    assert_eq!(state(store, lease.job).await, State::Running);
    store.progress(&worker, lease, vec![ended(0), started(1), ended(1)], after(2)).await.unwrap();
    let completed = store.complete(&worker, lease, finished(passed()), after(3)).await.unwrap();
    assert_eq!((completed.state, completed.repeated), (State::Finished, false));
    let detail = store.job(&Scope::All, lease.job).await.unwrap().unwrap();
    assert_eq!(detail.result, Some(passed()));
    let summary = detail.summary;
    assert_eq!((summary.exit_code, summary.reason), (Some(0), None));
    assert_eq!(
        (summary.leased_ms, summary.started_ms, summary.ended_ms),
        (Some(NOW), Some(after(1)), Some(after(3)))
    );
    let events = ["submitted", "leased", "step_started", "step_ended", "step_started", "step_ended", "ended"];
    assert_eq!(story(store, lease.job).await, events);
    assert_eq!(store.tick(after(10_000_000), 10).await.unwrap().lost, []);
}

/// A step that ended so long after the first one began, having run for the second number of milliseconds.
fn ran(step: usize, end_ms: u64, wall_ms: u64) -> StepResult {
    let outcome = serde_json::json!({
        "termination": {"kind": "exited", "code": 0}, "limits": spec().limits, "enforced_by": {},
        "usage": {
            "cpu_time_us": 0, "user_time_us": 0, "system_time_us": 0, "wall_time_us": wall_ms * 1000,
            "peak_memory_bytes": 0, "peak_processes": 1, "refused_processes": 0, "input_bytes": 0,
            "output_bytes": 0, "oom_kills": 0, "throttled_time_us": 0
        },
        "timings": {"setup_us": 0, "run_us": 0, "teardown_us": 0},
    });
    let outcome = serde_json::from_value(outcome).unwrap();
    let begin = WallTime::micros((end_ms.saturating_sub(wall_ms) * 1000).saturating_sub(1));
    StepResult { name: format!("step {step}"), outcome, log_start: 0, log_end: 0, begin }
}

pub(crate) async fn a_job_began_when_its_steps_did_and_not_before_its_lease(store: &impl Store) {
    let worker = worker(store, "w").await;
    let tell = |step, result| Progress::StepEnded { step, result: Box::new(result) };
    for (n, first, last, began) in [
        // The word of the beginning came 200 ms late, that of the end sooner, and the result sooner still.
        (1_u32, ran(0, 1000, 1000), ran(1, 2000, 900), 1000),
        // A clock that ran away, or a lie: not before the lease.
        (2, ran(0, 1_000_000, 1_000_000), ran(1, u64::MAX / 1000, u64::MAX / 2000), 0),
        // Or slow: when it was told.
        (3, ran(0, 1, 0), ran(1, 1, 0), 1200),
    ] {
        let at = |millis| after(u64::from(n) * 10_000 + millis);
        submit_one(store, job("a", n.into()), NOW).await;
        let lease = take_one(store, &worker, at(0)).await;
        store.progress(&worker, lease, vec![started(0)], at(1200)).await.unwrap();
        let summary = || async { store.job(&Scope::All, lease.job).await.unwrap().unwrap().summary };
        assert_eq!(summary().await.started_ms, Some(at(1200)));
        store.progress(&worker, lease, vec![tell(0, first.clone()), started(1)], at(2100)).await.unwrap();
        let result = JobResult { steps: vec![first, last], ..passed() };
        store.complete(&worker, lease, finished(result), at(3000)).await.unwrap();
        let told = summary().await;
        assert_eq!((told.leased_ms, told.started_ms), (Some(at(0)), Some(at(began))), "{n}");
    }
}

pub(crate) async fn a_word_that_is_said_again_is_answered_again(store: &impl Store) {
    let (worker, lease) = leased(store).await;
    let say = |completion: Completion, lease| {
        let worker = worker.clone();
        async move { store.complete(&worker, lease, completion, after(1)).await.unwrap() }
    };
    for completion in [Completion::HandedBack, Completion::Failed { error: "no disk".into() }] {
        let lease = LeaseId { attempt: Attempt(lease.attempt.0), ..lease };
        let lease = match &completion {
            Completion::HandedBack => lease,
            _failed => take_one(store, &worker, NOW).await,
        };
        assert!(!say(completion.clone(), lease).await.repeated);
        let again = say(completion, lease).await;
        assert_eq!((again.repeated, again.state), (true, State::Queued));
    }
    let last = take_one(store, &worker, NOW).await;
    assert!(!say(finished(passed()), last).await.repeated);
    assert!(say(finished(passed()), last).await.repeated);
    assert_eq!(story(store, lease.job).await.iter().filter(|event| *event == "ended").count(), 1);
}

pub(crate) async fn a_late_result_is_refused_and_told(store: &impl Store) {
    let (first, lost) = leased(store).await;
    let ticked = store.tick(after(LEASE_MS), 10).await.unwrap();
    assert_eq!((ticked.lost, ticked.ended), (vec![lost], vec![]));
    let second = worker(store, "v").await;
    let lease = take_one(store, &second, after(LEASE_MS)).await;
    assert_eq!(lease.attempt, Attempt(2));
    let renewals = store.renew(&first, &[lost], after(99_999), after(LEASE_MS)).await.unwrap();
    assert_eq!(renewals, [Renewal::Lost { latest: Attempt(2) }]);
    for _ in 0..50 {
        let late = store.complete(&first, lost, finished(passed()), after(LEASE_MS + 1)).await;
        let refused = Refused::Stale { given: Attempt(1), latest: Attempt(2) };
        assert!(matches!(&late, Err(StoreError::Refused(why)) if *why == refused), "{late:?}");
    }
    assert_eq!(state(store, lease.job).await, State::Leased);
    let events = store.events(lease.job, 0, 1000).await.unwrap();
    let told = events.iter().filter(|event| {
        matches!(&event.what, Happened::Refused { attempt, worker, .. }
        if *attempt == Attempt(1) && *worker == first)
    });
    assert_eq!(told.count(), 20, "told, but not without bound");
    store.complete(&second, lease, finished(passed()), after(LEASE_MS + 2)).await.unwrap();
    let late = store.complete(&first, lost, finished(passed()), after(LEASE_MS + 3)).await;
    assert!(matches!(late, Err(StoreError::Refused(Refused::Ended(State::Finished)))), "{late:?}");
}

pub(crate) async fn the_last_loss_quarantines(store: &impl Store) {
    let (worker, first) = leased(store).await;
    let mut now = NOW;
    for strike in 1..=3 {
        now = now.plus_millis(LEASE_MS);
        let ticked = store.tick(now, 10).await.unwrap();
        assert_eq!(ticked.lost, [LeaseId { attempt: Attempt(strike), ..first }]);
        assert_eq!(ticked.ended.len(), usize::from(strike == 3));
        if strike < 3 {
            take_one(store, &worker, now).await;
        }
    }
    let summary = store.job(&Scope::All, first.job).await.unwrap().unwrap().summary;
    assert_eq!((summary.state, summary.strikes), (State::Quarantined, 3));
    assert!(summary.reason.is_some() && summary.exit_code.is_none());
}

pub(crate) async fn a_failure_is_tried_again_and_then_an_infrastructure_error(store: &impl Store) {
    let (worker, mut lease) = leased(store).await;
    for strike in 1..=3 {
        let failed = Completion::Failed { error: format!("reason {strike}") };
        let completed = store.complete(&worker, lease, failed, after(1)).await.unwrap();
        if strike < 3 {
            assert_eq!(completed.state, State::Queued);
            lease = take_one(store, &worker, after(1)).await;
        }
    }
    let summary = store.job(&Scope::All, lease.job).await.unwrap().unwrap().summary;
    assert_eq!((summary.state, summary.reason), (State::InfrastructureError, Some("reason 3".into())));
}

pub(crate) async fn a_job_handed_back_keeps_its_place_and_has_no_strike(store: &impl Store) {
    let (worker, lease) = leased(store).await;
    submit_one(store, job("a", 2), after(1)).await;
    store.complete(&worker, lease, Completion::HandedBack, after(2)).await.unwrap();
    let again = take(store, &worker, 1, after(3)).await;
    assert_eq!(again[0].lease, LeaseId { attempt: Attempt(2), ..lease });
    let summary = store.job(&Scope::All, lease.job).await.unwrap().unwrap().summary;
    assert_eq!((summary.strikes, summary.reason), (0, None));
}

pub(crate) async fn a_cancel_reaches_the_worker(store: &impl Store) {
    let (worker, lease) = leased(store).await;
    let early = store.complete(&worker, lease, Completion::Stopped, after(1)).await;
    assert!(matches!(early, Err(StoreError::Refused(Refused::NotNow(State::Leased)))), "{early:?}");
    let stranger = store.cancel(&Scope::Tenant("b".parse().unwrap()), lease.job, after(1)).await;
    assert!(matches!(stranger, Err(StoreError::Unknown { what: "job", .. })), "{stranger:?}");
    for _ in 0..2 {
        let summary = store.cancel(&Scope::All, lease.job, after(1)).await.unwrap();
        assert_eq!((summary.state, summary.cancel), (State::Leased, true));
    }
    let renewals = store.renew(&worker, &[lease], after(16_000), after(1000)).await.unwrap();
    assert_eq!(renewals, [Renewal::Kept { lasts_ms: 15_000, cancel: true }]);
    let completed = store.complete(&worker, lease, Completion::Stopped, after(2000)).await.unwrap();
    assert_eq!(completed.state, State::Cancelled);
    assert_eq!(story(store, lease.job).await, ["submitted", "leased", "cancel_requested", "ended"]);
    assert!(store.cancel(&Scope::All, lease.job, after(3000)).await.unwrap().state == State::Cancelled);
}

pub(crate) async fn a_queued_job_is_cancelled_at_once(store: &impl Store) {
    let id = submit_one(store, job("a", 1), NOW).await;
    let summary = store.cancel(&Scope::Tenant("a".parse().unwrap()), id, after(1)).await.unwrap();
    assert_eq!((summary.state, summary.ended_ms), (State::Cancelled, Some(after(1))));
    let worker = worker(store, "w").await;
    assert!(take(store, &worker, 8, after(2)).await.is_empty());
    let done = submit_one(store, job("a", 2), NOW).await;
    let lease = take_one(store, &worker, after(2)).await;
    store.complete(&worker, lease, finished(passed()), after(3)).await.unwrap();
    let late = store.cancel(&Scope::All, done, after(4)).await;
    assert!(matches!(late, Err(StoreError::Refused(Refused::Ended(State::Finished)))), "{late:?}");
}

pub(crate) async fn waiting_too_long_ends_a_job(store: &impl Store) {
    let mut patient = job("a", 1);
    patient.spec.timeouts.queue = Some(WallTime::secs(10));
    let id = submit_one(store, patient.clone(), NOW).await;
    let worker = worker(store, "w").await;
    assert_eq!(store.tick(after(9000), 10).await.unwrap().next, Some(after(10_000)));
    let lease = take_one(store, &worker, after(9000)).await;
    assert!(
        store.tick(after(11_000), 10).await.unwrap().ended.is_empty(),
        "it does not wait while it is leased"
    );
    store.complete(&worker, lease, Completion::HandedBack, after(12_000)).await.unwrap();
    assert!(store.tick(after(12_999), 10).await.unwrap().ended.is_empty());
    assert_eq!(store.tick(after(13_000), 10).await.unwrap().ended, [id], "one second was left");
    let summary = store.job(&Scope::All, id).await.unwrap().unwrap().summary;
    assert_eq!((summary.state, summary.cancel), (State::Cancelled, false));
    assert!(summary.reason.unwrap().contains("timeouts.queue"));
    submit_one(store, NewJob { id: job("a", 2).id, ..patient }, after(20_000)).await;
    assert_eq!(take(store, &worker, 8, after(20_001)).await.len(), 1);
}

pub(crate) async fn progress_counts_once(store: &impl Store) {
    let (worker, lease) = leased(store).await;
    for _ in 0..3 {
        store.progress(&worker, lease, vec![started(0), started(0), ended(0)], after(1)).await.unwrap();
    }
    store.progress(&worker, lease, vec![ended(0), started(1)], after(2)).await.unwrap();
    let events = ["submitted", "leased", "step_started", "step_ended", "step_started"];
    assert_eq!(story(store, lease.job).await, events);
    let beyond = store.progress(&worker, lease, vec![ended(1), started(2)], after(3)).await;
    assert!(matches!(beyond, Err(StoreError::Unknown { what: "step", .. })), "{beyond:?}");
    assert_eq!(story(store, lease.job).await, events, "nothing of what was refused stays");
}

pub(crate) async fn another_worker_cannot_speak_for_a_lease(store: &impl Store) {
    let (_, lease) = leased(store).await;
    let thief = worker(store, "v").await;
    assert!(store.complete(&thief, lease, finished(passed()), after(1)).await.is_err());
    assert!(store.progress(&thief, lease, vec![started(0)], after(1)).await.is_err());
    assert!(store.append_log(&thief, lease, 0, b"x", after(1)).await.is_err());
    assert!(store.append_log(&thief, lease, 0, &vec![b'x'; 100_000], after(1)).await.is_err());
    let renewals = store.renew(&thief, &[lease], after(99_999), after(1)).await.unwrap();
    assert_eq!(renewals, [Renewal::Lost { latest: Attempt(1) }]);
    assert_eq!(state(store, lease.job).await, State::Leased);
    assert_eq!(store.tick(after(LEASE_MS), 10).await.unwrap().lost, [lease]);
}

pub(crate) async fn a_worker_that_registers_again_loses_its_leases(store: &impl Store) {
    let (name, lease) = leased(store).await;
    assert_eq!(store.worker(&name, NOW).await.unwrap().unwrap().leases, [lease]);
    worker(store, "w").await;
    assert_eq!(state(store, lease.job).await, State::Queued);
    assert!(store.worker(&name, NOW).await.unwrap().unwrap().leases.is_empty());
    assert_eq!(story(store, lease.job).await, ["submitted", "leased", "lost"]);
}

pub(crate) async fn a_removed_worker_loses_its_leases(store: &impl Store) {
    let (name, lease) = leased(store).await;
    assert_eq!(store.worker_of(&[b'w'; 32]).await.unwrap(), Some(name.clone()));
    store.remove_worker(&name, after(1)).await.unwrap();
    assert_eq!(state(store, lease.job).await, State::Queued);
    assert!(store.workers(after(1)).await.unwrap().is_empty());
    assert_eq!(store.worker_of(&[b'w'; 32]).await.unwrap(), None);
    assert!(store.remove_worker(&name, after(1)).await.is_err());
}

pub(crate) async fn a_draining_worker_gets_nothing(store: &impl Store) {
    let name = worker(store, "w").await;
    submit_one(store, job("a", 1), NOW).await;
    store.drain(&name, true).await.unwrap();
    assert!(take(store, &name, 8, NOW).await.is_empty());
    assert!(store.worker(&name, NOW).await.unwrap().unwrap().draining);
    store.drain(&name, false).await.unwrap();
    assert_eq!(take(store, &name, 8, NOW).await.len(), 1);
    assert!(store.drain(&"nobody".parse().unwrap(), true).await.is_err());
}

pub(crate) async fn the_latest_moment_is_known(store: &impl Store) {
    let (worker, lease) = leased(store).await;
    assert_eq!(store.latest().await.unwrap(), NOW);
    store.progress(&worker, lease, vec![started(0)], after(1)).await.unwrap();
    assert_eq!(store.latest().await.unwrap(), after(1));
    store.tick(after(20_000), 10).await.unwrap();
    assert_eq!(store.latest().await.unwrap(), after(20_000), "a lease was lost then");
    let lease = take_one(store, &worker, after(21_000)).await;
    store.complete(&worker, lease, finished(passed()), after(22_000)).await.unwrap();
    assert_eq!(store.latest().await.unwrap(), after(22_000));
    submit_one(store, job("b", 2), after(23_000)).await;
    assert_eq!(store.latest().await.unwrap(), after(23_000));
}

//! Long random sequences of words to a store, beside a model of it that is a map in memory: whatever is answered and
//! whatever is seen afterwards must be the same, also when the store is closed, or copied as a crash
//! would leave it, and opened again in between.

mod run;

use std::collections::BTreeMap;

use dayfly_jobs::state::{Event, Standing};
use dayfly_jobs::wire::Completion;
use dayfly_jobs::{Attempt, JobId, LeaseId, State, Timestamp, WorkerName};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use self::run::Run;
use super::Place;
use super::samples::*;

const WORKERS: [&str; 2] = ["v", "w"];
const MAX_ATTEMPTS: u32 = 3;
const WAIT_MS: u64 = 40_000;

/// Something that is said to the store. Numbers choose among what there is.
#[derive(Debug, Clone)]
enum Word {
    Submit { tenant: bool, patient: bool },
    Claim { worker: usize, max: u32 },
    Renew { worker: usize },
    Progress { lease: usize },
    Log { lease: usize },
    Complete { lease: usize, how: usize },
    Cancel { job: usize },
    Tick,
    Register { worker: usize },
    Wait { millis: u64 },
    Restart { crash: bool },
}

fn word() -> impl Strategy<Value = Word> {
    let one = 0..1000_usize;
    prop_oneof![
        4 => (any::<bool>(), any::<bool>()).prop_map(|(tenant, patient)| Word::Submit { tenant, patient }),
        4 => (0..2_usize, 1..4_u32).prop_map(|(worker, max)| Word::Claim { worker, max }),
        2 => (0..2_usize).prop_map(|worker| Word::Renew { worker }),
        3 => one.clone().prop_map(|lease| Word::Progress { lease }),
        2 => one.clone().prop_map(|lease| Word::Log { lease }),
        5 => (one.clone(), 0..6_usize).prop_map(|(lease, how)| Word::Complete { lease, how }),
        1 => one.prop_map(|job| Word::Cancel { job }),
        2 => Just(Word::Tick),
        1 => (0..2_usize).prop_map(|worker| Word::Register { worker }),
        3 => (0..20_000_u64).prop_map(|millis| Word::Wait { millis }),
        1 => any::<bool>().prop_map(|crash| Word::Restart { crash }),
    ]
}

/// A job in the model.
#[derive(Debug, Clone)]
struct Known {
    standing: Standing,
    worker: Option<WorkerName>,
    due: Option<Timestamp>,
    waits: Timestamp,
    patience_ms: Option<u64>,
    ended_by: Option<Attempt>,
}

#[derive(Debug, Default)]
struct Model {
    now: Timestamp,
    jobs: BTreeMap<JobId, Known>,
    /// Every lease there ever was, with who got it and how much of its log was acknowledged.
    leases: Vec<(LeaseId, WorkerName, u64)>,
}

impl Known {
    fn held(&self) -> bool {
        matches!(self.standing.state, State::Leased | State::Running)
    }

    fn happen(&mut self, event: Event, now: Timestamp) -> bool {
        let was_held = self.held();
        let Ok(next) = self.standing.after(event, MAX_ATTEMPTS) else { return false };
        assert!(next.attempt >= self.standing.attempt, "attempts only grow");
        self.standing = next;
        if was_held && next.state == State::Queued {
            self.waits = now;
            self.due = self.patience_ms.map(|left| now.plus_millis(left));
        }
        if next.state.is_end() {
            self.due = None;
        }
        true
    }
}

impl Model {
    fn pick_lease(&self, n: usize) -> Option<(usize, LeaseId, WorkerName)> {
        let place = n.checked_rem(self.leases.len())?;
        let (lease, worker, _) = &self.leases[place];
        Some((place, *lease, worker.clone()))
    }

    fn holder(&self, lease: LeaseId) -> bool {
        let job = &self.jobs[&lease.job];
        job.held() && job.standing.attempt == lease.attempt
    }
}

fn completion(how: usize) -> (Completion, fn(Attempt) -> Event) {
    match how {
        0 => (Completion::Stopped, Event::Stopped),
        1 => (Completion::Failed { error: "broken".into() }, Event::Fail),
        2 => (Completion::HandedBack, Event::HandBack),
        _verdict => (finished(passed()), Event::Complete),
    }
}

async fn sequence<P: Place>(words: Vec<Word>) {
    let place = P::new();
    let store = Some(place.open().await);
    let mut run = Run { place: &place, store, model: Model { now: NOW, ..Model::default() } };
    for worker in 0..WORKERS.len() {
        run.register(worker).await;
    }
    for word in words {
        run.say(word).await;
    }
    run.compare().await;
    run.restart(true).await;
    run.compare().await;
    place.close(run.store.take().expect("it is open")).await;
}

/// Many sequences.
pub(crate) fn run<P: Place>() {
    let config = Config { cases: 32, failure_persistence: None, ..Config::default() };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let test = |words| {
        runtime.block_on(sequence::<P>(words));
        Ok(())
    };
    TestRunner::new(config).run(&prop::collection::vec(word(), 1..120), test).unwrap();
}

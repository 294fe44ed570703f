//! Long random sequences of words to a store, beside a model of it that is a map in memory: whatever is answered and
//! whatever is seen afterwards must be the same, also when the store is closed and opened again in between.

use std::collections::BTreeMap;

use dayfly_jobs::state::{Event, Standing};
use dayfly_jobs::wire::{Completion, Progress, Renewal};
use dayfly_jobs::{Attempt, JobId, LeaseId, State, Timestamp, WorkerName};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::Place;
use super::samples::*;
use crate::store::{JobFilter, Scope, Store, StoreError};

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
    Restart,
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
        1 => Just(Word::Restart),
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

/// One sequence.
struct Run<'a, P: Place> {
    place: &'a P,
    store: Option<P::Store>,
    model: Model,
}

impl<P: Place> Run<'_, P> {
    fn store(&self) -> &P::Store {
        self.store.as_ref().expect("it is open")
    }

    async fn say(&mut self, word: Word) {
        match word {
            Word::Submit { tenant, patient } => self.submit(tenant, patient).await,
            Word::Claim { worker, max } => self.claim(worker, max).await,
            Word::Renew { worker } => self.renew(worker).await,
            Word::Progress { lease } => self.progress(lease).await,
            Word::Log { lease } => self.log(lease).await,
            Word::Complete { lease, how } => self.complete(lease, how).await,
            Word::Cancel { job } => self.cancel(job).await,
            Word::Tick => self.tick().await,
            Word::Register { worker } => self.register(worker).await,
            Word::Wait { millis } => self.model.now = self.model.now.plus_millis(millis),
            Word::Restart => self.restart().await,
        }
    }

    async fn submit(&mut self, tenant: bool, patient: bool) {
        let n = u128::try_from(self.model.jobs.len()).unwrap();
        let mut new = job(if tenant { "a" } else { "b" }, n);
        new.spec.timeouts.queue = patient.then(|| dayfly_jobs::WallTime::millis(WAIT_MS));
        let now = self.model.now;
        let id = submit_one(self.store(), new, now).await;
        let patience_ms = patient.then_some(WAIT_MS);
        let due = patience_ms.map(|left| now.plus_millis(left));
        let known =
            Known { standing: Standing::NEW, worker: None, due, waits: now, patience_ms, ended_by: None };
        assert!(self.model.jobs.insert(id, known).is_none());
    }

    async fn claim(&mut self, worker: usize, max: u32) {
        let (name, now): (WorkerName, _) = (WORKERS[worker].parse().unwrap(), self.model.now);
        let claimed = take(self.store(), &name, max, now).await;
        let waiting = self.model.jobs.values().filter(|job| job.standing.state == State::Queued).count();
        assert_eq!(claimed.len(), waiting.min(usize::try_from(max).unwrap()), "whatever waits fits");
        for claimed in claimed {
            let job = self.model.jobs.get_mut(&claimed.lease.job).expect("a job that was submitted");
            assert!(job.happen(Event::Lease, now), "{job:?} was given away");
            assert_eq!(job.standing.attempt, claimed.lease.attempt);
            job.patience_ms = job.patience_ms.map(|left| left.saturating_sub(now.millis_since(job.waits)));
            job.due = Some(now.plus_millis(LEASE_MS));
            job.worker = Some(name.clone());
            self.model.leases.push((claimed.lease, name.clone(), 0));
        }
    }

    async fn renew(&mut self, worker: usize) {
        let (name, now): (WorkerName, _) = (WORKERS[worker].parse().unwrap(), self.model.now);
        let until = now.plus_millis(LEASE_MS);
        let leases: Vec<LeaseId> =
            self.model.leases.iter().filter(|(_, who, _)| *who == name).map(|(lease, ..)| *lease).collect();
        let renewals = self.store().renew(&name, &leases, until, now).await.unwrap();
        for (lease, renewal) in leases.into_iter().zip(renewals) {
            let job = self.model.jobs.get_mut(&lease.job).unwrap();
            let expected = if job.held() && job.standing.attempt == lease.attempt {
                job.due = Some(until);
                Renewal::Kept { lasts_ms: LEASE_MS, cancel: job.standing.cancel }
            } else {
                Renewal::Lost { latest: job.standing.attempt }
            };
            assert_eq!(renewal, expected, "{lease}");
        }
    }

    async fn progress(&mut self, lease: usize) {
        let Some((_, lease, worker)) = self.model.pick_lease(lease) else { return };
        let progress = vec![Progress::StepStarted { step: 0, log_start: 0 }];
        let told = self.store().progress(&worker, lease, progress, self.model.now).await;
        assert_eq!(told.is_ok(), self.model.holder(lease), "{lease}: {told:?}");
        if told.is_ok() {
            let now = self.model.now;
            self.model.jobs.get_mut(&lease.job).unwrap().happen(Event::Start(lease.attempt), now);
        }
    }

    async fn log(&mut self, lease: usize) {
        let Some((place, lease, worker)) = self.model.pick_lease(lease) else { return };
        let at = self.model.leases[place].2;
        let size = [7, 30_000][place % 2];
        let appended = self.store().append_log(&worker, lease, at, &vec![b'l'; size], self.model.now).await;
        assert_eq!(appended.is_ok(), self.model.holder(lease), "{lease}: {appended:?}");
        if let Ok(position) = appended {
            assert_eq!(position.next, at + u64::try_from(size).unwrap());
            self.model.leases[place].2 = position.next;
        }
    }

    async fn complete(&mut self, lease: usize, how: usize) {
        let Some((place, lease, worker)) = self.model.pick_lease(lease) else { return };
        let (mut said, event) = completion(how);
        if let Completion::Finished { result, .. } = &mut said {
            result.log.bytes = self.model.leases[place].2;
        }
        let (held, now) = (self.model.holder(lease), self.model.now);
        let answer = self.store().complete(&worker, lease, said, now).await;
        let job = self.model.jobs.get_mut(&lease.job).unwrap();
        let accepted = held && job.happen(event(lease.attempt), now);
        match answer {
            Ok(answer) if accepted => {
                assert!(!answer.repeated && answer.state == job.standing.state, "{lease}: {answer:?}");
                if answer.state.is_end() {
                    assert_eq!(job.ended_by.replace(lease.attempt), None, "a second end of {lease}");
                }
            }
            Ok(answer) => assert!(answer.repeated && !held, "{lease}: {answer:?} of {job:?}"),
            Err(StoreError::Refused(_)) => assert!(!accepted, "{lease} was refused"),
            Err(error) => panic!("{error}"),
        }
    }

    async fn cancel(&mut self, job: usize) {
        let Some(place) = job.checked_rem(self.model.jobs.len()) else { return };
        let now = self.model.now;
        let (id, known) = self.model.jobs.iter_mut().nth(place).unwrap();
        let (id, already) = (*id, known.standing.cancel);
        let wished = known.happen(Event::Cancel, now) || already;
        assert_eq!(self.store().cancel(&Scope::All, id, now).await.is_ok(), wished, "{id}");
    }

    async fn tick(&mut self) {
        let now = self.model.now;
        let ticked = self.store().tick(now, 1000).await.unwrap();
        let (mut lost, mut ended) = (Vec::new(), Vec::new());
        for (id, job) in &mut self.model.jobs {
            if job.due.is_none_or(|due| due > now) {
                continue;
            }
            let attempt = job.standing.attempt;
            if job.held() {
                lost.push(LeaseId { job: *id, attempt });
                assert!(job.happen(Event::Lose(attempt), now));
            } else {
                assert!(job.happen(Event::QueueTimeout, now));
            }
            if job.standing.state.is_end() {
                ended.push(*id);
            }
        }
        let sorted = |mut ids: Vec<JobId>| {
            ids.sort();
            ids
        };
        let mut told = ticked.lost;
        told.sort();
        assert_eq!((told, sorted(ticked.ended)), (lost, ended));
        assert_eq!(ticked.next, self.model.jobs.values().filter_map(|job| job.due).min());
    }

    async fn register(&mut self, place: usize) {
        let now = self.model.now;
        self.store()
            .register(&registration(WORKERS[place]), &[u8::try_from(place).unwrap(); 32], now)
            .await
            .unwrap();
        for job in self.model.jobs.values_mut() {
            if job.held() && job.worker.as_ref().is_some_and(|worker| worker.as_str() == WORKERS[place]) {
                assert!(job.happen(Event::Lose(job.standing.attempt), now));
            }
        }
    }

    async fn restart(&mut self) {
        let store = self.store.take().expect("it is open");
        self.place.close(store).await;
        self.store = Some(self.place.open().await);
    }

    /// Everything that can be seen is as the model has it.
    async fn compare(&self) {
        let filter = JobFilter { most: 500, ..JobFilter::default() };
        let seen = self.store().jobs(&Scope::All, &filter).await.unwrap().items;
        assert_eq!(seen.len(), self.model.jobs.len());
        for job in seen {
            let known = &self.model.jobs[&job.id];
            let standing =
                Standing { state: job.state, attempt: job.attempt, strikes: job.strikes, cancel: job.cancel };
            assert_eq!(standing, known.standing, "{}", job.id);
            let ends = story(self.store(), job.id).await.iter().filter(|event| *event == "ended").count();
            assert_eq!(ends, usize::from(job.state.is_end()), "{}", job.id);
        }
        self.compare_counts().await;
        for (lease, _, length) in &self.model.leases {
            if self.model.jobs[&lease.job].standing.attempt == lease.attempt {
                let log = self.store().read_log(lease.job, 0, u64::MAX).await.unwrap();
                assert!(log.length == *length && log.bytes.iter().all(|byte| *byte == b'l'), "{lease}");
            }
        }
    }

    async fn compare_counts(&self) {
        let lanes = self.store().census(self.model.now).await.unwrap().lanes;
        let count = |held: fn(&Known) -> bool| self.model.jobs.values().filter(|job| held(job)).count();
        let (queued, running) = (count(|job| job.standing.state == State::Queued), count(Known::held));
        let sums = lanes.iter().fold((0, 0), |sum, lane| (sum.0 + lane.queued, sum.1 + lane.running));
        assert_eq!(sums, (u64::try_from(queued).unwrap(), u64::try_from(running).unwrap()));
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
    run.restart().await;
    run.compare().await;
    place.close(run.store.take().expect("it is open")).await;
}

/// Many sequences.
pub(crate) fn run<P: Place>() {
    let config = Config { cases: 48, failure_persistence: None, ..Config::default() };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let test = |words| {
        runtime.block_on(sequence::<P>(words));
        Ok(())
    };
    TestRunner::new(config).run(&prop::collection::vec(word(), 1..120), test).unwrap();
}

//! One sequence of words, said to the store and to the model.

use dayfly_jobs::state::{Event, Standing};
use dayfly_jobs::wire::{Completion, Progress, Renewal};
use dayfly_jobs::{JobId, LeaseId, State, WorkerName};

use super::{Known, Model, WAIT_MS, WORKERS, Word, completion};
use crate::store::contract::Place;
use crate::store::contract::samples::*;
use crate::store::{JobFilter, Scope, Store, StoreError};

/// One sequence.
pub(super) struct Run<'a, P: Place> {
    pub(super) place: &'a P,
    pub(super) store: Option<P::Store>,
    pub(super) model: Model,
}

impl<P: Place> Run<'_, P> {
    fn store(&self) -> &P::Store {
        self.store.as_ref().expect("it is open")
    }

    pub(super) async fn say(&mut self, word: Word) {
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
            Word::Restart { crash } => self.restart(crash).await,
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

    pub(super) async fn register(&mut self, place: usize) {
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

    pub(super) async fn restart(&mut self, crash: bool) {
        let store = self.store.take().expect("it is open");
        if crash {
            self.place.crash(store).await;
        } else {
            self.place.close(store).await;
        }
        self.store = Some(self.place.open().await);
    }

    /// Everything that can be seen is as the model has it.
    pub(super) async fn compare(&self) {
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

//! Submitting, claiming, listing, explaining.

use std::collections::BTreeSet;

use dayfly_jobs::wire::JobSummary;
use dayfly_jobs::{Bytes, JobId, State};

use super::samples::*;
use crate::store::{Caps, JobFilter, LaneCount, NewJob, Queue, Scope, Store, StoreError, Tenant, Waiting};

pub(crate) async fn what_is_submitted_is_there(store: &impl Store) {
    let new = job("a", 1);
    let id = submit_one(store, new.clone(), NOW).await;
    let detail = store.job(&Scope::All, id).await.unwrap().unwrap();
    assert_eq!(detail.spec, new.spec);
    let JobSummary { state, attempt, submitted_ms, ended_ms, .. } = detail.summary;
    assert_eq!((state, attempt.0, submitted_ms, ended_ms), (State::Queued, 0, NOW, None));
    assert_eq!(story(store, id).await, ["submitted"]);
    assert!(store.job(&Scope::Tenant("b".parse().unwrap()), id).await.unwrap().is_none());
    assert!(store.job(&Scope::All, JobId::new(NOW, 99)).await.unwrap().is_none());
    let elsewhere =
        NewJob { spec: dayfly_jobs::JobSpec { queue: "nowhere".parse().unwrap(), ..spec() }, ..job("a", 2) };
    let refused = store.submit(vec![elsewhere], NOW).await;
    assert!(matches!(refused, Err(StoreError::Unknown { what: "queue", .. })), "{refused:?}");
}

pub(crate) async fn a_key_gives_the_same_job_again(store: &impl Store) {
    let keyed = |tenant: &str, n| NewJob { key: Some("k".into()), ..job(tenant, n) };
    let first = submit_one(store, keyed("a", 1), NOW).await;
    let again = store.submit(vec![keyed("a", 2)], after(1)).await.unwrap();
    assert_eq!((again[0].id, again[0].created), (first, false));
    let other = store.submit(vec![keyed("b", 3)], after(1)).await.unwrap();
    assert!(other[0].created, "keys are by tenant");
    let mut different = keyed("a", 4);
    different.spec.priority = 5;
    let refused = store.submit(vec![different], after(1)).await;
    assert!(matches!(refused, Err(StoreError::KeyReused { .. })), "{refused:?}");
    let twice = |n| NewJob { key: Some("twice".into()), ..job("a", n) };
    let both = store.submit(vec![twice(5), twice(6)], after(2)).await.unwrap();
    assert_eq!((both[0].id, both[0].created, both[1].created), (both[1].id, true, false));
}

pub(crate) async fn whoever_is_told_that_a_job_is_in_line_gets_it(store: &impl Store) {
    let worker = worker(store, "w").await;
    let told = tokio::sync::Notify::new();
    let in_line = || told.notify_one();
    let claim = async {
        told.notified().await;
        take_one(store, &worker, NOW).await
    };
    let (submitted, lease) = tokio::join!(store.submit_telling(vec![job("a", 1)], NOW, &in_line), claim);
    assert_eq!(submitted.unwrap()[0].id, lease.job);
    let unknown =
        NewJob { spec: dayfly_jobs::JobSpec { queue: "none".parse().unwrap(), ..spec() }, ..job("a", 2) };
    assert!(store.submit_telling(vec![unknown], NOW, &in_line).await.is_err());
    told.notified().await;
    assert_eq!(take(store, &worker, 8, NOW).await.len(), 0, "what was in line may be refused");
}

pub(crate) async fn a_batch_is_queued_whole_or_not_at_all(store: &impl Store) {
    let mut bad = job("a", 3);
    bad.spec.queue = "nowhere".parse().unwrap();
    assert!(store.submit(vec![job("a", 1), job("a", 2), bad], NOW).await.is_err());
    assert!(store.jobs(&Scope::All, &JobFilter::default()).await.unwrap().items.is_empty());
    assert!(store.census(NOW).await.unwrap().lanes.iter().all(|lane| lane.queued == 0));
    let jobs = (0..1000).map(|n| job("a", n)).collect();
    assert_eq!(store.submit(jobs, NOW).await.unwrap().len(), 1000);
    assert_eq!(store.census(NOW).await.unwrap().lanes[0].queued, 1000);
}

pub(crate) async fn caps_hold(store: &impl Store) {
    let caps = Caps { max_running: 2, max_queued: 4 };
    store.set_tenant(&Tenant { name: "a".parse().unwrap(), weight: 100, caps }).await.unwrap();
    let worker = worker(store, "w").await;
    let full = store.submit((0..5).map(|n| job("a", n)).collect(), NOW).await;
    assert!(matches!(&full, Err(StoreError::QueueFull { of, most: 4 }) if of == "tenant a"), "{full:?}");
    store.submit((0..4).map(|n| job("a", n)).collect(), NOW).await.unwrap();
    assert_eq!(take(store, &worker, 8, NOW).await.len(), 2);
    assert_eq!(take(store, &worker, 8, NOW).await.len(), 0);
    submit_one(store, job("a", 10), NOW).await;

    let queue = Queue { name: "slow".parse().unwrap(), caps: Caps { max_running: 1, max_queued: 3 } };
    store.set_queue(&queue).await.unwrap();
    let slow = |tenant: &str, n| {
        let mut job = job(tenant, n);
        job.spec.queue = "slow".parse().unwrap();
        job
    };
    let full = store.submit(vec![slow("b", 20), slow("c", 21), slow("d", 22), slow("e", 23)], NOW).await;
    assert!(matches!(&full, Err(StoreError::QueueFull { of, most: 3 }) if of == "queue slow"), "{full:?}");
    store.submit(vec![slow("b", 20), slow("c", 21)], NOW).await.unwrap();
    assert_eq!(take(store, &worker, 8, NOW).await.len(), 1);
}

pub(crate) async fn different_needs_are_bounded(store: &impl Store) {
    let odd = |n: u64| {
        let mut job = job("a", n.into());
        job.spec.limits.memory = Bytes::mib(n + 1);
        job
    };
    let refused = store.submit((0..501).map(odd).collect(), NOW).await;
    assert!(matches!(refused, Err(StoreError::TooManyLanes { most: 500, .. })));
    store.submit((0..500).map(odd).collect(), NOW).await.unwrap();
    assert!(store.submit(vec![odd(500)], NOW).await.is_err());
    let same = NewJob { id: JobId::new(NOW, 1000), ..odd(7) };
    submit_one(store, same, NOW).await;
    submit_one(store, NewJob { tenant: "b".parse().unwrap(), ..odd(501) }, NOW).await;
}

pub(crate) async fn claims_go_by_share_then_rank(store: &impl Store) {
    let worker = worker(store, "w").await;
    let urgent = |n| {
        let mut job = job("a", n);
        job.spec.priority = 2;
        job
    };
    for (n, at) in (0..4).zip(0..) {
        submit_one(store, job("a", n), after(at)).await;
    }
    let first = submit_one(store, urgent(10), after(10_000)).await;
    let other = submit_one(store, job("b", 20), after(20_000)).await;
    let claimed = take(store, &worker, 3, after(20_000)).await;
    let order: Vec<JobId> = claimed.iter().map(|claimed| claimed.lease.job).collect();
    assert_eq!(order, [first, other, JobId::new(NOW, 0)], "urgent first, then whoever used less, then age");
    assert!(claimed.iter().all(|claimed| claimed.lease.attempt.0 == 1));
}

pub(crate) async fn a_worker_gets_what_it_can_run_and_no_more(store: &impl Store) {
    let worker = worker(store, "w").await;
    let mut labelled = job("a", 1);
    labelled.spec.labels = BTreeSet::from(["gpu".parse().unwrap()]);
    let mut policy = job("a", 2);
    policy.spec.sandbox.policy = "other".into();
    let mut large = job("a", 3);
    large.spec.limits.memory = Bytes::gib(5);
    store.submit(vec![labelled, policy, large], NOW).await.unwrap();
    assert_eq!(take(store, &worker, 8, NOW).await.len(), 0);
    store.submit((10..30).map(|n| job("a", n)).collect(), NOW).await.unwrap();
    assert_eq!(take(store, &worker, 20, NOW).await.len(), 8, "as many as it has slots");
    let unknown = store.claim(&claim(&"nobody".parse().unwrap(), 1, NOW), NOW).await;
    assert!(matches!(unknown, Err(StoreError::Unknown { what: "worker", .. })), "{unknown:?}");
}

pub(crate) async fn many_workers_at_once_get_each_job_once(store: &impl Store) {
    store
        .submit((0..60).map(|n| job(["a", "b", "c"][usize::try_from(n % 3).unwrap()], n)).collect(), NOW)
        .await
        .unwrap();
    let mut names = Vec::new();
    for name in ["q", "r", "s", "t", "u", "v", "w", "x"] {
        names.push(worker(store, name).await);
    }
    let [a, b, c, d, e, f, g, h] = names.as_slice() else { panic!("eight workers") };
    let taken = tokio::join!(
        take(store, a, 8, NOW),
        take(store, b, 8, NOW),
        take(store, c, 8, NOW),
        take(store, d, 8, NOW),
        take(store, e, 8, NOW),
        take(store, f, 8, NOW),
        take(store, g, 8, NOW),
        take(store, h, 8, NOW),
    );
    let all = [taken.0, taken.1, taken.2, taken.3, taken.4, taken.5, taken.6, taken.7].concat();
    let different: BTreeSet<JobId> = all.iter().map(|claimed| claimed.lease.job).collect();
    assert_eq!((all.len(), different.len()), (60, 60));
}

pub(crate) async fn listing_goes_newest_first_in_pages(store: &impl Store) {
    store.submit((0..7).map(|n| job("a", n)).collect(), NOW).await.unwrap();
    let mut named = job("b", 100);
    named.spec.name = "other".into();
    submit_one(store, named, NOW).await;
    let scope = Scope::Tenant("a".parse().unwrap());
    let mut filter = JobFilter { most: 3, ..JobFilter::default() };
    let mut seen = Vec::new();
    loop {
        let page = store.jobs(&scope, &filter).await.unwrap();
        seen.extend(page.items.iter().map(|job| job.id));
        let Some(next) = page.next else { break };
        filter.before = Some(next.parse().unwrap());
    }
    assert_eq!(seen, (0..7).rev().map(|n| JobId::new(NOW, n)).collect::<Vec<_>>());
    let only = |filter: JobFilter| async move { store.jobs(&Scope::All, &filter).await.unwrap().items.len() };
    let filter = JobFilter { most: 50, ..JobFilter::default() };
    assert_eq!(only(JobFilter { name: Some("other".into()), ..filter.clone() }).await, 1);
    assert_eq!(only(JobFilter { states: BTreeSet::from([State::Queued]), ..filter.clone() }).await, 8);
    assert_eq!(
        only(JobFilter { states: BTreeSet::from([State::Running, State::Leased]), ..filter.clone() }).await,
        0
    );
    store.cancel(&Scope::All, JobId::new(NOW, 3), NOW).await.unwrap();
    let states = BTreeSet::from([State::Queued, State::Cancelled, State::Finished]);
    let mixed = store.jobs(&Scope::All, &JobFilter { states, most: 6, ..filter.clone() }).await.unwrap();
    let ids: Vec<JobId> = mixed.items.iter().map(|job| job.id).collect();
    assert_eq!(ids, [100, 6, 5, 4, 3, 2].map(|n| JobId::new(NOW, n)));
    assert_eq!(mixed.next, Some(ids[5].to_string()));
    assert_eq!(only(JobFilter { queue: Some("slow".parse().unwrap()), ..filter }).await, 0);
}

pub(crate) async fn waiting_is_explained(store: &impl Store) {
    store.submit((0..3).map(|n| job("a", n)).collect(), NOW).await.unwrap();
    let last = JobId::new(NOW, 2);
    let why = |id, now| async move { store.waiting(id, now).await.unwrap() };
    assert_eq!(why(last, NOW).await, Some(Waiting::NoWorkers));
    let worker = worker(store, "w").await;
    assert_eq!(why(last, NOW).await, Some(Waiting::Turn { ahead: 2 }));
    assert_eq!(why(last, after(3_600_000)).await, Some(Waiting::NoWorkers), "the worker was not heard of");
    let mut odd = job("a", 9);
    odd.spec.labels = BTreeSet::from(["gpu".parse().unwrap()]);
    let odd = submit_one(store, odd, NOW).await;
    assert_eq!(why(odd, NOW).await, Some(Waiting::NoFit { missing: vec!["label gpu".into()] }));
    let caps = Caps { max_running: 1, ..Caps::default() };
    store.set_tenant(&Tenant { name: "a".parse().unwrap(), weight: 100, caps }).await.unwrap();
    let lease = take_one(store, &worker, NOW).await;
    assert_eq!(why(lease.job, NOW).await, None);
    assert_eq!(why(last, NOW).await, Some(Waiting::Cap { of: "tenant a".into(), most: 1 }));
}

pub(crate) async fn the_census_counts(store: &impl Store) {
    let worker = worker(store, "w").await;
    submit_one(store, job("a", 1), after(5)).await;
    let mut urgent = job("a", 2);
    urgent.spec.priority = 50;
    submit_one(store, urgent, after(9)).await;
    submit_one(store, job("a", 3), after(10)).await;
    take(store, &worker, 1, after(10)).await;
    let lanes = store.census(after(10)).await.unwrap().lanes;
    let (queue, tenant) = ("default".parse().unwrap(), "a".parse().unwrap());
    assert_eq!(lanes, [LaneCount { queue, tenant, queued: 2, oldest: Some(after(5)), running: 1 }]);
}

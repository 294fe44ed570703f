//! What is kept besides the queue, and what is thrown away.

use std::collections::{BTreeMap, BTreeSet};

use dayfly_jobs::{
    Artifact, Bytes, Digest, Input, InputSource, JobId, JobResult, LogEnd, Report, SecretUse, State,
    Timestamp,
};

use super::samples::*;
use crate::store::{
    Attempted, Caps, DeliveryId, DeliveryState, NewJob, NewToken, Permission, Queue, Retention, Room, Scope,
    Store, StoreError, Tenant, TokenInfo,
};

const DAY: u64 = 24 * 60 * 60 * 1000;

/// Runs a job to its end, with a log of `bytes`.
async fn run(store: &impl Store, new: NewJob, bytes: usize, now: Timestamp) -> JobId {
    let id = submit_one(store, new, now).await;
    let worker = worker(store, "w").await;
    let lease = take_one(store, &worker, now).await;
    store.append_log(&worker, lease, 0, &vec![b'x'; bytes], now).await.unwrap();
    let log = LogEnd { bytes: u64::try_from(bytes).unwrap(), digest: Digest([0; 32]) };
    store.complete(&worker, lease, finished(JobResult { log, ..passed() }), now).await.unwrap();
    id
}

pub(crate) async fn old_jobs_go_with_all_they_have(store: &impl Store) {
    let retention = Retention { jobs_ms: DAY, ..Retention::default() };
    let old = run(store, NewJob { key: Some("k".into()), ..job("a", 1) }, 50_000, NOW).await;
    let young = run(store, job("a", 2), 10, after(DAY)).await;
    let waiting = submit_one(store, job("a", 3), NOW).await;
    assert_eq!(store.collect(&retention, after(DAY)).await.unwrap().jobs, 0);
    assert_eq!(store.collect(&retention, after(DAY + 1)).await.unwrap().jobs, 1);
    assert!(store.job(&Scope::All, old).await.unwrap().is_none());
    assert!(store.events(old, 0, 10).await.unwrap().is_empty());
    assert!(store.read_log(old, 0, 10).await.is_err());
    for kept in [young, waiting] {
        assert!(store.job(&Scope::All, kept).await.unwrap().is_some());
    }
    let again = NewJob { key: Some("k".into()), ..job("a", 4) };
    assert!(store.submit(vec![again], after(DAY + 2)).await.unwrap()[0].created, "its key is free again");
    assert_eq!(store.collect(&retention, after(400 * DAY)).await.unwrap().jobs, 1);
    assert_eq!(state(store, waiting).await, State::Queued);
}

pub(crate) async fn the_oldest_go_when_there_is_too_much(store: &impl Store) {
    let mut jobs = Vec::new();
    for n in 0..5 {
        jobs.push(run(store, job("a", n), 40_000, after(u64::try_from(n).unwrap())).await);
    }
    let retention = Retention { bytes: 100_000, ..Retention::default() };
    assert_eq!(store.collect(&retention, after(10)).await.unwrap().jobs, 3);
    for (n, id) in jobs.into_iter().enumerate() {
        assert_eq!(store.job(&Scope::All, id).await.unwrap().is_some(), n >= 3, "job {n}");
    }
    assert_eq!(store.collect(&retention, after(10)).await.unwrap().jobs, 0);
}

fn digest(n: u8) -> Digest {
    Digest([n; 32])
}

async fn add(store: &impl Store, tenant: &str, n: u8, now: Timestamp) {
    store.add_blob(&tenant.parse().unwrap(), digest(n), Bytes::kib(1), now).await.unwrap();
}

fn with_input(n: u128, blob: u8) -> NewJob {
    let mut job = job("a", n);
    let source = InputSource::Blob(digest(blob));
    job.spec.inputs = vec![Input { path: "in".into(), source, executable: false, unpack: None }];
    job
}

pub(crate) async fn a_blob_is_kept_while_a_job_names_it(store: &impl Store) {
    let retention = Retention { jobs_ms: 10 * DAY, blobs_ms: DAY, ..Retention::default() };
    let missing = store.submit(vec![with_input(1, 1)], NOW).await;
    assert!(matches!(missing, Err(StoreError::Unknown { what: "blob", .. })), "{missing:?}");
    for blob in 1..=3 {
        add(store, "a", blob, NOW).await;
    }
    submit_one(store, with_input(1, 1), NOW).await;
    let worker = worker(store, "w").await;
    let lease = take_one(store, &worker, NOW).await;
    let artifact =
        |n| Artifact { name: "out".into(), path: "out".into(), size: Bytes::kib(1), digest: digest(n) };
    let nowhere = JobResult { artifacts: vec![artifact(9)], ..passed() };
    assert!(store.complete(&worker, lease, finished(nowhere), NOW).await.is_err());
    let result = JobResult { artifacts: vec![artifact(2)], ..passed() };
    store.complete(&worker, lease, finished(result), NOW).await.unwrap();
    assert_eq!(store.collect(&retention, after(DAY)).await.unwrap().blobs, []);
    let gone = vec![digest(3)];
    assert_eq!(store.collect(&retention, after(2 * DAY)).await.unwrap().blobs, gone);
    assert_eq!(
        store.collect(&retention, after(2 * DAY)).await.unwrap().blobs,
        gone,
        "until its file is deleted"
    );
    store.blobs_deleted(&gone).await.unwrap();
    assert_eq!(store.collect(&retention, after(2 * DAY)).await.unwrap().blobs, []);
    let collected = store.collect(&retention, after(11 * DAY)).await.unwrap();
    assert_eq!((collected.jobs, collected.blobs), (1, vec![digest(1), digest(2)]));
    add(store, "a", 1, after(11 * DAY)).await;
    assert_eq!(
        store.collect(&retention, after(11 * DAY)).await.unwrap().blobs,
        [digest(2)],
        "1 is there again"
    );
}

pub(crate) async fn a_blob_is_its_owners(store: &impl Store) {
    add(store, "b", 1, NOW).await;
    let (a, b) = (Scope::Tenant("a".parse().unwrap()), Scope::Tenant("b".parse().unwrap()));
    assert!(store.blob(&a, digest(1)).await.unwrap().is_none());
    assert_eq!(store.blob(&b, digest(1)).await.unwrap().unwrap().size, Bytes::kib(1));
    assert!(
        store.submit(vec![with_input(1, 1)], NOW).await.is_err(),
        "knowing a digest is not having the blob"
    );
    add(store, "a", 1, after(1)).await;
    assert_eq!(store.blob(&a, digest(1)).await.unwrap().unwrap().used_ms, after(1));
    submit_one(store, with_input(1, 1), NOW).await;
}

pub(crate) async fn secrets_are_by_tenant(store: &impl Store) {
    let (a, b, name) = ("a".parse().unwrap(), "b".parse().unwrap(), "key".parse().unwrap());
    store.set_secret(&a, &name, vec![1], NOW).await.unwrap();
    store.set_secret(&a, &name, vec![2], after(1)).await.unwrap();
    assert_eq!(store.ciphertexts(&a, std::slice::from_ref(&name)).await.unwrap()[&name], [2]);
    assert!(store.ciphertexts(&b, std::slice::from_ref(&name)).await.is_err());
    assert_eq!(store.secrets(&a).await.unwrap()[0].set_ms, after(1));
    let with = |tenant: &str, n| {
        let mut job = job(tenant, n);
        job.spec.secrets = vec![SecretUse { name: "key".parse().unwrap(), env: None }];
        job
    };
    submit_one(store, with("a", 1), NOW).await;
    let refused = store.submit(vec![with("b", 2)], NOW).await;
    assert!(matches!(refused, Err(StoreError::NoSecret { .. })), "{refused:?}");
    store.remove_secret(&a, &name).await.unwrap();
    let again = store.remove_secret(&a, &name).await;
    assert!(matches!(again, Err(StoreError::Unknown { what: "secret", .. })), "{again:?}");
    assert!(store.secrets(&a).await.unwrap().is_empty());
}

pub(crate) async fn tokens_expire_and_can_be_removed(store: &impl Store) {
    let token = |name: &str, hash, expires_ms| NewToken {
        hash: [hash; 32],
        info: TokenInfo {
            name: name.into(),
            tenant: "a".parse().unwrap(),
            permits: BTreeSet::from([Permission::Submit, Permission::Read]),
            created_ms: NOW,
            expires_ms,
        },
    };
    store.add_token(token("short", 1, Some(after(10))), NOW).await.unwrap();
    store.add_token(token("long", 2, None), NOW).await.unwrap();
    for taken in [token("long", 3, None), token("other", 2, None)] {
        let refused = store.add_token(taken, NOW).await;
        assert!(matches!(refused, Err(StoreError::Taken { what: "token", .. })), "{refused:?}");
    }
    assert_eq!(store.token(&[1; 32], after(9)).await.unwrap(), Some(token("short", 1, Some(after(10))).info));
    assert_eq!(store.token(&[1; 32], after(10)).await.unwrap(), None);
    assert_eq!(store.token(&[9; 32], NOW).await.unwrap(), None);
    let names = |tokens: Vec<TokenInfo>| tokens.into_iter().map(|token| token.name).collect::<Vec<_>>();
    assert_eq!(names(store.tokens().await.unwrap()), ["long", "short"]);
    store.remove_token("long").await.unwrap();
    assert!(store.remove_token("long").await.is_err());
    assert_eq!(store.token(&[2; 32], NOW).await.unwrap(), None);
}

fn room(most: u32) -> Room {
    Room { most, each: 4, busy: BTreeMap::new() }
}

pub(crate) async fn one_receiver_has_some_of_the_places_and_the_next_has_others(store: &impl Store) {
    let mut reported = job("a", 1);
    let hook = |host: &str, n: u32| Report::Webhook(format!("https://{host}/{n}"));
    reported.spec.report = (0..6).map(|n| hook("slow.example", n)).collect();
    reported.spec.report.push(hook("fast.example", 0));
    run(store, reported, 0, NOW).await;
    let taken = async |room: Room, at| {
        let due = store.due(&room, after(60_000), at).await.unwrap();
        due.now.into_iter().map(|delivery| delivery.id.report).collect::<Vec<_>>()
    };
    assert_eq!(taken(room(10), NOW).await, [0, 1, 2, 3, 6]);
    let busy = |count| Room { busy: BTreeMap::from([("slow.example".to_owned(), count)]), ..room(10) };
    assert!(taken(busy(4), after(1)).await.is_empty());
    let due = store.due(&busy(4), after(60_000), after(1)).await.unwrap();
    assert_eq!(due.next, Some(after(60_000)), "who has no room is not waited for");
    assert_eq!(taken(busy(3), after(1)).await, [4]);
}

pub(crate) async fn reports_are_queued_with_the_end_and_tried_until_settled(store: &impl Store) {
    let mut reported = job("a", 1);
    let hook = |n: u32| Report::Webhook(format!("https://example.org/{n}"));
    reported.spec.report = vec![hook(0), hook(1)];
    assert!(store.due(&room(10), after(60_000), NOW).await.unwrap().now.is_empty());
    let id = run(store, reported, 0, NOW).await;
    let due = store.due(&room(10), after(60_000), NOW).await.unwrap();
    assert_eq!((due.now.len(), due.next), (2, Some(after(60_000))));
    assert_eq!(due.now[1].url, "https://example.org/1");
    assert!(store.due(&room(10), after(60_000), after(1)).await.unwrap().now.is_empty(), "somebody has them");
    let [first, second] = [0, 1].map(|report| DeliveryId { job: id, report });
    store.attempted(first, Attempted::Delivered, after(2)).await.unwrap();
    let later = Attempted::Later { at: after(5000), error: "503".into() };
    store.attempted(second, later, after(2)).await.unwrap();
    let due = store.due(&room(10), after(9000), after(5000)).await.unwrap();
    assert_eq!((due.now.len(), due.now[0].id, due.now[0].attempts), (1, second, 1));
    store.attempted(second, Attempted::Dead { error: "410".into() }, after(6000)).await.unwrap();
    assert_eq!(store.due(&room(10), after(99_999), after(60_000)).await.unwrap().next, None);
    let states = store.deliveries(&Scope::All, id).await.unwrap();
    let states: Vec<_> = states.into_iter().map(|delivery| (delivery.state, delivery.error)).collect();
    assert_eq!(states, [(DeliveryState::Delivered, None), (DeliveryState::Dead, Some("410".into()))]);
    let stranger = Scope::Tenant("b".parse().unwrap());
    assert!(store.redeliver(&stranger, second, after(7000)).await.is_err());
    assert!(store.deliveries(&stranger, id).await.unwrap().is_empty());
    store.redeliver(&Scope::All, second, after(7000)).await.unwrap();
    assert_eq!(store.due(&room(10), after(9000), after(7000)).await.unwrap().now[0].id, second);
    let tenant = "a".parse().unwrap();
    assert_eq!(store.webhook_key(&tenant).await.unwrap(), None);
    store.set_webhook_key(&tenant, vec![7]).await.unwrap();
    assert_eq!(store.webhook_key(&tenant).await.unwrap(), Some(vec![7]));
}

pub(crate) async fn tenants_and_queues_are_set(store: &impl Store) {
    submit_one(store, job("a", 1), NOW).await;
    let plain = Tenant { name: "a".parse().unwrap(), weight: Tenant::WEIGHT, caps: Caps::default() };
    assert_eq!(store.tenants().await.unwrap(), [plain]);
    let heavy =
        Tenant { name: "a".parse().unwrap(), weight: 300, caps: Caps { max_running: 1, max_queued: 2 } };
    store.set_tenant(&heavy).await.unwrap();
    assert_eq!(store.tenants().await.unwrap(), [heavy]);
    let default = Queue { name: "default".parse().unwrap(), caps: Caps::default() };
    assert_eq!(store.queues().await.unwrap(), std::slice::from_ref(&default));
    let night = Queue { name: "night".parse().unwrap(), caps: Caps { max_running: 3, max_queued: 4 } };
    store.set_queue(&night).await.unwrap();
    assert_eq!(store.queues().await.unwrap(), [default, night]);
}

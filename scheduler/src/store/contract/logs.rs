//! Logs: whole, in order, once.

use dayfly_jobs::wire::{Completion, LogChunk, LogPosition, Rest};
use dayfly_jobs::{Digest, JobResult, LeaseId, LogEnd, WorkerName};

use super::samples::*;
use crate::store::{Store, StoreError};

async fn leased(store: &impl Store) -> (WorkerName, LeaseId) {
    let worker = worker(store, "w").await;
    submit_one(store, job("a", 1), NOW).await;
    let lease = take_one(store, &worker, NOW).await;
    (worker, lease)
}

async fn whole(store: &impl Store, lease: LeaseId) -> Vec<u8> {
    store.read_log(lease.job, 0, u64::MAX).await.unwrap().bytes
}

pub(crate) async fn a_log_is_read_as_it_was_written(store: &impl Store) {
    let (worker, lease) = leased(store).await;
    let mut log: Vec<u8> = Vec::new();
    for (n, length) in [10_usize, 100_000, 5, 16_384, 16_385, 1].into_iter().enumerate() {
        let piece = vec![b'a' + u8::try_from(n).unwrap(); length];
        let at = u64::try_from(log.len()).unwrap();
        log.extend(&piece);
        let next = u64::try_from(log.len()).unwrap();
        assert_eq!(store.append_log(&worker, lease, at, &piece, NOW).await.unwrap(), LogPosition { next });
    }
    assert!(whole(store, lease).await == log);
    for (from, most) in
        [(0, 1), (9, 2), (10, 100_000), (99_999, 50), (100_009, 20), (116_000, 20_000), (132_784, 9)]
    {
        let part = store.read_log(lease.job, from, most).await.unwrap();
        let place = usize::try_from(from).unwrap();
        let end = (place + usize::try_from(most).unwrap()).min(log.len());
        assert!(part.bytes == log[place..end], "{most} bytes from {from}");
        assert!(part.open && part.attempt == lease.attempt);
    }
    let beyond = store.read_log(lease.job, 1 << 40, 10).await.unwrap();
    assert_eq!((beyond.bytes.len(), beyond.length), (0, u64::try_from(log.len()).unwrap()));
}

pub(crate) async fn a_gap_is_refused_and_a_piece_again_is_not_doubled(store: &impl Store) {
    let (worker, lease) = leased(store).await;
    let append = |offset, bytes: Vec<u8>| {
        let worker = worker.clone();
        async move { store.append_log(&worker, lease, offset, &bytes, NOW).await }
    };
    let gap = append(1, b"x".to_vec()).await;
    assert!(matches!(gap, Err(StoreError::LogGap { next: 0 })), "{gap:?}");
    append(0, b"hello".to_vec()).await.unwrap();
    assert_eq!(append(0, b"hello".to_vec()).await.unwrap().next, 5);
    assert_eq!(append(3, b"lo world".to_vec()).await.unwrap().next, 11);
    let large = vec![b'z'; 50_000];
    assert_eq!(append(11, large.clone()).await.unwrap().next, 50_011);
    assert_eq!(append(11, large.clone()).await.unwrap().next, 50_011);
    assert_eq!(append(40_000, large.clone()).await.unwrap().next, 90_000);
    let gap = append(90_001, large).await;
    assert!(matches!(gap, Err(StoreError::LogGap { next: 90_000 })), "{gap:?}");
    let log = whole(store, lease).await;
    assert!(
        log.starts_with(b"hello worldz") && log.len() == 90_000 && log[11..].iter().all(|byte| *byte == b'z')
    );
}

pub(crate) async fn a_result_needs_its_whole_log(store: &impl Store) {
    let (worker, lease) = leased(store).await;
    let result = JobResult { log: LogEnd { bytes: 8, digest: Digest([0; 32]) }, ..passed() };
    store.append_log(&worker, lease, 0, b"well", NOW).await.unwrap();
    let early = store.complete(&worker, lease, finished(result.clone()), NOW).await;
    assert!(matches!(early, Err(StoreError::LogGap { next: 4 })), "{early:?}");
    let with = |base64: &str| {
        let log = Some(LogChunk { offset: 4, base64: base64.into() });
        Completion::Finished { result: Box::new(result.clone()), rest: Rest { log, ..Rest::default() } }
    };
    let broken = store.complete(&worker, lease, with("?"), NOW).await;
    assert!(matches!(broken, Err(StoreError::BadLog)), "{broken:?}");
    assert!(!store.complete(&worker, lease, with("IGVuZA=="), NOW).await.unwrap().repeated);
    assert!(store.complete(&worker, lease, with("IGVuZA=="), NOW).await.unwrap().repeated);
    let part = store.read_log(lease.job, 0, 100).await.unwrap();
    assert_eq!((part.bytes.as_slice(), part.open), (b"well end".as_slice(), false));
}

pub(crate) async fn the_log_of_a_lost_attempt_begins_anew(store: &impl Store) {
    let (worker, lease) = leased(store).await;
    store.append_log(&worker, lease, 0, &vec![b'1'; 20_000], NOW).await.unwrap();
    store.complete(&worker, lease, Completion::HandedBack, NOW).await.unwrap();
    let second = take_one(store, &worker, NOW).await;
    assert_eq!(store.read_log(lease.job, 0, 10).await.unwrap().length, 0);
    let late = store.append_log(&worker, lease, 20_000, b"late", NOW).await;
    assert!(matches!(late, Err(StoreError::Refused(_))), "{late:?}");
    store.append_log(&worker, second, 0, b"two", NOW).await.unwrap();
    let part = store.read_log(lease.job, 0, 10).await.unwrap();
    assert_eq!((part.bytes.as_slice(), part.attempt), (b"two".as_slice(), second.attempt));
}

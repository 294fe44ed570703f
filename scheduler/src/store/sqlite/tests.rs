//! The contract on SQLite, and what is particular to it: files, locks, full disks, damaged data.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use sqlx::sqlite::{SqliteConnection, SqlitePool};
use tempfile::TempDir;
use tokio::sync::Notify;

use super::files::LogFiles;
use super::reserve::Reserve;
use super::writer::{Change, Writer};
use super::{SqliteStore, open};
use crate::store::contract::samples::{NOW, after, finished, job, passed, registration, take, take_one};
use crate::store::contract::{Place, contract};
use crate::store::{JobFilter, Scope, Store, StoreError};

/// A folder that is removed in the end. After a crash it is a copy of the one before.
struct Folder(Mutex<TempDir>);

#[async_trait]
impl Place for Folder {
    type Store = SqliteStore;

    fn new() -> Self {
        Self(Mutex::new(folder()))
    }

    async fn open(&self) -> SqliteStore {
        SqliteStore::open(&self.path()).await.unwrap()
    }

    async fn close(&self, store: SqliteStore) {
        store.close().await;
    }

    async fn crash(&self, store: SqliteStore) {
        let copy = folder();
        copy_all(&self.path(), copy.path());
        store.close().await;
        *self.0.lock().unwrap() = copy;
    }
}

impl Folder {
    fn path(&self) -> PathBuf {
        self.0.lock().unwrap().path().to_owned()
    }
}

/// In memory where that is possible: these tests make thousands of commits, and none of them cuts the power.
fn folder() -> TempDir {
    TempDir::new_in("/dev/shm").or_else(|_| TempDir::new()).unwrap()
}

fn copy_all(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let (old, new) = (entry.path(), to.join(entry.file_name()));
        if old.is_dir() {
            fs::create_dir(&new).unwrap();
            copy_all(&old, &new);
        } else if entry.file_name() != "dayfly.db-shm" {
            // The index of the write-ahead log is memory, not disk.
            fs::copy(&old, &new).unwrap();
        }
    }
}

contract!(Folder);

#[tokio::test]
async fn a_folder_is_for_one_scheduler() {
    let folder = Folder::new();
    let store = folder.open().await;
    let second = SqliteStore::open(&folder.path()).await.unwrap_err().to_string();
    assert!(second.contains("another scheduler"), "{second}");
    folder.close(store).await;
    let store = folder.open().await;
    folder.close(store).await;
}

/// A store whose database may not grow beyond so many pages.
async fn small(folder: &Path, pages: u32) -> SqliteStore {
    let file = folder.join("dayfly.db");
    let mut db = open::writer(&file).await.unwrap();
    let limit = sqlx::AssertSqlSafe(format!("PRAGMA max_page_count = {pages}"));
    sqlx::query(limit).execute(&mut db).await.unwrap();
    SqliteStore {
        writer: Writer::start(db, Reserve::open(folder), open::lock(folder).unwrap()),
        readers: open::readers(&file).await.unwrap(),
        logs: LogFiles::open(folder.join("logs")).unwrap(),
    }
}

#[tokio::test]
async fn a_full_disk_refuses_what_is_large_changes_nothing_and_lets_the_rest_go_on() {
    let folder = Folder::new();
    let store = small(&folder.path(), 150).await;
    store.register(&registration("w"), &[1; 32], NOW).await.unwrap();
    store.submit(vec![job("a", 1)], NOW).await.unwrap();
    let worker = "w".parse().unwrap();
    let lease = take_one(&store, &worker, NOW).await;

    let large = (10..1000).map(|n| job("a", n)).collect();
    let until = NOW.plus_millis(20_000);
    let leases = [lease];
    let together = tokio::join!(store.submit(large, NOW), store.renew(&worker, &leases, until, NOW));
    assert!(matches!(together.0, Err(StoreError::Full)), "{:?}", together.0.map(|jobs| jobs.len()));
    assert_eq!(together.1.unwrap().len(), 1, "the renewal was not to blame");

    let listed = store.jobs(&Scope::All, &JobFilter { most: 500, ..JobFilter::default() }).await.unwrap();
    assert_eq!(listed.items.len(), 1);
    let census = store.census(NOW).await.unwrap();
    assert_eq!(census.lanes.iter().map(|lane| (lane.queued, lane.running)).collect::<Vec<_>>(), [(0, 1)]);
    store.close().await;

    let store = folder.open().await;
    let sound: String = sqlx::query_scalar("PRAGMA integrity_check")
        .fetch_one(&mut *store.reader().await.unwrap())
        .await
        .unwrap();
    assert_eq!(sound, "ok");
    assert_eq!(store.tick(until, 10).await.unwrap().lost, [lease]);
    store.submit((10..1000).map(|n| job("a", n)).collect(), NOW).await.unwrap();
    store.close().await;
}

/// Adds a row, once somebody else is in line.
struct Add {
    begun: Arc<Notify>,
    go_on: Arc<Notify>,
}

impl Change for Add {
    type Answer = ();

    async fn apply(&self, db: &mut SqliteConnection) -> Result<(), StoreError> {
        self.begun.notify_one();
        self.go_on.notified().await;
        sqlx::query("INSERT INTO totals (name, bytes) VALUES ('added', 0)").execute(db).await?;
        Ok(())
    }
}

/// Counts the rows that are committed by then.
struct Committed(SqlitePool);

impl Change for Committed {
    type Answer = i64;

    async fn apply(&self, _db: &mut SqliteConnection) -> Result<i64, StoreError> {
        Ok(sqlx::query_scalar("SELECT count(*) FROM totals").fetch_one(&self.0).await?)
    }
}

#[tokio::test]
async fn a_change_that_comes_while_another_is_made_shares_its_commit() {
    let folder = Folder::new();
    let store = folder.open().await;
    let (begun, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let count = Committed(store.readers.clone());
    let add = store.writer.make(Add { begun: Arc::clone(&begun), go_on: Arc::clone(&go_on) });
    let count = async {
        begun.notified().await;
        store.writer.make_telling(count, || go_on.notify_one()).await
    };
    let (added, counted) = tokio::join!(add, count);
    assert_eq!((added.unwrap(), counted.unwrap()), ((), 2), "what was made before is not committed yet");
    let after: i64 =
        sqlx::query_scalar("SELECT count(*) FROM totals").fetch_one(&store.readers).await.unwrap();
    assert_eq!(after, 3);
    store.close().await;
}

#[tokio::test]
async fn a_writer_that_is_behind_says_that_it_is_busy() {
    let folder = Folder::new();
    let store = folder.open().await;
    // Nothing is awaited before all are sent, so the writer cannot make room in between.
    let ids = 0..3000_u128;
    let submits = ids.map(|n| store.submit(vec![job("a", n)], NOW));
    let answers = futures_of(submits).await;
    let busy = answers.iter().filter(|answer| matches!(answer, Err(StoreError::Busy))).count();
    let done = answers.iter().filter(|answer| answer.is_ok()).count();
    assert!(busy > 0 && done > 0 && busy + done == 3000, "{busy} busy, {done} done");
    assert_eq!(store.census(NOW).await.unwrap().lanes[0].queued, u64::try_from(done).unwrap());
    store.close().await;
}

/// Waits for all of them at once.
async fn futures_of<F: Future>(futures: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut waiting: Vec<_> = futures.map(|future| (Box::pin(future), None)).collect();
    std::future::poll_fn(|context| {
        for (future, answer) in &mut waiting {
            if answer.is_none()
                && let std::task::Poll::Ready(ready) = future.as_mut().poll(context)
            {
                *answer = Some(ready);
            }
        }
        let all = waiting.iter().all(|(_, answer)| answer.is_some());
        if all { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    waiting.into_iter().filter_map(|(_, answer)| answer).collect()
}

/// Runs jobs of a minute each, one after the other, and tells whose they were.
async fn one_by_one(store: &SqliteStore, from: u64, count: u64) -> Vec<String> {
    let (worker, mut whose) = ("w".parse().unwrap(), Vec::new());
    for minute in from..from + count {
        let claimed = take(store, &worker, 1, after(minute * 60_000)).await.remove(0);
        whose.push(claimed.tenant.to_string());
        let end = after(minute * 60_000 + 59_999);
        store.complete(&worker, claimed.lease, finished(passed()), end).await.unwrap();
    }
    whose
}

#[tokio::test]
async fn a_restart_does_not_change_whose_turn_it_is() {
    let (folder, jobs) =
        (Folder::new(), |tenant, ids: std::ops::Range<u128>| ids.map(move |n| job(tenant, n)));
    let store = folder.open().await;
    store.register(&registration("w"), &[1; 32], NOW).await.unwrap();
    store.submit(jobs("a", 0..40).collect(), NOW).await.unwrap();
    assert_eq!(one_by_one(&store, 0, 10).await, ["a"; 10]);
    store.submit(jobs("b", 100..140).collect(), after(600_000)).await.unwrap();
    store.close().await;
    let store = folder.open().await;
    assert_eq!(one_by_one(&store, 10, 4).await, ["b", "a", "b", "a"], "a newcomer is none for ever");
    store.submit(jobs("c", 200..201).collect(), after(840_000)).await.unwrap();
    assert_eq!(one_by_one(&store, 14, 1).await, ["c"]);
    store.close().await;
    let store = folder.open().await;
    store.submit(jobs("c", 201..203).collect(), after(900_000)).await.unwrap();
    let whose = one_by_one(&store, 15, 3).await;
    assert_eq!(
        whose.iter().filter(|tenant| *tenant == "c").count(),
        1,
        "a pause is worth nothing: {whose:?}"
    );
    store.close().await;
}

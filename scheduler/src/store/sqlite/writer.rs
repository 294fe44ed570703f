//! The one task that writes. What arrives while it commits is committed together, with one sync of the disk.
//!
//! A change that is refused leaves the others of its commit alone. A commit that fails changes nothing; its changes are
//! then tried one by one, so that only those fail that cannot be made.

use std::fs::File;
use std::future::Future;

use async_trait::async_trait;
use sqlx::Connection;
use sqlx::sqlite::SqliteConnection;
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::store::StoreError;

/// Changes that may wait for the writer; one more is refused as busy.
const WAITING: usize = 1024;

/// Changes in one commit.
const TOGETHER: usize = 256;

/// Something to be done in one transaction, perhaps twice: the first time may be undone.
pub(super) trait Change: Send + Sync + 'static {
    /// What is told when it is committed.
    type Answer: Send;

    /// Does it. After an error nothing of it stays.
    fn apply(
        &self,
        db: &mut SqliteConnection,
    ) -> impl Future<Output = Result<Self::Answer, StoreError>> + Send;
}

/// The way to the writing task.
#[derive(Debug)]
pub(super) struct Writer {
    task: Mutex<Option<JoinHandle<()>>>,
    changes: Mutex<Option<mpsc::Sender<Box<dyn Errand>>>>,
}

impl Writer {
    /// Starts the task. It keeps `lock` as long as it writes.
    pub(super) fn start(db: SqliteConnection, lock: File) -> Self {
        let (sender, receiver) = mpsc::channel(WAITING);
        let task = tokio::spawn(write(db, receiver, lock));
        Self { task: Mutex::new(Some(task)), changes: Mutex::new(Some(sender)) }
    }

    /// Makes a change; the answer comes after it is on the disk.
    pub(super) async fn make<C: Change>(&self, change: C) -> Result<C::Answer, StoreError> {
        let (reply, answer) = oneshot::channel();
        let errand = Box::new(Envelope { change, done: None, reply });
        let sender = self.changes.lock().await.clone().ok_or_else(stopped)?;
        sender.try_send(errand).map_err(|refused| match refused {
            mpsc::error::TrySendError::Full(_) => StoreError::Busy,
            mpsc::error::TrySendError::Closed(_) => stopped(),
        })?;
        answer.await.map_err(|_| stopped())?
    }

    /// Ends the task after what was asked for before.
    pub(super) async fn stop(&self) {
        self.changes.lock().await.take();
        if let Some(task) = self.task.lock().await.take() {
            // A task that panicked has told whoever waited for it; there is nothing left to stop.
            task.await.ok();
        }
    }
}

fn stopped() -> StoreError {
    StoreError::Failed("the store was closed".to_owned())
}

/// A change of whatever kind, with who waits for it.
#[async_trait]
trait Errand: Send {
    /// Does it and keeps the answer. An error means that the whole transaction cannot go on.
    async fn run(&mut self, db: &mut SqliteConnection) -> Result<Ran, StoreError>;

    /// Tells the answer, or why the commit failed.
    fn answer(self: Box<Self>, commit: Result<(), StoreError>);
}

/// Whether what an errand did is to stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ran {
    Done,
    Refused,
}

struct Envelope<C: Change> {
    change: C,
    done: Option<Result<C::Answer, StoreError>>,
    reply: oneshot::Sender<Result<C::Answer, StoreError>>,
}

#[async_trait]
impl<C: Change> Errand for Envelope<C> {
    async fn run(&mut self, db: &mut SqliteConnection) -> Result<Ran, StoreError> {
        match self.change.apply(db).await {
            Err(error @ (StoreError::Full | StoreError::Busy | StoreError::Failed(_))) => Err(error),
            Err(refusal) => {
                self.done = Some(Err(refusal));
                Ok(Ran::Refused)
            }
            Ok(answer) => {
                self.done = Some(Ok(answer));
                Ok(Ran::Done)
            }
        }
    }

    fn answer(self: Box<Self>, commit: Result<(), StoreError>) {
        let Self { done, reply, change: _ } = *self;
        let answer = commit.and_then(|()| done.unwrap_or_else(|| Err(stopped())));
        // Whoever asked may have gone; what was done stays done.
        reply.send(answer).ok();
    }
}

async fn write(mut db: SqliteConnection, mut changes: mpsc::Receiver<Box<dyn Errand>>, lock: File) {
    let mut batch = Vec::new();
    while changes.recv_many(&mut batch, TOGETHER).await > 0 {
        finish(&mut db, std::mem::take(&mut batch)).await;
    }
    if let Err(error) = db.close().await {
        tracing::warn!(%error, "the database was not closed cleanly; nothing is lost");
    }
    drop(lock);
}

async fn finish(db: &mut SqliteConnection, mut batch: Vec<Box<dyn Errand>>) {
    let whole = commit(db, &mut batch).await;
    let full = matches!(whole, Err(StoreError::Full));
    if full {
        // What is in the write-ahead log moves into the database, so that its room can be used again: enough for
        // changes that need no new pages, such as renewing leases and removing old jobs. Failing changes nothing.
        sqlx::query("PRAGMA wal_checkpoint(PASSIVE)").execute(&mut *db).await.ok();
    }
    if whole.is_ok() || batch.len() == 1 && !full {
        for errand in batch {
            errand.answer(again(&whole));
        }
        return;
    }
    for errand in batch {
        let mut alone = [errand];
        let result = commit(db, &mut alone).await;
        let [errand] = alone;
        errand.answer(result);
    }
}

/// The same error for somebody else.
fn again(result: &Result<(), StoreError>) -> Result<(), StoreError> {
    match result {
        Ok(()) => Ok(()),
        Err(StoreError::Full) => Err(StoreError::Full),
        Err(StoreError::Busy) => Err(StoreError::Busy),
        Err(other) => Err(StoreError::Failed(other.to_string())),
    }
}

async fn commit(db: &mut SqliteConnection, batch: &mut [Box<dyn Errand>]) -> Result<(), StoreError> {
    let result = transaction(db, batch).await;
    if result.is_err() {
        // Some errors have ended the transaction already; then there is nothing to undo.
        sqlx::query("ROLLBACK").execute(db).await.ok();
    }
    result
}

async fn transaction(db: &mut SqliteConnection, batch: &mut [Box<dyn Errand>]) -> Result<(), StoreError> {
    sqlx::query("BEGIN IMMEDIATE").execute(&mut *db).await?;
    for errand in batch.iter_mut() {
        sqlx::query("SAVEPOINT change").execute(&mut *db).await?;
        if errand.run(db).await? == Ran::Refused {
            sqlx::query("ROLLBACK TO change").execute(&mut *db).await?;
        }
        sqlx::query("RELEASE change").execute(&mut *db).await?;
    }
    sqlx::query("COMMIT").execute(db).await?;
    Ok(())
}

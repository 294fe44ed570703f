//! The one task that writes. What arrives while it commits or writes is committed together, with one sync of the disk.
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

use super::reserve::{self, Reserve};
use crate::store::StoreError;

/// Changes that may wait for the writer; one more is refused as busy.
const WAITING: usize = 1024;

/// Bytes in a page of the database.
const PAGE: i64 = 4096;

/// Changes in one commit.
const TOGETHER: usize = 256;

/// Something to be done in one transaction, perhaps twice: the first time may be undone.
pub(super) trait Change: Send + Sync + 'static {
    /// What is told when it is committed.
    type Answer: Send;

    /// Whether it only adds to the store, so that it is refused while the disk is full.
    const ADDS: bool = false;

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
    pub(super) fn start(db: SqliteConnection, reserve: Reserve, lock: File) -> Self {
        let (sender, receiver) = mpsc::channel(WAITING);
        let task = tokio::spawn(write(Disk { db, reserve }, receiver, lock));
        Self { task: Mutex::new(Some(task)), changes: Mutex::new(Some(sender)) }
    }

    /// Makes a change; the answer comes after it is on the disk.
    pub(super) async fn make<C: Change>(&self, change: C) -> Result<C::Answer, StoreError> {
        self.make_telling(change, || {}).await
    }

    /// The same; tells when the change is in line, so that whatever is asked for from then on comes after it.
    pub(super) async fn make_telling<C: Change>(
        &self,
        change: C,
        in_line: impl FnOnce() + Send,
    ) -> Result<C::Answer, StoreError> {
        let (reply, answer) = oneshot::channel();
        let errand = Box::new(Envelope { change, done: None, reply });
        let sender = self.changes.lock().await.clone().ok_or_else(stopped)?;
        sender.try_send(errand).map_err(|refused| match refused {
            mpsc::error::TrySendError::Full(_) => StoreError::Busy,
            mpsc::error::TrySendError::Closed(_) => stopped(),
        })?;
        in_line();
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
    /// See [`Change::ADDS`].
    fn adds(&self) -> bool;

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
    fn adds(&self) -> bool {
        C::ADDS
    }

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

/// What the task has for itself.
struct Disk {
    db: SqliteConnection,
    reserve: Reserve,
}

async fn write(mut disk: Disk, mut changes: mpsc::Receiver<Box<dyn Errand>>, lock: File) {
    let mut batch = Vec::new();
    while changes.recv_many(&mut batch, TOGETHER).await > 0 {
        disk.finish(std::mem::take(&mut batch), &mut changes).await;
    }
    if let Err(error) = disk.db.close().await {
        tracing::warn!(%error, "the database was not closed cleanly; nothing is lost");
    }
    drop(lock);
}

/// Who may still join a transaction before it is committed.
struct Line<'a> {
    changes: &'a mut mpsc::Receiver<Box<dyn Errand>>,
    room: bool,
}

impl Line<'_> {
    /// The next one, if somebody waits; who finds no room is told so.
    fn next(&mut self) -> Option<Box<dyn Errand>> {
        loop {
            let errand = self.changes.try_recv().ok()?;
            if self.room || !errand.adds() {
                return Some(errand);
            }
            errand.answer(Err(StoreError::Full));
        }
    }
}

impl Disk {
    async fn finish(&mut self, batch: Vec<Box<dyn Errand>>, changes: &mut mpsc::Receiver<Box<dyn Errand>>) {
        let room = self.has_room().await;
        let (mut batch, refused): (Vec<_>, Vec<_>) =
            batch.into_iter().partition(|errand| room || !errand.adds());
        refused.into_iter().for_each(|errand| errand.answer(Err(StoreError::Full)));
        let whole = self.commit(&mut batch, Some(Line { changes, room })).await;
        let full = matches!(whole, Err(StoreError::Full));
        if whole.is_ok() || batch.len() == 1 && !full {
            batch.into_iter().for_each(|errand| errand.answer(again(&whole)));
            return;
        }
        for errand in batch {
            self.alone(errand).await;
        }
    }

    /// Whether the reserve is held, or so much of the database was freed that nothing has to grow.
    async fn has_room(&mut self) -> bool {
        if self.reserve.take() {
            return true;
        }
        let free: Result<i64, _> = sqlx::query_scalar("PRAGMA freelist_count").fetch_one(&mut self.db).await;
        free.is_ok_and(|pages| pages.saturating_mul(PAGE) >= reserve::BYTES)
    }

    async fn alone(&mut self, errand: Box<dyn Errand>) {
        if errand.adds() && !self.has_room().await {
            errand.answer(Err(StoreError::Full));
            return;
        }
        let mut alone = vec![errand];
        let result = self.commit(&mut alone, None).await;
        alone.into_iter().for_each(|errand| errand.answer(again(&result)));
    }

    async fn commit(
        &mut self,
        batch: &mut Vec<Box<dyn Errand>>,
        line: Option<Line<'_>>,
    ) -> Result<(), StoreError> {
        let result = commit(&mut self.db, batch, line).await;
        if matches!(result, Err(StoreError::Full)) {
            self.reserve.give_up();
            // What is in the write-ahead log moves into the database, so that its room can be used again. Failing
            // changes nothing.
            sqlx::query("PRAGMA wal_checkpoint(PASSIVE)").execute(&mut self.db).await.ok();
        }
        result
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

async fn commit(
    db: &mut SqliteConnection,
    batch: &mut Vec<Box<dyn Errand>>,
    line: Option<Line<'_>>,
) -> Result<(), StoreError> {
    if batch.is_empty() {
        return Ok(());
    }
    let result = transaction(db, batch, line).await;
    if result.is_err() {
        // Some errors have ended the transaction already; then there is nothing to undo.
        sqlx::query("ROLLBACK").execute(db).await.ok();
    }
    result
}

/// One by one, each so that it can be undone without the others. Whoever comes while they are made, joins them.
async fn transaction(
    db: &mut SqliteConnection,
    batch: &mut Vec<Box<dyn Errand>>,
    mut line: Option<Line<'_>>,
) -> Result<(), StoreError> {
    let (mut begin, mut done) = ("BEGIN IMMEDIATE; SAVEPOINT change", 0);
    while let Some(errand) = batch.get_mut(done) {
        sqlx::query(begin).execute(&mut *db).await?;
        if errand.run(db).await? == Ran::Refused {
            sqlx::query("ROLLBACK TO change").execute(&mut *db).await?;
        }
        (begin, done) = ("RELEASE change; SAVEPOINT change", done + 1);
        if done == batch.len() && done < TOGETHER {
            batch.extend(line.as_mut().and_then(Line::next));
        }
    }
    sqlx::query("RELEASE change; COMMIT").execute(db).await?;
    Ok(())
}

//! The store in one SQLite database and a folder of log files. Durable: write-ahead log, synced at each commit.
//!
//! One task writes, see [`writer`]; reads go beside it. Nothing is kept in memory that a restart would miss.

mod blobs;
mod claim;
mod collect;
mod ends;
mod explain;
mod files;
mod job;
mod lanes;
mod latest;
mod leases;
mod listing;
mod logs;
mod open;
mod others;
mod queue;
mod reports;
mod reserve;
mod rows;
mod secrets;
mod starts;
mod submit;
mod tenants;
mod tokens;
mod totals;
mod workers;
mod writer;

use std::path::Path;

use sqlx::pool::PoolConnection;
use sqlx::sqlite::{Sqlite, SqlitePool};

use self::files::LogFiles;
use self::reserve::Reserve;
use self::writer::Writer;
use super::StoreError;

/// A store in a folder, which it has for itself.
#[derive(Debug)]
pub struct SqliteStore {
    writer: Writer,
    readers: SqlitePool,
    logs: LogFiles,
}

impl SqliteStore {
    /// Opens the store in `folder` (`dayfly.db`, `logs/`, `lock`), or makes one there. The folder must exist.
    ///
    /// # Errors
    /// When another process has it open, when it was written by a newer version, when the disk fails.
    pub async fn open(folder: &Path) -> Result<Self, StoreError> {
        let lock = open::lock(folder)?;
        let logs = LogFiles::open(folder.join("logs"))?;
        let file = folder.join("dayfly.db");
        let writer = Writer::start(open::writer(&file).await?, Reserve::open(folder), lock);
        Ok(Self { writer, readers: open::readers(&file).await?, logs })
    }

    /// Finishes what was asked for and closes the files. Without it nothing is lost either.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.stop().await;
    }

    async fn reader(&self) -> Result<PoolConnection<Sqlite>, StoreError> {
        Ok(self.readers.acquire().await?)
    }
}

#[cfg(test)]
mod tests;

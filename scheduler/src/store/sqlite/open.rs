//! Opening the database: one connection that writes, a few that read, migrations before either is used.

use std::fs::{File, TryLockError};
use std::path::Path;

use sqlx::ConnectOptions;
use sqlx::SqlSafeStr;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
    SqliteSynchronous,
};

use crate::store::StoreError;

/// Readers at once. Reads are short; more would only take memory.
const READERS: u32 = 3;

/// Every version of the schema, oldest first. What was released is never changed.
const MIGRATIONS: [(i64, &str, &str); 4] = [
    (1, "queue", include_str!("migrations/0001_queue.sql")),
    (2, "newcomers", include_str!("migrations/0002_newcomers.sql")),
    (3, "starts", include_str!("migrations/0003_starts.sql")),
    (4, "receivers", include_str!("migrations/0004_receivers.sql")),
];

/// Takes the folder for this process; the lock ends with the file.
pub(super) fn lock(folder: &Path) -> Result<File, StoreError> {
    let path = folder.join("lock");
    let failed = |error: std::io::Error| StoreError::Failed(format!("{}: {error}", path.display()));
    let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::Failed(format!(
            "{} is used by another scheduler; stop that one, or choose another data folder",
            folder.display()
        ))),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

/// The connection that writes, on a database of the newest version.
pub(super) async fn writer(file: &Path) -> Result<SqliteConnection, StoreError> {
    let mut db = options(file)
        .create_if_missing(true)
        .pragma("cache_size", "-8192")
        // Fewer checkpoints while much is submitted; the file shrinks again afterwards.
        .pragma("wal_autocheckpoint", "2000")
        .pragma("journal_size_limit", "67108864")
        .connect()
        .await?;
    migrator().run_direct(None, &mut db, false).await.map_err(|error| {
        StoreError::Failed(format!("{} cannot be brought to this version: {error}", file.display()))
    })?;
    Ok(db)
}

/// Connections that cannot write.
pub(super) async fn readers(file: &Path) -> Result<SqlitePool, StoreError> {
    let options = options(file).read_only(true).pragma("query_only", "ON");
    // No time limits: they would need a timer that ticks while nothing happens.
    let pool = SqlitePoolOptions::new().max_connections(READERS).idle_timeout(None).max_lifetime(None);
    Ok(pool.test_before_acquire(false).connect_with(options).await?)
}

fn options(file: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(file)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .disable_statement_logging()
}

fn migrator() -> Migrator {
    let migration = |(version, name, sql): (i64, &'static str, &'static str)| {
        Migration::new(version, name.into(), MigrationType::Simple, sql.into_sql_str(), false)
    };
    Migrator::with_migrations(MIGRATIONS.into_iter().map(migration).collect())
}

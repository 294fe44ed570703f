//! The contract on SQLite, and what is particular to it: files, locks, full disks, damaged data.

use std::path::Path;

use async_trait::async_trait;
use tempfile::TempDir;

use super::SqliteStore;
use crate::store::contract::{Place, contract};

/// A folder that is removed in the end.
struct Folder(TempDir);

#[async_trait]
impl Place for Folder {
    type Store = SqliteStore;

    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    async fn open(&self) -> SqliteStore {
        SqliteStore::open(self.path()).await.unwrap()
    }

    async fn close(&self, store: SqliteStore) {
        store.close().await;
    }
}

impl Folder {
    fn path(&self) -> &Path {
        self.0.path()
    }
}

contract!(Folder);

#[tokio::test]
async fn a_folder_is_for_one_scheduler() {
    let folder = Folder::new();
    let store = folder.open().await;
    let second = SqliteStore::open(folder.path()).await.unwrap_err().to_string();
    assert!(second.contains("another scheduler"), "{second}");
    folder.close(store).await;
    let store = folder.open().await;
    folder.close(store).await;
}

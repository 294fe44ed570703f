//! Room that is kept for hard times: a file that takes up space and is given up when the disk is full, so that what runs
//! can end and what is old can be removed. What would only add to the store is refused until the room is there again.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use nix::fcntl::posix_fallocate;
use sqlx::sqlite::SqliteConnection;

use super::writer::Change;
use crate::store::StoreError;

/// As much as the write-ahead log may hold before it is moved into the database, twice.
pub(super) const BYTES: i64 = 16 << 20;

/// The file.
#[derive(Debug)]
pub(super) struct Reserve {
    path: PathBuf,
    held: bool,
}

impl Reserve {
    /// Takes the room if it is there.
    pub(super) fn open(folder: &Path) -> Self {
        let mut reserve = Self { path: folder.join("reserve"), held: false };
        if !reserve.take() {
            tracing::warn!(path = %reserve.path.display(), "no room for the reserve: nothing can be submitted");
        }
        reserve
    }

    /// Whether the room is held, after an attempt to take it if it is not.
    pub(super) fn take(&mut self) -> bool {
        if !self.held {
            self.held = allocate(&self.path);
            if !self.held {
                self.remove();
            }
        }
        self.held
    }

    /// Gives the room up.
    pub(super) fn give_up(&mut self) {
        if self.held {
            tracing::warn!("the disk is full: nothing can be submitted until there is room again");
        }
        self.held = false;
        self.remove();
    }

    fn remove(&self) {
        // If it cannot be removed there is no room either, and that is what is told.
        fs::remove_file(&self.path).ok();
    }
}

fn allocate(path: &Path) -> bool {
    let file = File::options().create(true).truncate(false).write(true).open(path);
    file.is_ok_and(|file| posix_fallocate(file, 0, BYTES).is_ok())
}

/// Ask whether there is room.
pub(super) struct Room;

impl Change for Room {
    type Answer = ();
    const ADDS: bool = true;

    async fn apply(&self, _db: &mut SqliteConnection) -> Result<(), StoreError> {
        Ok(())
    }
}

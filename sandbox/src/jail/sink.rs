//! Writing a job's output to a writer that may block, without the supervisor ever waiting for it.

use std::io::Write;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use nix::sys::eventfd::{EfdFlags, EventFd};

use crate::SandboxError;

/// Chunks waiting at most; a chunk is what one read brought.
const MOST_WAITING: usize = 4;

type Writer = Arc<Mutex<dyn Write + Send>>;

/// A writer with a thread of its own, started when there is something to write.
pub(crate) struct SinkThread {
    writer: Writer,
    shared: Arc<Shared>,
    thread: Option<(Sender<Vec<u8>>, JoinHandle<()>)>,
}

struct Shared {
    waiting: AtomicUsize,
    room: EventFd,
}

impl SinkThread {
    pub(crate) fn new(writer: Writer) -> Result<Self, SandboxError> {
        let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
        let room = EventFd::from_value_and_flags(0, flags)
            .map_err(|errno| SandboxError::system("make an eventfd", errno))?;
        Ok(Self { writer, shared: Arc::new(Shared { waiting: AtomicUsize::new(0), room }), thread: None })
    }

    /// Whether the writer is behind as far as it may be.
    pub(crate) fn is_full(&self) -> bool {
        self.shared.waiting.load(Ordering::Acquire) >= MOST_WAITING
    }

    /// Readable when a full sink may have room again.
    pub(crate) fn room(&self) -> BorrowedFd<'_> {
        self.shared.room.as_fd()
    }

    /// Whether there is room; also resets the descriptor of [`Self::room`].
    pub(crate) fn has_room(&self) -> bool {
        // It being unset is fine.
        self.shared.room.read().ok();
        !self.is_full()
    }

    /// Passes bytes on. The caller has seen that there is room.
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        let (sender, _) = self.thread.get_or_insert_with(|| {
            let (sender, receiver) = channel();
            let (writer, shared) = (Arc::clone(&self.writer), Arc::clone(&self.shared));
            (sender, std::thread::spawn(move || write_all(&writer, &shared, &receiver)))
        });
        self.shared.waiting.fetch_add(1, Ordering::AcqRel);
        // The thread ends only when this sender is dropped.
        sender.send(bytes.to_vec()).ok();
    }

    /// Waits until everything is written.
    pub(crate) fn finish(self) {
        if let Some((sender, thread)) = self.thread {
            drop(sender);
            // A writer that panicked has written what it could.
            thread.join().ok();
        }
    }
}

fn write_all(writer: &Writer, shared: &Shared, receiver: &Receiver<Vec<u8>>) {
    let mut broken = false;
    for bytes in receiver {
        if !broken {
            broken = writer
                .lock()
                .map_or(true, |mut writer| writer.write_all(&bytes).and_then(|()| writer.flush()).is_err());
        }
        shared.waiting.fetch_sub(1, Ordering::AcqRel);
        // A full counter is as good a wake-up.
        shared.room.write(1).ok();
    }
}

impl std::fmt::Debug for SinkThread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SinkThread").field("waiting", &self.shared.waiting).finish_non_exhaustive()
    }
}

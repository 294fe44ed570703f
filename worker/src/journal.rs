//! What a job has to say while it runs: its log, masked and capped, its events, and what its step uses. The job's thread writes, the
//! async side takes away; between them is a bounded buffer, so that a slow scheduler slows the job's output down
//! instead of filling memory. Must not know how anything is sent.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use dayfly_jobs::wire::Progress;
use dayfly_jobs::{Bytes, Digest, LogEnd, Masker, Sample};
use dayfly_sandbox::Meter;
use sha2::{Digest as _, Sha256};
use tokio::sync::Notify;

/// Log bytes that wait to be sent at most; a writer that has more waits.
const MOST_WAITING: usize = 2 << 20;
/// So many waiting bytes are worth a call at once.
pub(crate) const FLUSH_AT: usize = 256 << 10;
/// The most that goes with one call.
pub(crate) const PIECE: usize = 1 << 20;

/// How long a step has run before anybody wants to know what it uses.
pub(crate) const WORTH_TELLING: Duration = Duration::from_secs(1);

/// The journal of one attempt. Clones are the same journal.
#[derive(Debug, Clone)]
pub(crate) struct Journal(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// Something was written or said.
    news: Notify,
    /// Enough was written to be worth a call.
    plenty: Notify,
    /// Something was taken away.
    room: Condvar,
}

#[derive(Debug)]
struct State {
    masker: Masker,
    /// What the masker let through, before the cap.
    clear: Vec<u8>,
    /// Not yet known to the scheduler.
    waiting: VecDeque<u8>,
    /// Where `waiting` begins in the log.
    sent: u64,
    /// Bytes that came after the log was full.
    dropped: u64,
    limit: u64,
    hash: Sha256,
    events: Vec<Progress>,
    /// The step that was begun last, and the meter of its command.
    step: (usize, Meter),
    /// Nobody takes anything away any more.
    broken: bool,
}

impl Journal {
    /// An empty one that keeps the first `limit` bytes of the log.
    pub(crate) fn new(masker: Masker, limit: Bytes) -> Self {
        let state = State {
            masker,
            clear: Vec::new(),
            waiting: VecDeque::new(),
            sent: 0,
            dropped: 0,
            limit: limit.get(),
            hash: Sha256::new(),
            events: Vec::new(),
            step: (0, Meter::default()),
            broken: false,
        };
        let (news, plenty, room) = (Notify::new(), Notify::new(), Condvar::new());
        Self(Arc::new(Shared { state: Mutex::new(state), news, plenty, room }))
    }

    /// A writer for a command's output.
    pub(crate) fn writer(&self) -> Arc<Mutex<dyn Write + Send>> {
        Arc::new(Mutex::new(JournalWriter(self.clone())))
    }

    /// Notes an event.
    pub(crate) fn say(&self, event: Progress) {
        self.lock().events.push(event);
        self.0.news.notify_one();
    }

    /// The meter for the command of this step.
    pub(crate) fn meter(&self, step: usize) -> Meter {
        // One for each step, so that what one uses is never told as another's.
        let meter = Meter::default();
        self.lock().step = (step, meter.clone());
        meter
    }

    /// The step that runs and what it uses, once that is worth telling.
    pub(crate) fn sample(&self, now: Instant) -> Option<(usize, Sample)> {
        let (step, meter) = self.lock().step.clone();
        let sample = meter.read(now)?;
        (sample.wall_time.as_duration() >= WORTH_TELLING).then_some((step, sample))
    }

    /// A line of ours in the log.
    pub(crate) fn remark(&self, text: &str) {
        let mut state = self.lock();
        state.flush_masker();
        let fresh_line = state.waiting.back().is_none_or(|last| *last == b'\n');
        let line = format!("{}[dayfly] {text}\n", if fresh_line { "" } else { "\n" });
        state.take(line.as_bytes());
        state.flush_masker();
        drop(state);
        self.0.news.notify_one();
    }

    /// Where the log ends now, with nothing held back: the border between two steps.
    pub(crate) fn border(&self) -> u64 {
        let mut state = self.lock();
        state.flush_masker();
        state.length()
    }

    /// The end of the log: says how much was left out, if anything was.
    pub(crate) fn end(&self) -> LogEnd {
        let mut state = self.lock();
        state.flush_masker();
        if state.dropped > 0 {
            let line = format!("\n[dayfly] {} bytes were left out here: the log was full\n", state.dropped);
            state.append(line.as_bytes());
        }
        LogEnd { bytes: state.length(), digest: Digest(state.hash.clone().finalize().into()) }
    }

    /// Waits until there is something to send.
    pub(crate) async fn news(&self) {
        self.0.news.notified().await;
    }

    /// Waits until there is much to send.
    pub(crate) async fn plenty(&self) {
        self.0.plenty.notified().await;
    }

    /// The events that were not told yet.
    pub(crate) fn events(&self) -> Vec<Progress> {
        self.lock().events.clone()
    }

    /// So many of them have been told.
    pub(crate) fn told(&self, count: usize) {
        let mut state = self.lock();
        let count = count.min(state.events.len());
        state.events.drain(..count);
    }

    /// At most `most` bytes of the log that the scheduler does not have, and where they begin.
    pub(crate) fn piece(&self, most: usize) -> (u64, Vec<u8>) {
        let mut state = self.lock();
        let length = state.waiting.len().min(most);
        let bytes = state.waiting.make_contiguous().get(..length).unwrap_or_default().to_vec();
        (state.sent, bytes)
    }

    /// How many bytes of the log wait.
    pub(crate) fn waiting(&self) -> usize {
        self.lock().waiting.len()
    }

    /// The scheduler has the log up to here. False when it says more than there is.
    #[must_use]
    pub(crate) fn acknowledge(&self, next: u64) -> bool {
        let mut state = self.lock();
        let Some(count) = next.checked_sub(state.sent).and_then(|count| usize::try_from(count).ok()) else {
            return true;
        };
        if count > state.waiting.len() {
            return false;
        }
        state.waiting.drain(..count);
        state.sent = next;
        drop(state);
        self.0.room.notify_all();
        true
    }

    /// Nothing will be taken away any more: writers fail instead of waiting.
    pub(crate) fn break_off(&self) {
        self.lock().broken = true;
        self.0.room.notify_all();
    }

    fn write(&self, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.lock();
        while state.waiting.len() >= MOST_WAITING && !state.broken {
            state = self.0.room.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if state.broken {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        state.take(bytes);
        let plenty = state.waiting.len() >= FLUSH_AT;
        drop(state);
        self.0.news.notify_one();
        if plenty {
            self.0.plenty.notify_one();
        }
        Ok(())
    }

    /// Every operation leaves the journal whole, so a thread that died with the lock did no harm.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn length(&self) -> u64 {
        self.sent + self.waiting.len() as u64
    }

    /// Takes output of the job.
    fn take(&mut self, bytes: &[u8]) {
        let mut clear = std::mem::take(&mut self.clear);
        self.masker.push(bytes, &mut clear);
        self.keep(&clear);
        clear.clear();
        self.clear = clear;
    }

    fn flush_masker(&mut self) {
        let mut clear = std::mem::take(&mut self.clear);
        self.masker.finish(&mut clear);
        self.keep(&clear);
        clear.clear();
        self.clear = clear;
    }

    /// Appends as much as the log may still hold.
    fn keep(&mut self, bytes: &[u8]) {
        let room = usize::try_from(self.limit.saturating_sub(self.length())).unwrap_or(usize::MAX);
        let (kept, left) = bytes.split_at(bytes.len().min(room));
        self.append(kept);
        self.dropped += left.len() as u64;
    }

    fn append(&mut self, bytes: &[u8]) {
        self.hash.update(bytes);
        self.waiting.extend(bytes);
    }
}

struct JournalWriter(Journal);

impl Write for JournalWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;

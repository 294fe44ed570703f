//! Jails made before they are needed. Each is given away once and never comes back: what is kept warm is
//! work that would otherwise be done while a job waits, not a jail that has run something.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::Jail;
use super::sandbox::JailSandbox;
use crate::{Sandbox, SandboxError};

/// A jail older than this is replaced: the host's files may have changed under it.
const STALE: Duration = Duration::from_secs(600);
/// How long a jail that was taken is left alone before the next one is made: making one slows down everything
/// that starts beside it, and most of what short jobs do is start.
const HEAD_START: Duration = Duration::from_millis(5);
/// How long to wait after a jail could not be made.
const PAUSE: Duration = Duration::from_secs(1);

/// A number of prepared jails of one shape, refilled in the background.
pub struct Pool {
    shared: Arc<Shared>,
    keeper: Option<JoinHandle<()>>,
}

struct Shared {
    jail: Jail,
    size: usize,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    ready: VecDeque<Prepared>,
    /// Used, dead or stale jails on their way out.
    retired: Vec<Box<dyn Sandbox>>,
    /// Until when no jail is made.
    hold: Option<Instant>,
    closing: bool,
}

/// What the keeper does next.
enum Work {
    Make,
    Remove(Vec<Box<dyn Sandbox>>),
    End,
}

#[derive(Debug)]
struct Prepared {
    jail: JailSandbox,
    made: Instant,
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("size", &self.shared.size).field("ready", &self.ready()).finish()
    }
}

impl Pool {
    /// Keeps `size` jails of this shape ready, and makes the first of them before it returns, so that a
    /// host that cannot make any says so now.
    ///
    /// # Errors
    /// The first jail could not be made.
    pub fn new(jail: Jail, size: usize) -> Result<Self, SandboxError> {
        let jail = Jail { shape: Arc::new(jail.shape.with_template()), slots: jail.slots };
        let first = Prepared::make(&jail)?;
        let state = State { ready: VecDeque::from([first]), ..State::default() };
        let shared =
            Arc::new(Shared { jail, size: size.max(1), state: Mutex::new(state), changed: Condvar::new() });
        let keeper = std::thread::Builder::new().name("dayfly-pool".into()).spawn({
            let shared = Arc::clone(&shared);
            move || shared.keep()
        });
        let keeper = keeper.map_err(|error| {
            let errno = error.raw_os_error().map_or(nix::errno::Errno::EAGAIN, nix::errno::Errno::from_raw);
            SandboxError::system("start the pool's thread", errno)
        })?;
        Ok(Self { shared, keeper: Some(keeper) })
    }

    /// A jail that has never run anything: a prepared one, or one made now when none is ready.
    ///
    /// # Errors
    /// None was ready and none could be made.
    pub fn take(&self) -> Result<Box<dyn Sandbox>, SandboxError> {
        let now = Instant::now();
        let mut state = self.shared.lock();
        while let Some(prepared) = state.ready.pop_front() {
            state.hold = Some(now + HEAD_START);
            self.shared.changed.notify_one();
            if prepared.is_fit(now) {
                return Ok(Box::new(prepared.jail));
            }
            state.retired.push(Box::new(prepared.jail));
        }
        drop(state);
        self.shared.jail.create()
    }

    /// Removes a used sandbox in the background. Dropping it does the same, but takes the caller's time.
    pub fn retire(&self, sandbox: Box<dyn Sandbox>) {
        let mut state = self.shared.lock();
        state.retired.push(sandbox);
        // Its job has ended, and the next one may come at once.
        state.hold = None;
        drop(state);
        self.shared.changed.notify_one();
    }

    /// How many jails are ready.
    pub fn ready(&self) -> usize {
        self.shared.lock().ready.len()
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.lock().closing = true;
        self.shared.changed.notify_one();
        if let Some(keeper) = self.keeper.take() {
            // Its jails are removed by their drop even if it panicked.
            keeper.join().ok();
        }
    }
}

impl Prepared {
    fn make(jail: &Jail) -> Result<Self, SandboxError> {
        let mut sandbox = JailSandbox::create(&jail.shape, &jail.slots, jail.shape.likely_wants())?;
        sandbox.prepare()?;
        Ok(Self { jail: sandbox, made: Instant::now() })
    }

    fn is_fit(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.made) < STALE && self.jail.is_alive()
    }
}

impl Shared {
    /// A poisoned lock only means that a thread died; the queues are whole at every moment.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The keeper's whole life.
    fn keep(&self) {
        loop {
            match self.next_work() {
                Work::Make => self.add_one(),
                Work::Remove(retired) => drop(retired),
                Work::End => return,
            }
        }
    }

    /// Sleeps until there is something to do. Filling comes first: somebody may be waiting for it.
    fn next_work(&self) -> Work {
        let mut state = self.lock();
        loop {
            let now = Instant::now();
            state.retire_unfit(now);
            if state.closing {
                return Work::End;
            }
            let held = state.hold.map(|until| until.saturating_duration_since(now)).unwrap_or_default();
            let missing = state.ready.len() < self.size;
            if missing && held.is_zero() {
                return Work::Make;
            }
            if !state.retired.is_empty() {
                return Work::Remove(std::mem::take(&mut state.retired));
            }
            let most = if missing { held } else { STALE };
            let woken = self.changed.wait_timeout(state, most);
            state = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn add_one(&self) {
        match Prepared::make(&self.jail) {
            Ok(prepared) => self.lock().ready.push_back(prepared),
            Err(error) => {
                // Whoever takes next tries for himself and gets the error.
                tracing::debug!(%error, "no jail could be prepared");
                self.lock().hold = Some(Instant::now() + PAUSE);
            }
        }
    }
}

impl State {
    fn retire_unfit(&mut self, now: Instant) {
        let (fit, unfit) = std::mem::take(&mut self.ready).into_iter().partition(|made| made.is_fit(now));
        self.ready = fit;
        let unfit: VecDeque<Prepared> = unfit;
        self.retired.extend(unfit.into_iter().map(|made| Box::new(made.jail) as Box<dyn Sandbox>));
    }
}

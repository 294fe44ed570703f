//! One living jail: made, used for commands one after another, removed.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::Instant;

use dayfly_jobs::{CpuTime, Limits, Outcome, Termination, Usage, WallTime};

use super::classify::{Facts, HostFault, classify};
use super::identity::Identity;
use super::next::{Next, Stage};
use super::shape::Shape;
use super::spawn::{self, Built, Init, Parked};
use super::streams::{Input, Outlet};
use super::supervise::{Observed, Supervisor, Watch};
use super::{measure, order, receipt};
use crate::cgroup::{Group, GroupStats, Wants};
use crate::meter::Shown;
use crate::slot::{Slot, Slots, UIDS_PER_SLOT};
use crate::sys::message;
use crate::{Cancel, Command, Sandbox, SandboxError};

/// A jail and everything that must go when it goes, in the order it must go.
#[derive(Debug)]
pub(crate) struct JailSandbox {
    shape: Arc<Shape>,
    identity: Identity,
    built: Built,
    /// The process of the next command, while it is being made or waits.
    next: Option<Next>,
    /// The group of the present command.
    group: Option<Box<dyn Group>>,
    /// Groups of finished commands. Removing one takes time, which is not the finished command's; and background
    /// processes may live in it.
    finished: Vec<Box<dyn Group>>,
    /// `None` when the jail has ended.
    init: Option<Init>,
    slot: Slot,
    /// When making it began, until the first command has started.
    born: Option<Instant>,
}

impl JailSandbox {
    /// Makes a jail. Its first command's process is under way when this returns.
    pub(crate) fn create(shape: &Arc<Shape>, slots: &Slots, wants: Wants) -> Result<Self, SandboxError> {
        let born = Instant::now();
        let slot = slots.acquire(shape.driver.as_deref())?;
        let identity = identity_of(&slot);
        let init = spawn::start_init(shape, identity)?;
        let next = match Next::start(shape, &slot, &init, identity, wants) {
            Ok(next) => next,
            Err(error) => {
                spawn::end(init);
                return Err(error);
            }
        };
        match spawn::await_built(shape, &init).and_then(|built| next.send_in().map(|()| built)) {
            Ok(built) => Ok(Self {
                shape: Arc::clone(shape),
                identity,
                built,
                next: Some(next),
                group: None,
                finished: Vec::new(),
                init: Some(init),
                slot,
                born: Some(born),
            }),
            Err(error) => {
                next.discard();
                spawn::end(init);
                Err(error)
            }
        }
    }

    /// Waits until the next command's process waits for its command.
    pub(crate) fn prepare(&mut self) -> Result<(), SandboxError> {
        if let Some(next) = self.next.take() {
            let wants = next.wants;
            let (parked, group) = next.settle(&self.shape)?;
            self.next = Some(Next { group, wants, stage: Stage::Here(parked) });
        }
        // Waiting in a pool is not part of making it.
        self.born = None;
        Ok(())
    }

    /// Whether it could still run a command: neither its init nor a parked process has ended.
    pub(crate) fn is_alive(&self) -> bool {
        let ended = |fd: BorrowedFd<'_>| is_readable(fd);
        let parked = self.next.as_ref().is_none_or(|next| match &next.stage {
            Stage::Here(parked) => !ended(parked.child.pidfd.as_fd()),
            Stage::Coming(_) => true,
        });
        parked && self.init.as_ref().is_some_and(|init| !ended(init.pidfd()))
    }

    /// Runs a command with which the jail ends, and removes the jail.
    pub(crate) fn run_last(mut self, command: &Command, cancel: &Cancel) -> Result<Outcome, SandboxError> {
        let mut outcome = self.execute(command, cancel, true)?;
        let start = Instant::now();
        self.remove()?;
        let removal: WallTime = start.elapsed().into();
        outcome.timings.teardown =
            WallTime::micros(outcome.timings.teardown.as_micros() + removal.as_micros());
        Ok(outcome)
    }

    /// A parked process. Its group, which has what these limits want, becomes the present one.
    fn take_parked(&mut self, wants: Wants) -> Result<Parked, SandboxError> {
        let init = self.init.as_ref().ok_or(SandboxError::Ended)?;
        let next = match self.next.take() {
            Some(next) if next.wants.covers(wants) => next,
            other => {
                if let Some(unfit) = other {
                    unfit.discard();
                }
                let next = Next::start(&self.shape, &self.slot, init, self.identity, wants)?;
                next.send_in()?;
                next
            }
        };
        let (parked, group) = next.settle(&self.shape)?;
        self.group = group;
        Ok(parked)
    }

    fn execute(&mut self, command: &Command, cancel: &Cancel, last: bool) -> Result<Outcome, SandboxError> {
        let start = self.born.take().unwrap_or_else(Instant::now);
        let limits = &command.limits;
        receipt::check(&self.shape, limits)?;
        self.tidy_up()?;
        let order = order::write(command)?;
        let (input, stdin) = Input::open(&command.stdin)?;
        let (stdout, stdout_end) = Outlet::open(&command.stdout)?;
        let (stderr, stderr_end) = Outlet::open_beside(&command.stderr, &stdout_end)?;
        let job = Job { parked: self.take_parked(Wants::of(limits))?, reaped: false };
        let enforced_by = receipt::enforce(&self.shape, limits, self.group.as_deref_mut())?;
        let baseline = self.group.as_deref().map_or(Ok(CpuTime::default()), Group::cpu_time)?;
        send_order(&job.parked, &order, [&stdin, &stdout_end, &stderr_end])?;
        drop((order, stdin, stdout_end, stderr_end));
        let _shown = self.show(command, baseline)?;
        let watch = Watch {
            shape: &self.shape,
            limits,
            cancel,
            init: self.init.as_ref().ok_or(SandboxError::Ended)?.pidfd(),
            parked: &job.parked,
            group: self.group.as_deref(),
            baseline,
            processors: measure::processors(limits, self.shape.processors),
            last,
            input,
            stdout,
            stderr,
        };
        let (observed, stdout, stderr) = Supervisor::new(watch, Instant::now()).run()?;
        job.reaped();
        let ended = Instant::now();
        if last {
            self.end();
        }
        let ending = ended.elapsed();
        let stats = self.group.as_deref().map_or(Ok(GroupStats::default()), Group::stats)?;
        let usage = measure::usage(&observed, &stats, baseline);
        let termination = self.judge(&observed, &usage, limits, &stats)?;
        let timings = measure::timings(start, &observed, ending);
        let output = measure::collect(stdout, stderr);
        self.finished.extend(self.group.take());
        Ok(Outcome { termination, usage, limits: limits.clone(), enforced_by, timings, output })
    }

    /// Shows the present command on its meter, if it has one, until what this gives is dropped.
    fn show(&self, command: &Command, baseline: CpuTime) -> Result<Option<Shown>, SandboxError> {
        let (Some(meter), Some(group)) = (&command.meter, self.group.as_deref()) else { return Ok(None) };
        Ok(group.gauge()?.map(|gauge| meter.show(gauge, baseline, Instant::now())))
    }

    /// Removes the groups of finished commands that left nothing in the background.
    fn tidy_up(&mut self) -> Result<(), SandboxError> {
        for group in std::mem::take(&mut self.finished) {
            match group.is_empty()? {
                true => group.remove()?,
                false => self.finished.push(group),
            }
        }
        Ok(())
    }

    fn judge(
        &self,
        observed: &Observed,
        usage: &Usage,
        limits: &Limits,
        stats: &GroupStats,
    ) -> Result<Termination, SandboxError> {
        if let (Some(reason), None) = (observed.not_started, &observed.killed) {
            return Ok(Termination::NotStarted { reason });
        }
        let facts = Facts {
            end: observed.end,
            killed: observed.killed.clone(),
            usage,
            limits,
            memory_limit_hit: stats.memory_limit_hit,
            full: measure::full(&self.built.scratch)?,
            waived: &self.shape.waived,
        };
        classify(&facts).map_err(|HostFault::OutOfMemory| SandboxError::HostOutOfMemory)
    }

    /// Ends every process of the jail.
    fn end(&mut self) {
        if let Some(next) = self.next.take() {
            next.discard();
        }
        if let Some(init) = self.init.take() {
            spawn::end(init);
        }
    }

    fn remove(&mut self) -> Result<(), SandboxError> {
        self.end();
        let groups = self.finished.drain(..).chain(self.group.take());
        let results: Vec<_> = groups.map(Group::remove).collect();
        Ok(results.into_iter().collect::<Result<(), _>>()?)
    }
}

impl Sandbox for JailSandbox {
    fn exec(&mut self, command: &Command, cancel: &Cancel) -> Result<Outcome, SandboxError> {
        let outcome = self.execute(command, cancel, false);
        if outcome.is_err() {
            // What state the jail is in is not known, so nothing more may run in it.
            self.end();
        }
        outcome
    }

    fn workspace(&self) -> BorrowedFd<'_> {
        self.built.workspace.as_fd()
    }

    fn scratch(&self) -> BorrowedFd<'_> {
        self.built.scratch.as_fd()
    }

    fn stop(&mut self) -> Result<(), SandboxError> {
        // The tree lives as long as our descriptors of it; its mounts went with the last process.
        self.end();
        Ok(())
    }

    fn destroy(mut self: Box<Self>) -> Result<(), SandboxError> {
        self.remove()
    }
}

impl Drop for JailSandbox {
    fn drop(&mut self) {
        if let Err(error) = self.remove() {
            tracing::warn!(%error, "a cgroup is left for the sweep");
        }
    }
}

/// A command's process that must be reaped whatever happens, or init could never end.
struct Job {
    parked: Parked,
    reaped: bool,
}

impl Job {
    /// The supervisor has waited for it.
    fn reaped(mut self) {
        self.reaped = true;
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        if !self.reaped {
            spawn::abandon(&self.parked);
        }
    }
}

fn identity_of(slot: &Slot) -> Identity {
    if nix::unistd::geteuid().is_root() {
        Identity::Range { first: slot.first_uid(), count: UIDS_PER_SLOT }
    } else {
        Identity::Own { uid: nix::unistd::geteuid().as_raw(), gid: nix::unistd::getegid().as_raw() }
    }
}

fn send_order(parked: &Parked, order: &OwnedFd, streams: [&OwnedFd; 3]) -> Result<(), SandboxError> {
    let [stdin, stdout, stderr] = streams.map(AsRawFd::as_raw_fd);
    message::send(parked.report.as_fd(), b"!", &[order.as_raw_fd(), stdin, stdout, stderr])
        .map_err(|_| SandboxError::CommandLost)
}

fn is_readable(fd: BorrowedFd<'_>) -> bool {
    let mut fds = [nix::poll::PollFd::new(fd, nix::poll::PollFlags::POLLIN)];
    nix::poll::poll(&mut fds, nix::poll::PollTimeout::ZERO).is_ok_and(|ready| ready > 0)
}

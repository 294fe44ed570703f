//! One living jail: made, used for commands one after another, removed.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use dayfly_jobs::{
    Bytes, CpuTime, Cpus, Enforcement, Limit, Limits, Outcome, Output, Receipt, Termination, Timings, Usage,
    WallTime,
};
use nix::sys::statvfs::fstatvfs;

use super::classify::{Facts, HostFault, classify};
use super::identity::Identity;
use super::order;
use super::shape::Shape;
use super::spawn::{self, Built, Courier, Init, Parked};
use super::streams::{Input, Outlet};
use super::supervise::{Observed, Supervisor, Watch};
use crate::cgroup::{Group, GroupStats, Wants};
use crate::slot::{Slot, Slots, UIDS_PER_SLOT};
use crate::sys::message;
use crate::{Cancel, Command, Sandbox, SandboxError};

/// Below this no program can be executed.
const LEAST_MEMORY: Bytes = Bytes::mib(1);
/// The folders of the writable tree and a few files.
const LEAST_INODES: u64 = 16;

/// A jail and everything that must go when it goes, in the order it must go.
#[derive(Debug)]
pub(crate) struct JailSandbox {
    shape: Arc<Shape>,
    identity: Identity,
    built: Built,
    /// The process of the next command, while it is being made or waits.
    next: Option<Next>,
    /// Groups of finished commands; background processes may live in them.
    groups: Vec<Box<dyn Group>>,
    /// `None` when the jail has ended.
    init: Option<Init>,
    slot: Slot,
    /// When making it began, until the first command has started.
    born: Option<Instant>,
}

/// The process of a command that is not known yet, and its group.
#[derive(Debug)]
struct Next {
    group: Option<Box<dyn Group>>,
    wants: Wants,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    Coming(Courier),
    Here(Parked),
}

impl JailSandbox {
    /// Makes a jail. Its first command's process is under way when this returns.
    pub(crate) fn create(shape: &Arc<Shape>, slots: &Slots, wants: Wants) -> Result<Self, SandboxError> {
        let born = Instant::now();
        let slot = slots.acquire()?;
        let identity = identity_of(&slot);
        let init = spawn::start_init(shape, identity)?;
        let next = match start_next(shape, &slot, &init, identity, wants) {
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
                groups: Vec::new(),
                init: Some(init),
                slot,
                born: Some(born),
            }),
            Err(error) => {
                next.discard(shape);
                spawn::end(init);
                Err(error)
            }
        }
    }

    /// Waits until the next command's process waits for its command.
    pub(crate) fn prepare(&mut self) -> Result<(), SandboxError> {
        let wants = self.next.as_ref().map_or_else(Wants::default, |next| next.wants);
        let next = self.take_next(wants)?;
        self.next = Some(next);
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
        outcome.timings.teardown = start.elapsed().into();
        Ok(outcome)
    }

    /// A parked process with a group that has what these limits want.
    fn take_next(&mut self, wants: Wants) -> Result<Next, SandboxError> {
        let init = self.init.as_ref().ok_or(SandboxError::Ended)?;
        let next = match self.next.take() {
            Some(next) if next.wants.covers(wants) => next,
            other => {
                if let Some(unfit) = other {
                    unfit.discard(&self.shape);
                }
                let next = start_next(&self.shape, &self.slot, init, self.identity, wants)?;
                next.send_in()?;
                next
            }
        };
        next.settle(&self.shape)
    }

    fn execute(&mut self, command: &Command, cancel: &Cancel, last: bool) -> Result<Outcome, SandboxError> {
        let start = self.born.take().unwrap_or_else(Instant::now);
        let limits = &command.limits;
        check_limits(&self.shape, limits)?;
        let order = order::write(command)?;
        let (input, stdin) = Input::open(&command.stdin)?;
        let (stdout, stdout_end) = Outlet::open(&command.stdout)?;
        let (stderr, stderr_end) = Outlet::open(&command.stderr)?;
        let Next { mut group, stage, .. } = self.take_next(Wants::of(limits))?;
        let Stage::Here(parked) = stage else { return Err(SandboxError::CommandLost) };
        let job = Job { parked: &parked, done: false };
        let receipt = full_receipt(&self.shape, limits, group.as_deref_mut())?;
        let baseline = group.as_deref().map_or(Ok(CpuTime::default()), Group::cpu_time)?;
        send_order(&parked, &order, [&stdin, &stdout_end, &stderr_end])?;
        drop((order, stdin, stdout_end, stderr_end));
        let watch = Watch {
            shape: &self.shape,
            limits,
            cancel,
            init: self.init.as_ref().ok_or(SandboxError::Ended)?.pidfd(),
            parked: &parked,
            group: group.as_deref(),
            baseline,
            processors: processors(limits),
            last,
            input,
            stdout,
            stderr,
        };
        let (observed, stdout, stderr) = Supervisor::new(watch, Instant::now()).run()?;
        job.reaped();
        if last {
            self.end();
        }
        let stats = group.as_deref().map_or(Ok(GroupStats::default()), Group::stats)?;
        self.groups.extend(group);
        let usage = usage(&observed, &stats, baseline);
        let termination = self.judge(&observed, &usage, limits, &stats)?;
        let timings = timings(start, &observed);
        let output = collect(stdout, stderr);
        Ok(Outcome { termination, usage, limits: limits.clone(), enforced_by: receipt, timings, output })
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
            full: full(&self.built.scratch)?,
            waived: &self.shape.waived,
        };
        classify(&facts).map_err(|HostFault::OutOfMemory| SandboxError::HostOutOfMemory)
    }

    /// Ends every process of the jail.
    fn end(&mut self) {
        if let Some(next) = self.next.take() {
            next.discard(&self.shape);
        }
        if let Some(init) = self.init.take() {
            spawn::end(init);
        }
    }

    fn remove(&mut self) -> Result<(), SandboxError> {
        self.end();
        let results: Vec<_> = self.groups.drain(..).map(Group::remove).collect();
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

impl Next {
    fn send_in(&self) -> Result<(), SandboxError> {
        match &self.stage {
            Stage::Coming(courier) => spawn::send_in(courier),
            Stage::Here(_) => Ok(()),
        }
    }

    /// Waits until the process waits for its command.
    fn settle(self, shape: &Shape) -> Result<Self, SandboxError> {
        let Self { group, wants, stage } = self;
        let parked = match stage {
            Stage::Coming(courier) => spawn::await_parked(shape, courier),
            Stage::Here(parked) => Ok(parked),
        };
        match parked {
            Ok(parked) => Ok(Self { group, wants, stage: Stage::Here(parked) }),
            Err(error) => {
                drop_group(group);
                Err(error)
            }
        }
    }

    /// Kills the process and removes the group.
    fn discard(self, shape: &Shape) {
        match self.stage {
            Stage::Coming(courier) => spawn::recall(shape, courier),
            Stage::Here(parked) => spawn::abandon(&parked),
        }
        drop_group(self.group);
    }
}

/// Removes a group on a path where another error is on its way or nobody waits for one.
fn drop_group(group: Option<Box<dyn Group>>) {
    if let Some(Err(error)) = group.map(Group::remove) {
        tracing::warn!(%error, "a cgroup is left for the sweep");
    }
}

/// A command's process that must be reaped whatever happens, or init could never end.
struct Job<'a> {
    parked: &'a Parked,
    done: bool,
}

impl Job<'_> {
    /// The supervisor has waited for it.
    fn reaped(mut self) {
        self.done = true;
    }
}

impl Drop for Job<'_> {
    fn drop(&mut self) {
        if !self.done {
            spawn::abandon(self.parked);
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

fn start_next(
    shape: &Shape,
    slot: &Slot,
    init: &Init,
    identity: Identity,
    wants: Wants,
) -> Result<Next, SandboxError> {
    let group = match &shape.driver {
        Some(driver) => Some(driver.create(&slot.next_group(), wants)?),
        None => None,
    };
    match spawn::start_courier(shape, init, identity, group.as_deref()) {
        Ok(courier) => Ok(Next { group, wants, stage: Stage::Coming(courier) }),
        Err(error) => {
            drop_group(group);
            Err(error)
        }
    }
}

fn send_order(parked: &Parked, order: &OwnedFd, streams: [&OwnedFd; 3]) -> Result<(), SandboxError> {
    use std::os::fd::AsRawFd;
    let [stdin, stdout, stderr] = streams.map(AsRawFd::as_raw_fd);
    message::send(parked.report.as_fd(), b"!", &[order.as_raw_fd(), stdin, stdout, stderr])
        .map_err(|_| SandboxError::CommandLost)
}

fn check_limits(shape: &Shape, limits: &Limits) -> Result<(), SandboxError> {
    dayfly_policies::resolve(&shape.policy, limits)?;
    if limits.memory < LEAST_MEMORY {
        return Err(SandboxError::TooSmall { limit: Limit::Memory, smallest: LEAST_MEMORY });
    }
    if limits.inodes.get() < LEAST_INODES {
        return Err(SandboxError::TooSmall { limit: Limit::Inodes, smallest: Bytes::new(LEAST_INODES) });
    }
    Ok(())
}

/// What enforces each limit: the group, and the mechanisms every jail has.
fn full_receipt(
    shape: &Shape,
    limits: &Limits,
    group: Option<&mut (dyn Group + 'static)>,
) -> Result<Receipt, SandboxError> {
    let mut receipt = match group {
        Some(group) => group.apply(limits, &shape.waived)?,
        None => super::GROUP_LIMITS
            .into_iter()
            .map(|limit| (limit, Enforcement::Waived("no cgroup can be made here".into())))
            .collect(),
    };
    if limits.cpus.is_none() {
        receipt.remove(&Limit::Cpus);
    }
    let kernel = |text: &'static str| Enforcement::Kernel(text.into());
    receipt.extend([
        (Limit::WallTime, kernel("monotonic clock, then kill")),
        (Limit::Output, kernel("counted at the pipe, then kill")),
        (Limit::Disk, kernel("tmpfs size")),
        (Limit::Inodes, kernel("tmpfs nr_inodes")),
        (Limit::OpenFiles, kernel("RLIMIT_NOFILE")),
        (Limit::Stack, kernel("RLIMIT_STACK")),
        (Limit::FileSize, kernel("RLIMIT_FSIZE")),
    ]);
    if limits.idle_time.is_some() {
        receipt.insert(Limit::IdleTime, kernel("CPU and byte counters on the monotonic clock, then kill"));
    }
    Ok(receipt)
}

/// The receipt of a command under these limits, found by setting them on a group that nothing enters.
pub(crate) fn receipt(shape: &Shape, slots: &Slots, limits: &Limits) -> Result<Receipt, SandboxError> {
    check_limits(shape, limits)?;
    let slot = slots.acquire()?;
    let Some(driver) = &shape.driver else { return full_receipt(shape, limits, None) };
    let mut group = driver.create(&slot.next_group(), Wants::of(limits))?;
    let receipt = full_receipt(shape, limits, Some(group.as_mut()));
    group.remove()?;
    receipt
}

/// How many processors a command can use at once.
fn processors(limits: &Limits) -> u32 {
    let all = std::thread::available_parallelism().map_or(1, |n| u32::try_from(n.get()).unwrap_or(u32::MAX));
    match &limits.cpus {
        None => all,
        Some(Cpus::Millis(millis)) => millis.get().div_ceil(1000).min(all),
        Some(Cpus::Pinned(set)) => u32::try_from(set.len()).unwrap_or(u32::MAX),
    }
}

fn usage(observed: &Observed, stats: &GroupStats, baseline: CpuTime) -> Usage {
    let wall: WallTime = observed.ended.saturating_duration_since(observed.started).into();
    if observed.not_started.is_some() {
        return Usage { wall_time: wall, ..Usage::default() };
    }
    Usage {
        cpu_time: stats.cpu.saturating_sub(baseline),
        user_time: stats.user,
        system_time: stats.system.saturating_sub(baseline),
        wall_time: wall,
        peak_memory: stats.peak_memory.unwrap_or_default(),
        peak_processes: stats.peak_processes,
        refused_processes: stats.refused_processes,
        input_bytes: observed.input_bytes,
        output_bytes: observed.output_bytes,
        oom_kills: stats.oom_kills,
        throttled_time: stats.throttled,
    }
}

fn timings(start: Instant, observed: &Observed) -> Timings {
    Timings {
        setup: observed.started.saturating_duration_since(start).into(),
        run: observed.ended.saturating_duration_since(observed.started).into(),
        teardown: Duration::ZERO.into(),
    }
}

fn collect(stdout: Outlet, stderr: Outlet) -> Output {
    let (stdout, cut_stdout) = stdout.finish();
    let (stderr, cut_stderr) = stderr.finish();
    Output { stdout, stderr, truncated: cut_stdout || cut_stderr }
}

/// Which part of the writable tree is used up.
fn full(scratch: &OwnedFd) -> Result<Option<Limit>, SandboxError> {
    let found =
        fstatvfs(scratch).map_err(|errno| SandboxError::system("look at the writable tree", errno))?;
    Ok(match (found.blocks_available(), found.files_available()) {
        (0, _) => Some(Limit::Disk),
        (_, 0) => Some(Limit::Inodes),
        _ => None,
    })
}

fn is_readable(fd: BorrowedFd<'_>) -> bool {
    let mut fds = [nix::poll::PollFd::new(fd, nix::poll::PollFlags::POLLIN)];
    nix::poll::poll(&mut fds, nix::poll::PollTimeout::ZERO).is_ok_and(|ready| ready > 0)
}

//! From the supervisor's copy to the job's program: the command's process, and the courier that makes it where the
//! supervisor may not.
//!
//! Nothing here allocates, logs, locks or panics. The order of the steps is the point of this file; each says
//! why it stands where it stands.

use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, IntoRawFd, OwnedFd, RawFd};
use std::sync::atomic::AtomicI32;
use std::time::Duration;

use dayfly_policies::REPORT_FD;
use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, OFlag, openat};
use nix::sys::stat::Mode;

use super::identity::JOB_ID;
use super::order::{self, Order};
use super::plan::Plan;
use super::report::{self, Failure, InStage};
use crate::SetupStage;
use crate::sys::clone::{CloneRequest, Cloned, clone3};
use crate::sys::landlock::{Abi, Ruleset};
use crate::sys::{caps, fd, message, mount, pidfd, process, seccomp};

/// What both processes need, all of it made before the first clone.
pub(crate) struct Brief<'a> {
    pub plan: &'a Plan,
    /// What to join before all else, the user namespace first: it gives the rights to join the others.
    pub namespaces: &'a [BorrowedFd<'a>],
    /// The jail's network.
    pub network: ToNetwork<'a>,
    /// The jail's mount namespace.
    pub mounts: BorrowedFd<'a>,
    /// Our end of the socket to the supervisor; closes on exec.
    pub report: BorrowedFd<'a>,
    /// The descriptors needed, ascending; all others are closed first of all.
    pub keep: &'a [RawFd],
    /// The folder of the command's cgroup, where it is one of version 2.
    pub cgroup: Option<BorrowedFd<'a>>,
    /// The files through which its process enters its cgroups of version 1.
    pub tasks: &'a [BorrowedFd<'a>],
    /// The system call filter, as the kernel reads it.
    pub filter: &'a [libc::sock_filter],
    /// Landlock, where this kernel has it.
    pub landlock: Option<Abi>,
    /// Whether the jail has a range of user ids.
    pub ranged: bool,
}

/// How a command's process comes by the jail's network namespace.
#[derive(Debug, Clone, Copy)]
pub(crate) enum ToNetwork<'a> {
    /// There is none, because this is the first command: its process makes it, gives it to init through this socket,
    /// and hears there when the root is built.
    Make(BorrowedFd<'a>),
    /// It is joined. The root is built.
    Join(BorrowedFd<'a>),
}

impl<'a> ToNetwork<'a> {
    pub(crate) fn descriptor(self) -> BorrowedFd<'a> {
        match self {
            Self::Make(fd) | Self::Join(fd) => fd,
        }
    }
}

/// Descriptors are moved out of the way to this number before they are put in their place.
const PARKING: RawFd = 100;

/// How likely the host's out-of-memory killer is to choose a process: jobs first. Also undoes a protection
/// that a supervisor may have, which would otherwise exempt the job from its own memory limit.
const OOM_SCORE: &[u8] = b"1000";

/// The whole life of the courier: joins the jail and makes the command's process as the supervisor's child. The number of
/// that is noted in `born`.
pub(crate) extern "C" fn courier(brief: &Brief<'_>, born: &AtomicI32) -> ! {
    match deliver(brief, born) {
        Ok(()) => process::exit_now(0),
        Err(failure) => fail(brief.report, failure),
    }
}

/// The whole life of a command's process that the supervisor has made in the jail's PID namespace itself.
pub(crate) extern "C" fn direct(brief: &Brief<'_>) -> ! {
    match join(brief) {
        Ok(()) => command_process(brief),
        Err(failure) => fail(brief.report, failure),
    }
}

fn fail(report: BorrowedFd<'_>, failure: Failure) -> ! {
    // If this fails too, the supervisor sees the socket close without a word, which it reports as well.
    report::send_failed(report, failure).ok();
    process::exit_now(1)
}

fn join(brief: &Brief<'_>) -> Result<(), Failure> {
    fd::close_all_but(brief.keep).stage(SetupStage::Join)?;
    // While /proc is still the host's.
    raise_oom_score().stage(SetupStage::Session)?;
    brief.namespaces.iter().try_for_each(|file| pidfd::enter_namespace(*file)).stage(SetupStage::Join)?;
    match brief.network {
        ToNetwork::Make(line) => make_network(line).stage(SetupStage::Network),
        ToNetwork::Join(network) => pidfd::enter_namespace(network).stage(SetupStage::Join),
    }
}

/// It belongs to the jail's user namespace, which we are in by now.
fn make_network(line: BorrowedFd<'_>) -> nix::Result<()> {
    process::new_network_namespace()?;
    let own = openat(AT_FDCWD, c"/proc/self/ns/net", OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty())?;
    match message::send(line, b"!", &[own.as_raw_fd()]) {
        // Init has failed, and says why.
        Err(Errno::EPIPE | Errno::ECONNRESET) => process::exit_now(0),
        other => other,
    }
}

fn deliver(brief: &Brief<'_>, born: &AtomicI32) -> Result<(), Failure> {
    join(brief)?;
    // The new process is in the PID namespace, which entering it does not do for ourselves. We still have
    // the host's user id, which is what the cgroup's owner check looks at.
    let flags = u64::from(libc::CLONE_PARENT.unsigned_abs());
    let request = CloneRequest { flags, cgroup: brief.cgroup, born: Some(born) };
    // SAFETY: the child runs `command_process`, which keeps the rules of this file and does not return.
    match unsafe { clone3(&request) }.stage(SetupStage::Spawn)? {
        Cloned::Child => command_process(brief),
        Cloned::Parent(_) => Ok(()),
    }
}

fn raise_oom_score() -> nix::Result<()> {
    let flags = OFlag::O_WRONLY | OFlag::O_CLOEXEC;
    let file = openat(AT_FDCWD, c"/proc/self/oom_score_adj", flags, Mode::empty())?;
    nix::unistd::write(&file, OOM_SCORE).map(drop)
}

extern "C" fn command_process(brief: &Brief<'_>) -> ! {
    let settled = |outside| Ok((keep_only(brief.report).stage(SetupStage::Session)?, outside));
    let (report, outside) = match arrive(brief).and_then(settled) {
        Ok(settled) => settled,
        Err(failure) => fail(brief.report, failure),
    };
    let Err(failure) = park(brief).and_then(|rules| run_order(brief, report, rules, outside));
    fail(report, failure)
}

/// All that can be done before the root is there, and then enters it. Gives the CPU time from before it was in its groups.
fn arrive(brief: &Brief<'_>) -> Result<Duration, Failure> {
    let outside = enter_groups(brief.tasks)?;
    process::reset_signals().stage(SetupStage::Session)?;
    process::new_session().stage(SetupStage::Session)?;
    process::set_umask(0o022);
    process::reset_personality().stage(SetupStage::Session)?;
    process::hide().stage(SetupStage::Session)?;
    // Only now, inside the final group: earlier the root of the view would be the supervisor's group.
    process::new_cgroup_namespace().stage(SetupStage::Session)?;
    // What is left to do is small enough for the command's own limits. While it is done, the command can come.
    report::send_arrived(brief.report).stage(SetupStage::Session)?;
    if let ToNetwork::Make(line) = brief.network {
        await_root(line)?;
    }
    pidfd::enter_namespace(brief.mounts).stage(SetupStage::Join)?;
    Ok(outside)
}

/// All that does not depend on the command.
fn park(brief: &Brief<'_>) -> Result<Option<Ruleset>, Failure> {
    // The rules name paths by descriptor, which takes rights the job does not have.
    let rules = landlock_rules(brief).stage(SetupStage::Landlock)?;
    // Emptying the bounding set takes a capability that is given up later.
    caps::forbid_regaining().stage(SetupStage::Credentials)?;
    Ok(rules)
}

fn await_root(line: BorrowedFd<'_>) -> Result<(), Failure> {
    match message::receive(line, &mut [0; 1]) {
        Ok(built) if built.len > 0 => Ok(()),
        // There will be no root, or no use for this process.
        Ok(_) | Err(Errno::ECONNRESET) => process::exit_now(0),
        Err(errno) => Err(errno).stage(SetupStage::Join),
    }
}

/// Writing 0 moves the writer. It has one thread, so the kernel needs no lock that all forks wait for. Gives the CPU time
/// until then; a process that was made in its group has none.
fn enter_groups(groups: &[BorrowedFd<'_>]) -> Result<Duration, Failure> {
    for (i, group) in groups.iter().enumerate() {
        nix::unistd::write(group, b"0").stage_at(SetupStage::EnterGroups, i)?;
    }
    match groups {
        [] => Ok(Duration::ZERO),
        _ => report::process_time().stage(SetupStage::EnterGroups),
    }
}

/// Moves the socket to its fixed number and closes everything else, standard streams included.
fn keep_only(report: BorrowedFd<'_>) -> nix::Result<BorrowedFd<'static>> {
    fd::place(report.as_raw_fd(), REPORT_FD, true)?;
    fd::close_between(0, REPORT_FD.unsigned_abs() - 1)?;
    fd::close_from(REPORT_FD.unsigned_abs() + 1)?;
    // SAFETY: the socket was placed there just now and is never closed in this process.
    Ok(unsafe { BorrowedFd::borrow_raw(REPORT_FD) })
}

/// Waits for the command, gives up everything, and becomes its program.
fn run_order(
    brief: &Brief<'_>,
    report: BorrowedFd<'_>,
    rules: Option<Ruleset>,
    outside: Duration,
) -> Result<std::convert::Infallible, Failure> {
    let order = receive_order(report)?;
    resize(&order)?;
    set_rlimits(&order)?;
    process::become_user(JOB_ID, JOB_ID, brief.ranged).stage(SetupStage::Credentials)?;
    caps::clear().stage(SetupStage::Credentials)?;
    // As the job, so that it gets no further than the job could.
    process::change_folder(order.workdir).stage(SetupStage::Workdir)?;
    process::no_new_privileges().stage(SetupStage::Credentials)?;
    if let Some(rules) = rules {
        rules.restrict_self().stage(SetupStage::Landlock)?;
    }
    // As late as possible: anything opened above is caught too.
    fd::close_on_exec_from(REPORT_FD.unsigned_abs()).stage(SetupStage::Streams)?;
    install_filter(brief.filter, report, outside)?;
    Err(execute(&order))
}

/// Sets the size of the writable tree. Earlier commands may have left more in it than this one may have; then the
/// index tells whether it is too many bytes (0) or too many files (1).
fn resize(order: &Order) -> Result<(), Failure> {
    let sizes = [(c"size", order.disk), (c"nr_inodes", order.inodes)];
    match mount::reconfigure(super::root::SCRATCH, &sizes) {
        Err(Errno::EINVAL) => {
            let [bytes, _] = sizes;
            let fits = mount::reconfigure(super::root::SCRATCH, &[bytes]).is_ok();
            Err(Errno::EINVAL).stage_at(SetupStage::Resize, usize::from(fits))
        }
        other => other.stage(SetupStage::Resize),
    }
}

fn receive_order(report: BorrowedFd<'_>) -> Result<Order, Failure> {
    // Only whoever makes jails ahead wants to know, and has sent nothing then.
    if !fd::is_readable(report) {
        report::send_parked(report).stage(SetupStage::Session)?;
    }
    let received = message::receive(report, &mut [0; 1]).stage(SetupStage::Receive)?;
    let [Some(memfd), Some(stdin), Some(stdout), Some(stderr), ..] = received.fds else {
        // The supervisor closed the socket: this jail was never used.
        process::exit_now(0)
    };
    let order = order::read(memfd.as_fd()).stage(SetupStage::Receive)?;
    // It may have arrived at the number of a stream, so it goes before they are placed.
    drop(memfd);
    place_streams([stdin, stdout, stderr]).stage(SetupStage::Streams)?;
    Ok(order)
}

/// The streams may have arrived at each other's numbers, so all are lifted before any is placed.
fn place_streams(streams: [OwnedFd; 3]) -> nix::Result<()> {
    let mut lifted = [0; 3];
    for (to, stream) in lifted.iter_mut().zip(streams) {
        *to = fd::lift(stream.as_raw_fd(), PARKING)?;
        drop(File::from(stream));
    }
    for (fd, number) in lifted.into_iter().zip(0..) {
        fd::place(fd, number, false)?;
    }
    Ok(())
}

/// A core limit of 1 byte stops file dumps, which are larger, and also crash handlers that `core_pattern`
/// pipes to, which a limit of 0 does not stop.
const CORE: u64 = 1;

/// Queued signals and timers of a job.
const PENDING_SIGNALS: u64 = 4096;

fn set_rlimits(order: &Order) -> Result<(), Failure> {
    let limits = [
        (libc::RLIMIT_NOFILE, order.head.open_files),
        (libc::RLIMIT_STACK, order.head.stack),
        (libc::RLIMIT_FSIZE, order.head.file_size),
        (libc::RLIMIT_CORE, CORE),
        (libc::RLIMIT_MEMLOCK, 0),
        (libc::RLIMIT_MSGQUEUE, 0),
        (libc::RLIMIT_NICE, 0),
        (libc::RLIMIT_SIGPENDING, PENDING_SIGNALS),
        (libc::RLIMIT_RTPRIO, 0),
    ];
    for (resource, value) in limits {
        let index = usize::try_from(resource).unwrap_or(usize::MAX);
        process::set_rlimit(resource, value).stage_at(SetupStage::Rlimits, index)?;
    }
    Ok(())
}

fn landlock_rules(brief: &Brief<'_>) -> nix::Result<Option<Ruleset>> {
    let Some(abi) = brief.landlock else { return Ok(None) };
    // Out of the way of the streams, which are placed later.
    let rules = Ruleset::deny_all(abi, PARKING)?;
    rules.allow_reading(c"/")?;
    for folder in &brief.plan.writable {
        rules.allow_writing(folder)?;
    }
    for file in &brief.plan.usable {
        rules.allow_using(file)?;
    }
    Ok(Some(rules))
}

fn install_filter(
    filter: &[libc::sock_filter],
    report: BorrowedFd<'_>,
    outside: Duration,
) -> Result<(), Failure> {
    let len = u16::try_from(filter.len()).map_err(|_| Errno::E2BIG).stage(SetupStage::Seccomp)?;
    // Asking takes a system call, which not every policy allows.
    let used = report::process_time().stage(SetupStage::Seccomp)?.saturating_sub(outside);
    // SAFETY: the pointer and the length are of one slice.
    let listener = unsafe { seccomp::install(filter.as_ptr(), len) }.stage(SetupStage::Seccomp)?;
    report::send_filtered(report, listener.as_raw_fd(), used).stage(SetupStage::Seccomp)?;
    // Closed by exec: every policy allows execve, but not every policy need allow close.
    let _kept = listener.into_raw_fd();
    Ok(())
}

/// Tries each path. A later failure does not hide that an earlier file was there but could not be executed.
fn execute(order: &Order) -> Failure {
    let mut errno = Errno::ENOENT;
    for program in order.programs {
        // SAFETY: both arrays are null-terminated and point into memory that stays mapped.
        match unsafe { process::execute(program.as_ptr(), order.argv, order.envp) } {
            Errno::ENOENT | Errno::ENOTDIR => {}
            Errno::EACCES => errno = Errno::EACCES,
            other => return Failure { stage: SetupStage::Exec, errno: other, index: 0 },
        }
    }
    Failure { stage: SetupStage::Exec, errno, index: 0 }
}

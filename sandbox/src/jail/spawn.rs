//! Making the processes of a jail, from the supervisor's side.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::fs::MetadataExt;
use std::sync::atomic::AtomicI32;

use nix::errno::Errno;
use nix::sys::socket::{setsockopt, sockopt};
use nix::sys::time::{TimeVal, TimeValLike};
use nix::unistd::getuid;

use super::identity::{Identity, JOB_ID, owner_map};
use super::plan::Source;
use super::report::{self, Failure, Report};
use super::shape::Shape;
use super::survivors::Survivors;
use super::template::Luggage;
use super::{child, init};
use crate::cgroup::{Entry, Group};
use crate::sys::clone::{Child, CloneRequest, Cloned, SharedNumber, clone3};
use crate::sys::mount::{self, Attributes};
use crate::sys::{message, pidfd, process};
use crate::{SandboxError, SetupStage};

/// How long a process of ours may take for its next step before the host is called broken.
const PATIENCE_SECS: i64 = 20;

/// How long the process of a command may take on its way where the job can stop it. Then the command's own limits
/// begin to count.
const EXPOSED_SECS: i64 = 1;

/// A running init.
#[derive(Debug)]
pub(crate) struct Init {
    child: Child,
    /// Closing this ends the jail.
    control: OwnedFd,
    /// The namespaces it was made with, where we may not join them through the process.
    namespaces: Vec<OwnedFd>,
    /// The one the first courier makes.
    network: Option<OwnedFd>,
}

impl Init {
    pub(crate) fn pidfd(&self) -> BorrowedFd<'_> {
        self.child.pidfd.as_fd()
    }

    /// Lets go of the namespaces when no other process will join them. Whoever lets go last takes them apart, which
    /// takes the kernel a while: it should be a process that ends beside ours.
    pub(crate) fn forget_namespaces(&mut self) {
        self.namespaces.clear();
        self.network = None;
    }

    /// What a courier joins, the user namespace first and that of mounts last.
    fn to_join(&self) -> Vec<BorrowedFd<'_>> {
        let last = self.namespaces.len().saturating_sub(1);
        let (others, mounts) = self.namespaces.split_at(last);
        others.iter().chain(&self.network).chain(mounts).map(AsFd::as_fd).collect()
    }
}

/// What a finished init hands over.
#[derive(Debug)]
pub(crate) struct Built {
    /// The job's working folder.
    pub workspace: OwnedFd,
    /// A folder of the writable tree that nothing can cover.
    pub scratch: OwnedFd,
}

/// A process that waits for its command.
#[derive(Debug)]
pub(crate) struct Parked {
    pub child: Child,
    pub report: OwnedFd,
}

/// A courier under way.
#[derive(Debug)]
pub(crate) struct Courier {
    child: Child,
    report: OwnedFd,
    born: SharedNumber,
}

fn system(action: &'static str) -> impl Fn(Errno) -> SandboxError {
    move |errno| SandboxError::system(action, errno)
}

/// A socket pair whose first end gives up after [`PATIENCE_SECS`].
pub(super) fn patient_pair() -> Result<(OwnedFd, OwnedFd), SandboxError> {
    let (ours, theirs) = message::pair().map_err(system("make a socket pair"))?;
    set_patience(&ours, PATIENCE_SECS).map_err(system("set a socket's time limit"))?;
    Ok((ours, theirs))
}

fn set_patience(socket: &OwnedFd, seconds: i64) -> nix::Result<()> {
    setsockopt(socket, sockopt::ReceiveTimeout, &TimeVal::seconds(seconds))
}

/// The same as files in `/proc`. The user namespace comes first: it gives the rights to join the others. That of
/// mounts comes last: it is joined when init has built the root.
pub(super) const NAMESPACE_FILES: [&str; 5] = ["user", "pid", "ipc", "uts", "mnt"];

/// The namespaces that init is made with.
const OF_INIT: libc::c_int =
    libc::CLONE_NEWUSER | libc::CLONE_NEWPID | libc::CLONE_NEWNS | libc::CLONE_NEWIPC | libc::CLONE_NEWUTS;

/// All namespaces of a jail.
pub(crate) const NAMESPACES: libc::c_int = OF_INIT | libc::CLONE_NEWNET;

/// Starts init with its namespaces; it builds the root while we go on.
pub(crate) fn start_init(shape: &Shape, identity: Identity) -> Result<Init, SandboxError> {
    let (control, theirs) = patient_pair()?;
    let mut trees = clone_trees(shape, identity)?;
    let keep = ascending(trees.iter().flatten().map(AsFd::as_fd).chain([theirs.as_fd()]));
    let child = match shape.origin.make_init(shape, identity, theirs.as_fd(), &trees) {
        Some(made) => made?,
        None => {
            let mut brief = init::Brief {
                plan: &shape.plan,
                control: theirs.as_fd(),
                keep: &keep,
                trees: &mut trees,
                ranged: identity.is_range(),
            };
            clone_init(&mut brief, identity.first(), 0, None).map_err(SandboxError::namespaces)?
        }
    };
    let mut init = Init { child, control, namespaces: Vec::new(), network: None };
    match introduce(&mut init, identity) {
        Ok(()) => Ok(init),
        Err(error) => {
            end(init);
            Err(error)
        }
    }
}

/// Makes init, as the first user of its range where it has one.
pub(super) fn clone_init(
    brief: &mut init::Brief<'_>,
    first: Option<u32>,
    flags: libc::c_int,
    born: Option<&AtomicI32>,
) -> nix::Result<Child> {
    let request = CloneRequest { flags: u64::from((OF_INIT | flags).unsigned_abs()), born, cgroup: None };
    // SAFETY: the child runs `init::run`, which keeps the rules of its module and does not return.
    let mut make = || match unsafe { clone3(&request) }? {
        Cloned::Child => init::run(brief),
        Cloned::Parent(child) => Ok(child),
    };
    match first {
        Some(first) => process::as_user(first, make),
        None => make(),
    }
}

/// Makes the courier.
pub(super) fn clone_courier(
    brief: &child::Brief<'_>,
    flags: libc::c_int,
    born: Option<&AtomicI32>,
) -> nix::Result<Child> {
    let request = CloneRequest { flags: u64::from(flags.unsigned_abs()), born, cgroup: None };
    // SAFETY: the child runs `child::courier`, which keeps the rules of its module and does not return.
    match unsafe { clone3(&request) }? {
        Cloned::Child => child::courier(brief),
        Cloned::Parent(child) => Ok(child),
    }
}

/// Gives init its ids and tells it to go on.
fn introduce(init: &mut Init, identity: Identity) -> Result<(), SandboxError> {
    identity.write_maps(init.child.pid).map_err(|error| SandboxError::IdMap { error })?;
    init.namespaces = open_namespaces(init.child.pid)?;
    message::send(init.control.as_fd(), b"!", &[]).map_err(system("start init"))
}

/// Opens the namespaces of an init that has not hidden itself yet: later only root may look into it, and
/// nobody in the user namespace.
fn open_namespaces(pid: libc::pid_t) -> Result<Vec<OwnedFd>, SandboxError> {
    let open = |name| std::fs::File::open(format!("/proc/{pid}/ns/{name}")).map(OwnedFd::from);
    let errno = |error: std::io::Error| error.raw_os_error().map_or(Errno::EIO, Errno::from_raw);
    let opened: Result<_, _> = NAMESPACE_FILES.into_iter().map(open).collect();
    opened.map_err(|error| SandboxError::system("open a namespace", errno(error)))
}

fn ascending<'a>(fds: impl Iterator<Item = BorrowedFd<'a>>) -> Vec<RawFd> {
    let mut numbers: Vec<_> = fds.map(|fd| fd.as_raw_fd()).collect();
    numbers.sort_unstable();
    numbers
}

/// Clones the plan's host trees where we have the right to; leaves them to init where we do not.
fn clone_trees(shape: &Shape, identity: Identity) -> Result<Vec<Option<OwnedFd>>, SandboxError> {
    let Identity::Range { first, .. } = identity else {
        return Ok(shape.plan.sources.iter().map(|_| None).collect());
    };
    shape.plan.sources.iter().map(|source| clone_tree(source, first + JOB_ID).map(Some)).collect()
}

fn clone_tree(source: &Source, job: u32) -> Result<OwnedFd, SandboxError> {
    let failed = |errno| SandboxError::Bind { path: source.path.to_string_lossy().into_owned(), errno };
    let tree = mount::clone_tree(&source.path).map_err(failed)?;
    mount::set_attributes(tree.as_fd(), source.attributes).map_err(failed)?;
    if source.owner_becomes_job {
        match give_to_job(&tree, job) {
            Ok(()) => {}
            // Without the id map the job sees the files with the rights of a stranger: less, not more.
            Err(_) if source.attributes != Attributes::WRITABLE => {}
            Err(errno) => return Err(failed(errno)),
        }
    }
    Ok(tree)
}

fn give_to_job(tree: &OwnedFd, job: u32) -> nix::Result<()> {
    let errno = |error: std::io::Error| error.raw_os_error().map_or(Errno::EIO, Errno::from_raw);
    let path = format!("/proc/self/fd/{}", tree.as_raw_fd());
    let owner = std::fs::metadata(path).map_err(errno)?;
    let namespace = owner_map(owner.uid(), owner.gid(), job).map_err(errno)?;
    mount::map_owners(tree.as_fd(), namespace.as_fd())
}

/// Waits until init has built the root.
pub(crate) fn await_built(shape: &Shape, init: &Init) -> Result<Built, SandboxError> {
    match report::receive(init.control.as_fd()) {
        Ok(Report::Ready(workspace, scratch)) => Ok(Built { workspace, scratch }),
        Ok(Report::Failed(failure)) => Err(setup_error(shape, failure)),
        Ok(_) => Err(SandboxError::InitLost),
        Err(errno) => Err(SandboxError::system("hear from init", errno)),
    }
}

/// The error of a failed stage, naming what it was about where the stage has several things.
pub(crate) fn setup_error(shape: &Shape, failure: Failure) -> SandboxError {
    let Failure { stage, errno, index } = failure;
    let index = usize::try_from(index).unwrap_or(usize::MAX);
    let about = match stage {
        SetupStage::CloneTree => {
            shape.plan.sources.get(index).map(|source| source.path.to_string_lossy().into_owned())
        }
        SetupStage::Fill => shape.plan.step_text(index),
        _ => None,
    };
    SandboxError::Setup { stage, errno, about }
}

/// Starts the courier. The process it makes waits until it is told that the root is built.
pub(crate) fn start_courier(
    shape: &Shape,
    init: &Init,
    identity: Identity,
    group: Option<&dyn Group>,
) -> Result<Courier, SandboxError> {
    let (report, theirs) = patient_pair()?;
    let entry = group.map(Group::entry);
    let (cgroup, tasks) = match entry {
        Some(Entry::V2(folder)) => (Some(folder), Vec::new()),
        Some(Entry::V1(files)) => (None, files.iter().map(AsFd::as_fd).collect()),
        None => (None, Vec::new()),
    };
    let namespaces = init.to_join();
    let (ranged, makes_network) = (identity.is_range(), init.network.is_none());
    let luggage =
        Luggage { report: theirs.as_fd(), namespaces: &namespaces, makes_network, cgroup, tasks: &tasks };
    if let Some(made) = shape.origin.make_courier(shape, ranged, &luggage) {
        return made.map(|(child, born)| Courier { child, report, born });
    }
    let Some((mounts, others)) = namespaces.split_last() else { return Err(SandboxError::InitLost) };
    let keep = ascending(cgroup.iter().chain(&tasks).chain(&namespaces).chain([&theirs.as_fd()]).copied());
    let born = SharedNumber::new().map_err(system("map memory"))?;
    let brief = child::Brief {
        plan: &shape.plan,
        namespaces: others,
        makes_network,
        mounts: *mounts,
        report: theirs.as_fd(),
        keep: &keep,
        born: born.place().ok_or(SandboxError::CommandLost)?,
        cgroup,
        tasks: &tasks,
        filter: &shape.filter,
        landlock: shape.landlock,
        ranged,
    };
    let child = clone_courier(&brief, 0, None).map_err(system("start a process"))?;
    Ok(Courier { child, report, born })
}

/// Hands the network namespace from the courier that made it to init.
pub(crate) fn hand_network(shape: &Shape, courier: &Courier, init: &mut Init) -> Result<(), SandboxError> {
    let network = match report::receive(courier.report.as_fd()) {
        Ok(Report::Network(network)) => network,
        Ok(Report::Failed(Failure { stage: SetupStage::Network, errno, .. })) => {
            return Err(SandboxError::namespaces(errno));
        }
        other => return Err(not_parked(shape, other)),
    };
    let sent = message::send(init.control.as_fd(), b"!", &[network.as_raw_fd()]);
    init.network = Some(network);
    match sent {
        // It failed before; what it has to say about that is read next.
        Ok(()) | Err(Errno::EPIPE | Errno::ECONNRESET) => Ok(()),
        Err(errno) => Err(SandboxError::system("hand over the network", errno)),
    }
}

/// Tells the courier's process that the root is built.
pub(crate) fn send_in(courier: &Courier) -> Result<(), SandboxError> {
    match message::send(courier.report.as_fd(), b"!", &[]) {
        // It failed before; what it has to say about that is read next.
        Ok(()) | Err(Errno::EPIPE | Errno::ECONNRESET) => Ok(()),
        Err(errno) => Err(SandboxError::system("start the courier", errno)),
    }
}

/// Waits until the courier has delivered and the command's process waits for its command.
///
/// Until it gets its command that process is our own user's. Without root so is the job, which may signal it from
/// when it is in the jail; then it is taken as it is, dead or late, and judged by how it ends.
pub(crate) fn await_parked(
    shape: &Shape,
    courier: Courier,
    survivors: Option<Survivors>,
) -> Result<Parked, SandboxError> {
    let Courier { child, report, born } = courier;
    pidfd::wait(child.pidfd.as_fd()).map_err(system("wait for the courier"))?;
    let Some(pid) = born.get() else {
        return Err(not_parked(shape, report::receive(report.as_fd())));
    };
    let pidfd = pidfd::open(pid).map_err(system("open a pidfd"))?;
    let parked = Parked { child: Child { pid, pidfd }, report };
    let exposed = survivors.is_some_and(|survivors| survivors.user == getuid().as_raw());
    let hurried = if exposed { set_patience(&parked.report, EXPOSED_SECS) } else { Ok(()) };
    match hurried.and_then(|()| report::receive(parked.report.as_fd())) {
        Ok(Report::Parked) => Ok(parked),
        Ok(Report::Closed) | Err(Errno::EAGAIN) if exposed => Ok(parked),
        other => {
            abandon(&parked);
            Err(not_parked(shape, other))
        }
    }
}

fn not_parked(shape: &Shape, word: nix::Result<Report>) -> SandboxError {
    match word {
        Ok(Report::Failed(failure)) => setup_error(shape, failure),
        Ok(_) => SandboxError::CommandLost,
        Err(errno) => SandboxError::system("hear from the command's process", errno),
    }
}

/// Kills and reaps a process that will not be used.
pub(crate) fn abandon(parked: &Parked) {
    pidfd::end(parked.child.pidfd.as_fd());
}

/// Kills and reaps a courier that is not needed any more.
pub(crate) fn recall(courier: Courier) {
    let Courier { child, report, born } = courier;
    // With its socket closed it ends by itself. So does the process it may have made, unless the job stops it.
    drop(report);
    if pidfd::wait(child.pidfd.as_fd()).is_err() {
        return;
    }
    if let Some(pidfd) = born.get().and_then(|pid| pidfd::open(pid).ok()) {
        pidfd::end(pidfd.as_fd());
    }
}

/// Ends a jail: everything in its PID namespace dies with init. Children of ours in it must have been
/// reaped or abandoned, because init ends last. Gives what is left of the namespaces: whoever lets go of them takes
/// them apart, which takes the kernel a while.
pub(crate) fn end(init: Init) -> Vec<OwnedFd> {
    let Init { child, control, mut namespaces, network } = init;
    drop(control);
    pidfd::end(child.pidfd.as_fd());
    namespaces.extend(network);
    namespaces
}

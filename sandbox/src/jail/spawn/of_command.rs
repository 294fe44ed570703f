//! The process of a command: made on its way into the jail, waited for, sent home.

use std::os::fd::{AsFd, OwnedFd, RawFd};
use std::sync::atomic::AtomicI32;

use nix::errno::Errno;
use nix::unistd::getuid;

use super::of_init::{Init, NetworkState};
use super::{Luggage, ascending, patient_pair, set_patience, setup_error, system};
use crate::cgroup::{Entry, Group};
use crate::jail::child::{self, ToNetwork};
use crate::jail::identity::Identity;
use crate::jail::report::{self, Failure, Report};
use crate::jail::shape::Shape;
use crate::jail::survivors::Survivors;
use crate::sys::clone::{Child, CloneRequest, Cloned, SharedNumber, clone3};
use crate::sys::{pidfd, process};
use crate::{SandboxError, SetupStage};

/// How long the process of a command may take on its way where the job can stop it. Then the command's own limits
/// begin to count.
const EXPOSED_SECS: i64 = 1;

/// A command's process that can be sent its command, and does nothing without.
#[derive(Debug)]
pub(crate) struct CommandProcess {
    pub child: Child,
    pub report: OwnedFd,
}

/// A command's process on its way into the jail.
#[derive(Debug)]
pub(crate) struct Arriving {
    process: Process,
    report: OwnedFd,
}

/// Who was made.
#[derive(Debug)]
pub(crate) enum Process {
    /// The command's process itself.
    OfCommand(Child),
    /// A courier, which makes it.
    Courier {
        child: Child,
        /// Where the kernel notes the number of the command's process.
        born: SharedNumber,
    },
}

/// Makes a courier, and notes its own number where `number` says and that of the command's process in `born`.
pub(crate) fn clone_courier(
    shape: &Shape,
    luggage: &Luggage<'_>,
    keep: &[RawFd],
    born: &AtomicI32,
    flags: libc::c_int,
    number: Option<&AtomicI32>,
) -> nix::Result<Child> {
    let brief = luggage.brief(shape, keep, false);
    let request = CloneRequest { flags: u64::from(flags.unsigned_abs()), born: number, cgroup: None };
    // SAFETY: the child runs `child::courier`, which keeps the rules of its module and does not return.
    match unsafe { clone3(&request) }? {
        Cloned::Child => child::courier(&brief, born),
        Cloned::Parent(child) => Ok(child),
    }
}

/// Makes a command's process in the jail's PID namespace, which takes root.
pub(crate) fn clone_command(
    shape: &Shape,
    luggage: &Luggage<'_>,
    keep: &[RawFd],
    flags: libc::c_int,
    number: Option<&AtomicI32>,
) -> nix::Result<Child> {
    let brief = luggage.brief(shape, keep, true);
    let [.., pids] = luggage.namespaces;
    let request = CloneRequest { flags: u64::from(flags.unsigned_abs()), born: number, cgroup: brief.cgroup };
    // SAFETY: the child runs `child::direct`, which keeps the rules of its module and does not return.
    process::with_children_in(pids, || match unsafe { clone3(&request) }? {
        Cloned::Child => child::direct(&brief),
        Cloned::Parent(child) => Ok(child),
    })
}

/// Starts a command's process. That of the first command makes the network, and waits for the root.
pub(crate) fn start_command(
    shape: &Shape,
    init: &mut Init,
    identity: Identity,
    group: Option<&dyn Group>,
) -> Result<Arriving, SandboxError> {
    let (report, theirs) = patient_pair()?;
    let (cgroup, tasks) = match group.map(Group::entry) {
        Some(Entry::V2(folder)) => (Some(folder), Vec::new()),
        Some(Entry::V1(files)) => (None, files.iter().map(AsFd::as_fd).collect()),
        None => (None, Vec::new()),
    };
    let network = match &init.network {
        NetworkState::ToMake(line) => ToNetwork::Make(line.as_fd()),
        NetworkState::Made(network) => ToNetwork::Join(network.as_fd()),
        NetworkState::Coming | NetworkState::Forgotten => return Err(SandboxError::Ended),
    };
    let namespaces = init.namespaces.as_ref().ok_or(SandboxError::Ended)?;
    let luggage = Luggage {
        report: theirs.as_fd(),
        namespaces: namespaces.to_join(),
        mounts: namespaces.mounts.as_fd(),
        network,
        cgroup,
        tasks: &tasks,
    };
    let process = match shape.origin.make_command(shape, identity.is_range(), &luggage) {
        Some(made) => made?,
        None => make_command(shape, identity, &luggage)?,
    };
    if let NetworkState::ToMake(_) = init.network {
        // With our copy of its socket closed, init sees that process end.
        init.network = NetworkState::Coming;
    }
    Ok(Arriving { process, report })
}

fn make_command(shape: &Shape, identity: Identity, luggage: &Luggage<'_>) -> Result<Process, SandboxError> {
    let keep = ascending(luggage.descriptors());
    if identity.is_range() {
        let child = clone_command(shape, luggage, &keep, 0, None).map_err(not_spawned)?;
        return Ok(Process::OfCommand(child));
    }
    let born = SharedNumber::new().map_err(system("map memory"))?;
    let place = born.place().ok_or(SandboxError::CommandLost)?;
    let child = clone_courier(shape, luggage, &keep, place, 0, None).map_err(system("start a process"))?;
    Ok(Process::Courier { child, born })
}

/// The error of a command's process that could not be made. What runs in its cgroup may leave no room for it.
pub(crate) fn not_spawned(errno: Errno) -> SandboxError {
    SandboxError::Setup { stage: SetupStage::Spawn, errno, about: None }
}

/// What the first command's process said before init lost it, which waited for the network.
pub(crate) fn last_words(shape: &Shape, arriving: &Arriving) -> Option<SandboxError> {
    match report::receive(arriving.report.as_fd()) {
        Ok(Report::Failed(Failure { stage: SetupStage::Network, errno, .. })) => {
            Some(SandboxError::namespaces(errno))
        }
        Ok(Report::Failed(failure)) => Some(setup_error(shape, failure)),
        _ => None,
    }
}

/// Waits until the command's process can be sent its command.
///
/// Until it gets its command that process is our own user's. Without root so is the job, which may signal it from
/// when it is in the jail; then it is taken as it is, dead or late, and judged by how it ends.
pub(crate) fn meet(
    shape: &Shape,
    arriving: Arriving,
    survivors: Option<Survivors>,
) -> Result<CommandProcess, SandboxError> {
    let Arriving { process, report } = arriving;
    let child = match process {
        Process::OfCommand(child) => child,
        Process::Courier { child, born } => {
            pidfd::wait(child.pidfd.as_fd()).map_err(system("wait for the courier"))?;
            let Some(pid) = born.get() else {
                return Err(not_heard(shape, report::receive(report.as_fd())));
            };
            Child { pid, pidfd: pidfd::open(pid).map_err(system("open a pidfd"))? }
        }
    };
    let process = CommandProcess { child, report };
    let exposed = survivors.is_some_and(|survivors| survivors.user == getuid().as_raw());
    let hurried = if exposed { set_patience(&process.report, EXPOSED_SECS) } else { Ok(()) };
    match hurried.and_then(|()| report::receive(process.report.as_fd())) {
        Ok(Report::Arrived) => Ok(process),
        Ok(Report::Closed) | Err(Errno::EAGAIN) if exposed => Ok(process),
        other => {
            abandon(&process);
            Err(not_heard(shape, other))
        }
    }
}

/// Waits until a process that is sent nothing yet has nothing left to do.
pub(crate) fn await_parked(shape: &Shape, process: CommandProcess) -> Result<CommandProcess, SandboxError> {
    match report::receive(process.report.as_fd()) {
        Ok(Report::Parked) => Ok(process),
        other => {
            abandon(&process);
            Err(not_heard(shape, other))
        }
    }
}

fn not_heard(shape: &Shape, word: nix::Result<Report>) -> SandboxError {
    match word {
        Ok(Report::Failed(failure)) => setup_error(shape, failure),
        Ok(_) => SandboxError::CommandLost,
        Err(errno) => SandboxError::system("hear from the command's process", errno),
    }
}

/// Kills and reaps a process that will not be used.
pub(crate) fn abandon(process: &CommandProcess) {
    pidfd::end(process.child.pidfd.as_fd());
}

/// Kills and reaps a process on its way that is not needed any more.
pub(crate) fn recall(arriving: Arriving) {
    let Arriving { process, report } = arriving;
    // With its socket closed a courier ends by itself.
    drop(report);
    match process {
        Process::OfCommand(child) => pidfd::end(child.pidfd.as_fd()),
        Process::Courier { child, born } => {
            if pidfd::wait(child.pidfd.as_fd()).is_ok()
                && let Some(pidfd) = born.get().and_then(|pid| pidfd::open(pid).ok())
            {
                pidfd::end(pidfd.as_fd());
            }
        }
    }
}

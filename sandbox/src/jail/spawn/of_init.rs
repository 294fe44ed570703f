//! Init and its namespaces: made, told to build the root, ended.

use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::sync::atomic::AtomicI32;

use nix::errno::Errno;

use super::{ascending, patient_pair, setup_error};
use crate::error::errno_of;
use crate::jail::identity::{Identity, JOB_ID, owner_map};
use crate::jail::init;
use crate::jail::plan::Source;
use crate::jail::report::{self, Failure, Report};
use crate::jail::shape::Shape;
use crate::sys::clone::{Child, CloneRequest, Cloned, clone3};
use crate::sys::mount::{self, Attributes};
use crate::sys::sched::Apart;
use crate::sys::{fd, message, pidfd, process};
use crate::{SandboxError, SetupStage};

/// A running init.
#[derive(Debug)]
pub(crate) struct Init {
    child: Child,
    /// Closing this ends the jail.
    control: OwnedFd,
    /// The namespaces it was made with, until no other process will join them.
    pub(super) namespaces: Option<Namespaces>,
    /// Where the network namespace is.
    pub(super) network: NetworkState,
}

/// The network namespace of a jail.
#[derive(Debug)]
pub(super) enum NetworkState {
    /// The first command's process is to make it: its end of a socket to init.
    ToMake(OwnedFd),
    /// It is being made.
    Coming,
    /// It is there.
    Made(OwnedFd),
    /// Nobody will join it any more.
    Forgotten,
}

/// The namespaces of an init but that of networks. They are held because not everybody may join them through the process.
#[derive(Debug)]
pub(super) struct Namespaces {
    users: OwnedFd,
    pids: OwnedFd,
    ipc: OwnedFd,
    uts: OwnedFd,
    pub(super) mounts: OwnedFd,
}

impl Init {
    pub(crate) fn pidfd(&self) -> BorrowedFd<'_> {
        self.child.pidfd.as_fd()
    }

    /// Has it end, beside whatever we do next. It is waited for in [`end`].
    pub(crate) fn let_end(&self) -> nix::Result<()> {
        let _apart = Apart::keep(self.child.pid);
        pidfd::kill(self.child.pidfd.as_fd())
    }

    /// Lets go of the namespaces when no other process will join them. Whoever lets go last takes them apart, which
    /// takes the kernel a while: it should be a process that ends beside ours.
    pub(crate) fn forget_namespaces(&mut self) {
        self.namespaces = None;
        self.network = NetworkState::Forgotten;
    }
}

impl Namespaces {
    /// Opens those of an init that has not hidden itself yet: later only root may look into it, and nobody in the user
    /// namespace.
    fn open(pid: libc::pid_t) -> Result<Self, SandboxError> {
        let open = |name| File::open(format!("/proc/{pid}/ns/{name}")).map(OwnedFd::from);
        let all = || -> std::io::Result<Self> {
            Ok(Self {
                users: open("user")?,
                pids: open("pid")?,
                ipc: open("ipc")?,
                uts: open("uts")?,
                mounts: open("mnt")?,
            })
        };
        all().map_err(|error| SandboxError::system("open a namespace", errno_of(&error)))
    }

    /// What a command's process joins before the root is there, and its courier where it has one. The user namespace
    /// comes first: it gives the rights to join the others.
    pub(super) fn to_join(&self) -> [BorrowedFd<'_>; JOINED] {
        [&self.users, &self.ipc, &self.uts, &self.pids].map(AsFd::as_fd)
    }
}

/// How many namespaces are joined before the root is there.
pub(crate) const JOINED: usize = 4;

/// What a finished init hands over.
#[derive(Debug)]
pub(crate) struct Built {
    /// The job's working folder.
    pub workspace: OwnedFd,
    /// A folder of the writable tree that nothing can cover.
    pub scratch: OwnedFd,
}

/// The namespaces that init is made with.
const OF_INIT: libc::c_int =
    libc::CLONE_NEWUSER | libc::CLONE_NEWPID | libc::CLONE_NEWNS | libc::CLONE_NEWIPC | libc::CLONE_NEWUTS;

/// All namespaces of a jail.
pub(crate) const NAMESPACES: libc::c_int = OF_INIT | libc::CLONE_NEWNET;

/// Starts init with its namespaces; it builds the root.
pub(crate) fn start_init(shape: &Shape, identity: Identity) -> Result<Init, SandboxError> {
    let (control, theirs) = patient_pair()?;
    let (line, of_command) = patient_pair()?;
    let mut trees = clone_trees(shape, identity)?;
    let keep = ascending(trees.iter().flatten().map(AsFd::as_fd).chain([theirs.as_fd(), line.as_fd()]));
    let (child, apart) = match shape.origin.make_init(shape, identity, [theirs.as_fd(), line.as_fd()], &trees)
    {
        Some(made) => (made?, None),
        None => {
            let mut brief = init::Brief {
                plan: &shape.plan,
                control: theirs.as_fd(),
                line: line.as_fd(),
                keep: &keep,
                trees: &mut trees,
                ranged: identity.is_range(),
            };
            let child =
                clone_init(&mut brief, identity.first(), 0, None).map_err(SandboxError::namespaces)?;
            let apart = Apart::keep(child.pid);
            (child, apart)
        }
    };
    let mut init = Init { child, control, namespaces: None, network: NetworkState::ToMake(of_command) };
    let introduced = introduce(&mut init, identity);
    drop(apart);
    match introduced {
        Ok(()) => Ok(init),
        Err(error) => {
            end(init);
            Err(error)
        }
    }
}

/// Makes init, as the first user of its range where it has one.
pub(crate) fn clone_init(
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

/// Gives init its ids, and lets it build the root.
fn introduce(init: &mut Init, identity: Identity) -> Result<(), SandboxError> {
    identity.write_maps(init.child.pid).map_err(|error| SandboxError::IdMap { error })?;
    init.namespaces = Some(Namespaces::open(init.child.pid)?);
    match message::send(init.control.as_fd(), b"!", &[]) {
        // It failed before; what it has to say about that is read later.
        Ok(()) | Err(Errno::EPIPE | Errno::ECONNRESET) => Ok(()),
        Err(errno) => Err(SandboxError::system("start init", errno)),
    }
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
    let path = format!("/proc/self/fd/{}", tree.as_raw_fd());
    let owner = std::fs::metadata(path).map_err(|error| errno_of(&error))?;
    let namespace = owner_map(owner.uid(), owner.gid(), job).map_err(|error| errno_of(&error))?;
    mount::map_owners(tree.as_fd(), namespace.as_fd())
}

/// Waits until init has built the root and the first command's process has made the network.
pub(crate) fn await_built(shape: &Shape, init: &mut Init) -> Result<Built, SandboxError> {
    match report::receive(init.control.as_fd()) {
        Ok(Report::Ready([workspace, scratch, network])) => {
            init.network = NetworkState::Made(network);
            Ok(Built { workspace, scratch })
        }
        Ok(Report::Failed(Failure { stage: SetupStage::Network, errno: Errno::EPIPE, .. })) => {
            Err(SandboxError::CommandLost)
        }
        Ok(Report::Failed(failure)) => Err(setup_error(shape, failure)),
        Ok(_) => Err(SandboxError::InitLost),
        Err(errno) => Err(SandboxError::system("hear from init", errno)),
    }
}

/// Why init has failed, if it has.
pub(crate) fn failure_of(shape: &Shape, init: &mut Init) -> Option<SandboxError> {
    // Before the first command's process is there it has nothing else to say.
    fd::is_readable(init.control.as_fd()).then(|| await_built(shape, init).err()).flatten()
}

/// Ends a jail: everything in its PID namespace dies with init. Children of ours in it must have been
/// reaped or abandoned, because init ends last. Gives what is left of the namespaces: whoever lets go of them takes
/// them apart, which takes the kernel a while.
pub(crate) fn end(init: Init) -> Remains {
    let Init { child, control, namespaces, network } = init;
    drop(control);
    pidfd::end(child.pidfd.as_fd());
    Remains { _namespaces: namespaces, _network: network }
}

/// What is left of a jail that has ended.
#[derive(Debug)]
pub(crate) struct Remains {
    _namespaces: Option<Namespaces>,
    _network: NetworkState,
}

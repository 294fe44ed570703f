//! PID 1 of a jail: builds the root, then sleeps until its supervisor is gone.
//!
//! It is a copy of the supervisor made by `clone3`, so nothing here allocates, locks, logs or panics. When it
//! ends, the kernel kills everything in its PID namespace; that is how a jail ends, and the only thing init
//! is there for. The job cannot see, signal or trace it.

use std::ffi::CStr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, IntoRawFd, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags, OFlag, openat};
use nix::sys::stat::{Mode, mkdirat};
use nix::unistd::{Gid, Uid, fchdir, fchownat, symlinkat};

use super::identity::JOB_ID;
use super::plan::{Masked, Place, Plan, Step};
use super::report::{self, Failure, InStage};
use crate::SetupStage;
use crate::sys::fd::open_beneath;
use crate::sys::mount::{self, Attributes};
use crate::sys::{caps, fd, message, pidfd, process};

/// What init needs, all of it made before the clone.
pub(crate) struct Brief<'a> {
    pub plan: &'a Plan,
    /// Our end of the socket to the supervisor.
    pub control: BorrowedFd<'a>,
    /// Our end of the socket to the process of the first command.
    pub line: BorrowedFd<'a>,
    /// The descriptors init needs, ascending. All others are closed first of all: copies of the supervisor's
    /// ends of such sockets would keep jails alive that nobody supervises any more.
    pub keep: &'a [RawFd],
    /// The plan's sources as detached trees, where the supervisor could clone them; init clones them itself
    /// where this is `None`.
    pub trees: &'a mut [Option<OwnedFd>],
    /// Whether the jail has a range of user ids, with id 0 to build as.
    pub ranged: bool,
}

const UMASK: u32 = 0o022;

/// Where the host's root is until it is let go of. Every root has this folder, and no process of ours looks into it.
const OLD_ROOT: &CStr = c"proc";

/// The whole life of init.
pub(crate) extern "C" fn run(brief: &mut Brief<'_>) -> ! {
    match build(brief).and_then(|made| settle(brief, made)) {
        Ok(()) => sleep(),
        Err(failure) => {
            // If even this fails the supervisor sees the socket close, which it reports as well.
            report::send_failed(brief.control, failure).ok();
            process::exit_now(1)
        }
    }
}

/// Builds the root and gives the workspace, a folder of the writable tree and the network.
fn build(brief: &mut Brief<'_>) -> Result<[OwnedFd; 3], Failure> {
    fd::close_all_but(brief.keep).stage(SetupStage::Identity)?;
    let mut go = [0; 1];
    let told = message::receive(brief.control, &mut go).stage(SetupStage::Identity)?;
    if told.len == 0 {
        process::exit_now(0);
    }
    process::set_umask(UMASK);
    let private = nix::mount::MsFlags::MS_REC | nix::mount::MsFlags::MS_PRIVATE;
    nix::mount::mount(None::<&CStr>, c"/", None::<&CStr>, private, None::<&CStr>)
        .stage(SetupStage::Propagation)?;
    clone_missing_trees(brief)?;
    if brief.ranged {
        process::become_user(0, 0, true).stage(SetupStage::Identity)?;
    }
    let root = new_root().stage(SetupStage::Root)?;
    fill(brief, root.as_fd())?;
    fchdir(&root).stage(SetupStage::Pivot)?;
    mount::pivot_to_working_folder(OLD_ROOT).stage(SetupStage::Pivot)?;
    // Letting go of the old root takes the kernel a while. The first command's process comes in meanwhile; it gets its
    // command only when we are ready. If it is gone, it has said why.
    message::send(brief.line, b"!", &[]).ok();
    mount::detach(OLD_ROOT).stage(SetupStage::Pivot)?;
    nix::unistd::sethostname("dayfly").stage(SetupStage::HostName)?;
    let network = enter_network(brief.line)?;
    if brief.plan.loopback {
        process::loopback_up().stage(SetupStage::Loopback)?;
    }
    let flags = OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let workspace = openat(AT_FDCWD, c"/box", flags, Mode::empty()).stage(SetupStage::Pivot)?;
    let scratch = openat(AT_FDCWD, super::root::SCRATCH, flags, Mode::empty()).stage(SetupStage::Pivot)?;
    Ok([workspace, scratch, network])
}

/// Enters the network namespace. The first command's process makes it beside us: that takes the kernel as long as all of
/// the root.
fn enter_network(line: BorrowedFd<'_>) -> Result<OwnedFd, Failure> {
    let made = match message::receive(line, &mut [0; 1]) {
        // It has ended without hearing of the root.
        Err(Errno::ECONNRESET) => Err(Errno::EPIPE),
        other => other,
    };
    // It has ended.
    let [Some(network), ..] = made.stage(SetupStage::Network)?.fds else {
        return Err(Errno::EPIPE).stage(SetupStage::Network);
    };
    pidfd::enter_namespace(network.as_fd()).stage(SetupStage::Network)?;
    Ok(network)
}

/// Without privilege outside, the trees can only be cloned here, with the rights of the user we run for.
fn clone_missing_trees(brief: &mut Brief<'_>) -> Result<(), Failure> {
    for (i, (tree, source)) in brief.trees.iter_mut().zip(&brief.plan.sources).enumerate() {
        if tree.is_none() {
            let clone = mount::clone_tree(&source.path).stage_at(SetupStage::CloneTree, i)?;
            mount::set_attributes(clone.as_fd(), source.attributes).stage_at(SetupStage::CloneTree, i)?;
            *tree = Some(clone);
        }
    }
    Ok(())
}

/// A small tmpfs on top of the present root. It is attached before it is filled: some kernels refuse to
/// mount on a tree that is not.
fn new_root() -> nix::Result<OwnedFd> {
    let options = [(c"mode", c"0755"), (c"size", c"4m"), (c"nr_inodes", c"8k")];
    let root = mount::mount_new(c"tmpfs", &options, Attributes::WRITABLE)?;
    mount::attach(root.as_fd(), AT_FDCWD, c"/")?;
    Ok(root)
}

fn fill(brief: &mut Brief<'_>, root: BorrowedFd<'_>) -> Result<(), Failure> {
    let mut folders = Folders { root, last: None };
    for (i, step) in brief.plan.steps.iter().enumerate() {
        match step {
            Step::Folder(place) => make_folder(&mut folders, place).stage_at(SetupStage::Fill, i)?,
            Step::File(place, content) => {
                make_file(&mut folders, place, content).stage_at(SetupStage::Fill, i)?
            }
            Step::Link(place, target) => {
                make_link(&mut folders, place, target).stage_at(SetupStage::Fill, i)?
            }
            Step::Attach(index, place) => {
                let tree = brief.trees.get(*index).and_then(Option::as_ref).ok_or(Errno::EBADF);
                tree.and_then(|tree| show(&mut folders, tree.as_fd(), place))
                    .stage_at(SetupStage::Fill, i)?;
            }
            Step::Scratch => scratch(root, brief.ranged).stage(SetupStage::Scratch)?,
            Step::Proc => mount_proc(root).stage(SetupStage::Proc)?,
            Step::Mask(place, masked) => mask(root, &place.path, *masked).stage_at(SetupStage::Fill, i)?,
            Step::Seal => mount::seal(root).stage_at(SetupStage::Fill, i)?,
        }
    }
    Ok(())
}

/// The folders that places are in, reached without following a link: a shown tree may hold any. Steps that
/// follow each other are mostly in one folder, so the last one is kept open.
struct Folders<'a> {
    root: BorrowedFd<'a>,
    last: Option<(&'a CStr, OwnedFd)>,
}

impl<'a> Folders<'a> {
    fn of(&mut self, place: &'a Place) -> nix::Result<BorrowedFd<'_>> {
        let Some(parent) = place.parent.as_deref() else { return Ok(self.root) };
        let open = match self.last.take() {
            Some((path, open)) if path == parent => open,
            _ => open_beneath(self.root, parent, libc::O_PATH | libc::O_DIRECTORY)?,
        };
        Ok(self.last.insert((parent, open)).1.as_fd())
    }

    /// Something now covers this place, and with it what is below it.
    fn covered(&mut self, place: &Place) {
        let below = |path: &CStr| path.to_bytes().starts_with(place.path.to_bytes());
        self.last.take_if(|(path, _)| below(path));
    }
}

fn make_folder<'a>(folders: &mut Folders<'a>, place: &'a Place) -> nix::Result<()> {
    match mkdirat(folders.of(place)?, place.name.as_c_str(), Mode::from_bits_truncate(0o755)) {
        Err(Errno::EEXIST) => Ok(()),
        other => other,
    }
}

fn make_file<'a>(folders: &mut Folders<'a>, place: &'a Place, content: &[u8]) -> nix::Result<()> {
    let flags = OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_WRONLY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let mode = Mode::from_bits_truncate(0o644);
    let file = match openat(folders.of(place)?, place.name.as_c_str(), flags, mode) {
        Err(Errno::EEXIST) => return Ok(()),
        other => other?,
    };
    let mut rest = content;
    while !rest.is_empty() {
        let written = nix::unistd::write(&file, rest)?;
        rest = rest.get(written..).ok_or(Errno::EIO)?;
    }
    Ok(())
}

fn make_link<'a>(folders: &mut Folders<'a>, place: &'a Place, target: &CStr) -> nix::Result<()> {
    symlinkat(target, folders.of(place)?, place.name.as_c_str())
}

/// Puts a tree on a place. A link at the place is not followed.
fn show<'a>(folders: &mut Folders<'a>, tree: BorrowedFd<'_>, place: &'a Place) -> nix::Result<()> {
    mount::attach(tree, folders.of(place)?, &place.name)?;
    folders.covered(place);
    Ok(())
}

/// How large the writable tree is until the first command sets its own limits, before which nobody but the
/// supervisor can write there. It must not be unlimited: the kernel does not take a limit later then.
const STAGING_SIZE: &CStr = c"64g";
const STAGING_INODES: &CStr = c"16m";

/// The writable tree: one tmpfs, so that its limits hold for all of it. Its own root stays covered by `/tmp`. The places
/// are folders that we have made, and nothing is shown on the way to them.
fn scratch(root: BorrowedFd<'_>, ranged: bool) -> nix::Result<()> {
    let options = [(c"mode", c"0755"), (c"size", STAGING_SIZE), (c"nr_inodes", STAGING_INODES)];
    let tree = mount::mount_new(c"tmpfs", &options, Attributes::WRITABLE)?;
    mount::attach(tree.as_fd(), root, c"tmp")?;
    process::set_umask(0);
    for (name, place, mode) in
        [(c"box", c"box", 0o755), (c"shm", c"dev/shm", 0o1777), (c"tmp", c"tmp", 0o1777)]
    {
        mkdirat(&tree, name, Mode::from_bits_truncate(mode))?;
        if ranged {
            let (uid, gid) = (Uid::from_raw(JOB_ID), Gid::from_raw(JOB_ID));
            fchownat(&tree, name, Some(uid), Some(gid), AtFlags::AT_SYMLINK_NOFOLLOW)?;
        }
        let part = mount::clone_folder(tree.as_fd(), name)?;
        mount::attach(part.as_fd(), root, place)?;
    }
    process::set_umask(UMASK);
    Ok(())
}

/// `/proc` of this PID namespace, read-only, showing a process only to those who could trace it.
fn mount_proc(root: BorrowedFd<'_>) -> nix::Result<()> {
    let proc = mount::mount_new(c"proc", &[(c"hidepid", c"ptraceable")], Attributes::PROC)?;
    mount::attach(proc.as_fd(), root, c"proc")
}

/// Covers what the host's `/proc` has and the jail's may lack. Nobody else has been in it yet, so its path is what it was.
fn mask(root: BorrowedFd<'_>, path: &CStr, masked: Masked) -> nix::Result<()> {
    let cover = match masked {
        Masked::Folder => mount::mount_new(
            c"tmpfs",
            &[(c"mode", c"0555"), (c"size", c"4k"), (c"nr_inodes", c"2")],
            Attributes::READ_ONLY,
        )?,
        Masked::File => mount::clone_folder(root, c"dev/null")?,
    };
    match mount::attach(cover.as_fd(), root, path) {
        Err(Errno::ENOENT) => Ok(()),
        other => other,
    }
}

/// Gives up every right and every descriptor but the socket, which becomes descriptor 0, and tells that all is done.
fn settle(brief: &Brief<'_>, made: [OwnedFd; 3]) -> Result<(), Failure> {
    process::ignore_children().stage(SetupStage::Harden)?;
    process::no_new_privileges().stage(SetupStage::Harden)?;
    caps::clear().stage(SetupStage::Harden)?;
    process::hide().stage(SetupStage::Harden)?;
    report::send_ready(brief.control, made.each_ref().map(AsRawFd::as_raw_fd)).stage(SetupStage::Harden)?;
    // Closed with all the rest, and must not be closed twice.
    let _closed_below = made.map(IntoRawFd::into_raw_fd);
    fd::place(brief.control.as_raw_fd(), CONTROL, true).stage(SetupStage::Harden)?;
    fd::close_from(1).stage(SetupStage::Harden)
}

const CONTROL: RawFd = 0;

/// Blocks until the other end of the socket closes. Nothing is ever sent to a settled init.
fn sleep() -> ! {
    // SAFETY: `settle` has put the socket there and nothing in this process closes it.
    let control = unsafe { BorrowedFd::borrow_raw(CONTROL) };
    loop {
        match message::receive(control, &mut [0; 1]) {
            Err(Errno::EINTR) => {}
            _ => process::exit_now(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_ends_before_the_network_is_told_as_one_whatever_it_has_heard() {
        for heard in [true, false] {
            let (ours, theirs) = message::pair().unwrap();
            message::send(ours.as_fd(), b"!", &[]).unwrap();
            if heard {
                message::receive(theirs.as_fd(), &mut [0; 1]).unwrap();
            }
            drop(theirs);
            let failure = enter_network(ours.as_fd()).unwrap_err();
            assert_eq!((failure.stage, failure.errno), (SetupStage::Network, Errno::EPIPE));
        }
    }
}

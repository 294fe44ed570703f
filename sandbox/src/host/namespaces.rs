//! Which namespaces this process can make, and whether a jail's `/proc` can be mounted in them.
//!
//! Every namespace is tried inside a user namespace of its own, because that is how a jail makes it. On hosts
//! where user namespaces exist but have no power (Ubuntu's AppArmor rule) the second step fails, not the first.

use std::ffi::CStr;

use nix::errno::Errno;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::unistd::{getegid, geteuid};

use super::sys;
use super::trial::{Failed, Step, Tried, attempt, in_child};

/// Each kind of namespace, tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Namespaces {
    /// User ids and capabilities; everything else needs this one.
    pub user: Tried,
    /// Mounts.
    pub mount: Tried,
    /// Processes.
    pub pid: Tried,
    /// Network.
    pub net: Tried,
    /// System V objects and message queues.
    pub ipc: Tried,
    /// Host name.
    pub uts: Tried,
    /// The view of control groups.
    pub cgroup: Tried,
    /// The monotonic clock and the boot clock.
    pub time: Tried,
    /// A new `/proc` for a new PID namespace.
    pub fresh_proc: Tried,
}

impl Namespaces {
    pub(super) fn probe(ids: &IdMaps) -> Self {
        let beside_user = |flag| attempt(|| enter(ids, flag));
        Self {
            user: attempt(|| enter_user(ids)),
            mount: attempt(|| enter_mounts(ids)),
            pid: attempt(|| {
                enter(ids, CloneFlags::CLONE_NEWPID).and_then(|()| in_child(Step::Fork, || Ok(())))
            }),
            net: beside_user(CloneFlags::CLONE_NEWNET),
            ipc: beside_user(CloneFlags::CLONE_NEWIPC),
            uts: beside_user(CloneFlags::CLONE_NEWUTS),
            cgroup: beside_user(CloneFlags::CLONE_NEWCGROUP),
            time: beside_user(CloneFlags::from_bits_retain(libc::CLONE_NEWTIME)),
            fresh_proc: attempt(|| mount_fresh_proc(ids)),
        }
    }

    /// Whether every namespace a jail is made of can be had.
    pub fn suffice(&self) -> bool {
        [self.user, self.mount, self.pid, self.net, self.ipc, self.uts].into_iter().all(Tried::works)
    }
}

/// The one-line id maps of a trial: this process's ids as root. Text, because a child may not format any.
#[derive(Debug)]
pub(super) struct IdMaps {
    uid: String,
    gid: String,
}

impl IdMaps {
    pub(super) fn of_this_process() -> Self {
        Self { uid: format!("0 {} 1", geteuid()), gid: format!("0 {} 1", getegid()) }
    }
}

/// Makes a user namespace and becomes root in it.
pub(super) fn enter_user(ids: &IdMaps) -> Result<(), Failed> {
    unshare(CloneFlags::CLONE_NEWUSER).map_err(|errno| Step::UserNamespace.failed(errno))?;
    let files: [(&CStr, &[u8]); 3] = [
        (c"/proc/self/setgroups", b"deny"),
        (c"/proc/self/uid_map", ids.uid.as_bytes()),
        (c"/proc/self/gid_map", ids.gid.as_bytes()),
    ];
    files
        .into_iter()
        .try_for_each(|(path, map)| sys::write_file(path, map).map_err(|errno| Step::IdMaps.failed(errno)))
}

/// Makes a user namespace and another one beside it.
fn enter(ids: &IdMaps, flag: CloneFlags) -> Result<(), Failed> {
    enter_user(ids)?;
    unshare(flag).map_err(|errno| Step::Namespace.failed(errno))
}

/// Makes a user and a mount namespace in which nothing spreads to the outside.
pub(super) fn enter_mounts(ids: &IdMaps) -> Result<(), Failed> {
    enter(ids, CloneFlags::CLONE_NEWNS)?;
    let none: Option<&CStr> = None;
    mount(none, c"/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none)
        .map_err(|errno| Step::Private.failed(errno))
}

fn mount_fresh_proc(ids: &IdMaps) -> Result<(), Failed> {
    enter_mounts(ids)?;
    unshare(CloneFlags::CLONE_NEWPID).map_err(|errno| Step::Namespace.failed(errno))?;
    in_child(Step::MountProc, || {
        let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
        mount(Some(c"proc"), c"/proc", Some(c"proc"), flags, None::<&CStr>)
    })
}

/// Whether a trial failed because the kernel lets nobody who sees a covered `/proc` mount a bare one.
pub(super) fn proc_too_revealing(fresh_proc: Tried) -> bool {
    matches!(fresh_proc, Tried::Fails(Failed { step: Step::MountProc, errno: Errno::EPERM }))
}

//! What can go wrong on our side. What a program does is an outcome, never one of these.

use std::io;
use std::path::PathBuf;

use dayfly_jobs::{Bytes, Limit};
use nix::errno::Errno;

use crate::SetupStage;

/// A fault of Dayfly or of the host, or something asked for that cannot be had here.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SandboxError {
    /// A system call of the supervisor failed.
    #[error("cannot {action}: {errno}")]
    System {
        /// What was being done: "make an eventfd".
        action: &'static str,
        /// What the kernel said.
        errno: Errno,
    },
    /// Control groups cannot do here what was asked of them.
    #[error(transparent)]
    Cgroup(crate::CgroupError),
    /// No slot can be had.
    #[error(transparent)]
    Slot(#[from] crate::SlotError),
    /// The policy does not allow what the job asks for.
    #[error(transparent)]
    Policy(Box<dayfly_policies::PolicyError>),
    /// The policy does not allow this network.
    #[error("the policy {policy} does not allow the network {network}; choose another policy")]
    NetworkRefused {
        /// What was asked for.
        network: crate::Network,
        /// The policy's name.
        policy: String,
    },
    /// A limit cannot be enforced on this host.
    #[error("{} cannot be enforced here: {reason}; {fix}, or run without:{}", names(limits), waivers(limits))]
    Unenforceable {
        /// The limits, at least one.
        limits: Vec<Limit>,
        /// Why not.
        reason: String,
        /// What to do about it.
        fix: String,
    },
    /// A limit is below what starting any program takes.
    #[error(
        "the limit {limit} is below {smallest}, which starting any program takes; set it to {smallest} or more"
    )]
    TooSmall {
        /// The limit.
        limit: Limit,
        /// The smallest value that makes sense.
        smallest: Bytes,
    },
    /// The files that were put into a sandbox leave no memory for its commands.
    #[error(
        "the files that are put into the workspace take {files} of the {memory} of memory that all commands have \
         together, and leave less than starting any program takes; raise the limit memory"
    )]
    FullOfFiles {
        /// What the files take.
        files: Bytes,
        /// The limit.
        memory: Bytes,
    },
    /// The limits on the total of all commands were not set before the first, or there are none, or set twice.
    #[error(
        "the limits of all commands of a sandbox together are set once, before the first, if its specification says so"
    )]
    TotalMisplaced,
    /// The kernel does not let us make namespaces.
    #[error("cannot make the namespaces of a jail: {errno}; {fix}")]
    Namespaces {
        /// What the kernel said.
        errno: Errno,
        /// What to do about it.
        fix: &'static str,
    },
    /// The ids of a user namespace could not be set.
    #[error("cannot set the ids of the user namespace: {error}")]
    IdMap {
        /// What the kernel said.
        error: io::Error,
    },
    /// A stage of setting up the jail failed.
    #[error("cannot {stage}{}: {errno}{}", about_text(about.as_deref()), hint(*stage, *errno))]
    Setup {
        /// Which stage.
        stage: SetupStage,
        /// What the kernel said.
        errno: Errno,
        /// Which of several things, in stages that do several.
        about: Option<String>,
    },
    /// A host path cannot be shown in the jail.
    #[error("cannot show {path} in the jail: {errno}{}", bind_hint(*errno))]
    Bind {
        /// The host path.
        path: String,
        /// What the kernel said.
        errno: Errno,
    },
    /// A host path that the jail needs cannot be read.
    #[error("cannot read {}: {error}", path.display())]
    Unreadable {
        /// The host path.
        path: PathBuf,
        /// What the kernel said.
        error: io::Error,
    },
    /// A path cannot be used inside a jail.
    #[error("{} cannot be a path in the jail: it must be absolute, without .., and not /, /proc or /dev", path.display())]
    BadTarget {
        /// The path.
        path: PathBuf,
    },
    /// Something about a command cannot be passed to a program.
    #[error("bad {what}: it is empty, holds a NUL byte, or is of the wrong kind")]
    BadCommand {
        /// What.
        what: &'static str,
    },
    /// The jail's init ended without being told to.
    #[error("the jail's init was killed by something outside of Dayfly")]
    InitLost,
    /// The template of a pool's jails did not answer. The next jail gets a new one.
    #[error(
        "the process that makes a pool's jails was killed by something outside of Dayfly, or hangs: {errno}"
    )]
    TemplateLost {
        /// What its socket said.
        errno: Errno,
    },
    /// The command's process ended before it could start the program.
    #[error("the command's process was killed by something outside of Dayfly before its program started")]
    CommandLost,
    /// The host ran out of memory and its kernel chose the job.
    #[error(
        "the host ran out of memory and killed the job, which was within its limit; run fewer jobs at once"
    )]
    HostOutOfMemory,
    /// The sandbox has ended and can run nothing more.
    #[error("this sandbox has ended; make a new one")]
    Ended,
}

impl SandboxError {
    pub(crate) fn system(action: &'static str, errno: Errno) -> Self {
        Self::System { action, errno }
    }

    pub(crate) fn namespaces(errno: Errno) -> Self {
        let fix = match errno {
            Errno::ENOSPC | Errno::EUSERS => {
                "raise user.max_user_namespaces and user.max_net_namespaces (sysctl)"
            }
            Errno::EPERM | Errno::EACCES => {
                "allow unprivileged user namespaces (see dayfly doctor), or run as root"
            }
            Errno::EAGAIN | Errno::ENOMEM => "run fewer jobs at once",
            Errno::ENOSYS | Errno::EINVAL => "use Linux 5.14 or newer with all namespaces built in",
            _ => "see dayfly doctor",
        };
        Self::Namespaces { errno, fix }
    }
}

impl From<dayfly_policies::PolicyError> for SandboxError {
    fn from(error: dayfly_policies::PolicyError) -> Self {
        Self::Policy(Box::new(error))
    }
}

impl From<crate::CgroupError> for SandboxError {
    fn from(error: crate::CgroupError) -> Self {
        match error {
            crate::CgroupError::Lacking { limit, reason, fix } => {
                Self::Unenforceable { limits: vec![limit], reason, fix }
            }
            other => Self::Cgroup(other),
        }
    }
}

fn names(limits: &[Limit]) -> String {
    let names: Vec<_> = limits.iter().map(|limit| limit.name()).collect();
    format!("the limit{} {}", if names.len() == 1 { "" } else { "s" }, names.join(", "))
}

fn waivers(limits: &[Limit]) -> String {
    limits.iter().map(|limit| format!(" --waive {}", limit.name().replace('_', "-"))).collect()
}

fn about_text(about: Option<&str>) -> String {
    about.map(|what| format!(" ({what})")).unwrap_or_default()
}

fn hint(stage: SetupStage, errno: Errno) -> &'static str {
    match (stage, errno) {
        (SetupStage::Proc, Errno::EPERM) => {
            "; /proc of this host is partly covered, as in a container: see dayfly doctor"
        }
        (SetupStage::Fill, Errno::EROFS | Errno::ENOENT | Errno::ELOOP | Errno::EACCES) => {
            "; the place must exist already where its surroundings are read-only, and no part of it may be a link"
        }
        (SetupStage::Rlimits, Errno::EPERM) => "; it is above the hard limit of this process (ulimit -H)",
        (SetupStage::Resize, Errno::EINVAL) => "; the writable tree already holds more than that",
        _ => "",
    }
}

fn bind_hint(errno: Errno) -> &'static str {
    match errno {
        Errno::EINVAL => {
            "; its file system does not support id-mapped mounts, so the job could not own what it writes"
        }
        _ => "",
    }
}

/// The kernel's number of an error of the standard library, which has some without.
pub(crate) fn errno_of(error: &io::Error) -> Errno {
    error.raw_os_error().map_or(Errno::EIO, Errno::from_raw)
}

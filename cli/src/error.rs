//! What goes wrong in the command line, and how to mend it. Rendering is `output`'s.

use std::io;
use std::path::{Path, PathBuf};

use dayfly_policies::PolicyError;
use dayfly_sandbox::SandboxError;

/// A value's error text says what is wrong and then, after its last semicolon, what to write.
pub(crate) fn split_fix(text: &str) -> (&str, Option<&str>) {
    text.rsplit_once("; ").map_or((text, None), |(what, fix)| (what, Some(fix)))
}

/// Everything that ends a command without a result.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CliError {
    /// The command line itself is wrong.
    #[error("{what}")]
    Usage {
        /// What is wrong, with the option it is wrong in.
        what: String,
        /// What to write instead.
        fix: Option<String>,
    },
    /// Something that Dayfly knows but this version does not do.
    #[error("{what} is not available in this version")]
    Unavailable {
        /// What was asked for.
        what: String,
        /// What there is instead.
        fix: &'static str,
    },
    /// A configuration key or file is wrong.
    #[error("{what}")]
    Config {
        /// What is wrong, with the place it came from.
        what: String,
        /// What to write instead.
        fix: Option<String>,
    },
    /// A file or folder of the host cannot be used.
    #[error("cannot {action} {}: {source}", path.display())]
    Path {
        /// What was being done: "open".
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A policy cannot be used, or does not grant what was asked for.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// The sandbox could not be had, or failed.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// One of our own streams cannot be written.
    #[error("cannot write {stream}: {source}")]
    Output {
        /// "standard output" or "standard error".
        stream: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// Signals cannot be watched.
    #[error("cannot watch for signals: {0}")]
    Signals(io::Error),
    /// A job file that is none.
    #[error("{what}")]
    JobFile {
        /// What is wrong, with file, line, column and key.
        what: String,
        /// What to write instead.
        fix: Option<String>,
    },
    /// The scheduler refused a call.
    #[error("{}", problem.detail)]
    Refused {
        /// What it said.
        problem: Box<dayfly_jobs::wire::Problem>,
    },
    /// The scheduler was not reached, or its answer makes no sense.
    #[error("{what}")]
    Server {
        /// What happened.
        what: String,
        /// What may help.
        fix: Option<String>,
    },
    /// What calls are made with could not be started.
    #[error("cannot start what calls the scheduler: {0}")]
    Runtime(io::Error),
    /// The address to listen on cannot be had.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// Where.
        address: std::net::SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The scheduler cannot start or go on.
    #[error(transparent)]
    Scheduler(#[from] dayfly_scheduler::SchedulerError),
    /// The worker cannot start or go on.
    #[error(transparent)]
    Worker(#[from] dayfly_worker::WorkerError),
    /// Something cannot be measured here.
    #[error("{what}")]
    Bench {
        /// What, and why not.
        what: String,
        /// How to see more, or how to mend it.
        fix: String,
    },
    /// Whoever read our output went away; nothing is left to be said to anyone.
    #[error("the reader of the output went away")]
    ReaderGone,
}

impl CliError {
    /// A usage error with its cure.
    pub(crate) fn usage(what: impl Into<String>, fix: impl Into<String>) -> Self {
        Self::Usage { what: what.into(), fix: Some(fix.into()) }
    }

    /// A configuration error with its cure.
    pub(crate) fn config(what: impl Into<String>, fix: impl Into<String>) -> Self {
        Self::Config { what: what.into(), fix: Some(fix.into()) }
    }

    /// A call that came to no sensible answer.
    pub(crate) fn server(what: impl Into<String>, fix: Option<String>) -> Self {
        Self::Server { what: what.into(), fix }
    }

    /// A call that was refused.
    pub(crate) fn refused(problem: dayfly_jobs::wire::Problem) -> Self {
        Self::Refused { problem: Box::new(problem) }
    }

    /// An address that cannot be had.
    pub(crate) fn listen(address: std::net::SocketAddr, source: io::Error) -> Self {
        Self::Listen { address, source }
    }

    /// Something that cannot be measured, with its cure.
    pub(crate) fn bench(what: impl Into<String>, fix: impl Into<String>) -> Self {
        Self::Bench { what: what.into(), fix: fix.into() }
    }

    /// A host path that could not be used.
    pub(crate) fn path(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Path { action, path: path.to_owned(), source }
    }

    /// A failed write to one of our own streams.
    pub(crate) fn output(stream: &'static str, source: io::Error) -> Self {
        match source.kind() == io::ErrorKind::BrokenPipe {
            true => Self::ReaderGone,
            false => Self::Output { stream, source },
        }
    }

    /// A stable word for programs.
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Usage { .. } => "usage",
            Self::Unavailable { .. } => "unavailable",
            Self::Config { .. } => "config",
            Self::Path { .. } => "path",
            Self::Policy(_) => "policy",
            Self::Sandbox(_) => "sandbox",
            Self::Output { .. } => "output",
            Self::Signals(_) => "signals",
            Self::JobFile { .. } => "job_file",
            Self::Refused { .. } => "refused",
            Self::Server { .. } => "server",
            Self::Runtime(_) => "runtime",
            Self::Listen { .. } => "listen",
            Self::Scheduler(_) => "scheduler",
            Self::Worker(_) => "worker",
            Self::Bench { .. } => "bench",
            Self::ReaderGone => "reader_gone",
        }
    }

    /// How to mend it, where that is known.
    pub(crate) fn fix(&self) -> Option<String> {
        match self {
            Self::Usage { fix, .. }
            | Self::Config { fix, .. }
            | Self::JobFile { fix, .. }
            | Self::Server { fix, .. } => fix.clone(),
            Self::Refused { problem } => problem.fix.as_ref().map(ToString::to_string),
            Self::Unavailable { fix, .. } => Some((*fix).to_owned()),
            Self::Bench { fix, .. } => Some(fix.clone()),
            Self::Listen { source, .. } => listen_fix(source.kind()),
            Self::Path { source, path, .. } => path_fix(source.kind(), path),
            Self::Policy(_)
            | Self::Sandbox(_)
            | Self::Output { .. }
            | Self::Signals(_)
            | Self::Runtime(_)
            | Self::Scheduler(_)
            | Self::Worker(_)
            | Self::ReaderGone => None,
        }
    }
}

fn listen_fix(kind: io::ErrorKind) -> Option<String> {
    match kind {
        io::ErrorKind::AddrInUse => Some(
            "another program listens there; end it, or choose a port with --listen 127.0.0.1:0".to_owned(),
        ),
        io::ErrorKind::AddrNotAvailable => {
            Some("name an address of this machine: --listen 127.0.0.1:7410".to_owned())
        }
        _ => None,
    }
}

fn path_fix(kind: io::ErrorKind, path: &Path) -> Option<String> {
    let path = path.display();
    if kind == io::ErrorKind::NotFound {
        Some(format!("check the spelling with: ls -ld '{path}'"))
    } else if kind == io::ErrorKind::AlreadyExists {
        Some(format!("edit it, or move it away first: mv '{path}' '{path}.old'"))
    } else if kind == io::ErrorKind::PermissionDenied {
        Some(format!("give yourself the right to it; see: namei -l '{path}'"))
    } else {
        None
    }
}

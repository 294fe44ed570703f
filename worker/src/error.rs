//! What can go wrong on our side of a job or with the scheduler. What a job does is a verdict, never one of these.

use std::io;
use std::path::{Path, PathBuf};

use dayfly_sandbox::SandboxError;
use nix::errno::Errno;

/// A fault of the worker, its host or its scheduler.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WorkerError {
    /// A file or folder of the worker's own.
    #[error("cannot {action} {}: {error}", path.display())]
    File {
        /// What was being done: "make".
        action: &'static str,
        /// Where.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// A system call on the job's files failed for no fault of the job.
    #[error("cannot {action}: {errno}")]
    System {
        /// What was being done.
        action: &'static str,
        /// What the kernel said.
        errno: Errno,
    },
    /// The sandbox failed.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// The scheduler could not be reached or did not do its part.
    #[error(transparent)]
    Call(#[from] crate::CallError),
    /// The secrets cannot be hidden in the log.
    #[error(transparent)]
    Mask(#[from] dayfly_jobs::MaskError),
    /// The address of the scheduler is none.
    #[error("'{server}' is no address of a scheduler: {reason}; write http://HOST:PORT or https://HOST")]
    BadServer {
        /// What was given.
        server: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The scheduler does not want this worker.
    #[error("the scheduler refuses this worker: {reason}")]
    Unwanted {
        /// Why.
        reason: String,
    },
    /// A thread of the worker ended before its time.
    #[error("the thread of a job was lost: {reason}")]
    ThreadLost {
        /// What is known about it.
        reason: String,
    },
    /// Metrics of the same names are registered already.
    #[error("cannot register the worker's metrics: {0}")]
    Metrics(#[from] prometheus::Error),
}

impl WorkerError {
    pub(crate) fn file(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |error| Self::File { action, path, error }
    }

    pub(crate) fn system(action: &'static str) -> impl FnOnce(Errno) -> Self {
        move |errno| Self::System { action, errno }
    }
}

/// Why a job does not go on.
#[derive(Debug)]
pub(crate) enum Halt {
    /// What is in it cannot be used: its own fault.
    Bad(String),
    /// It was told to stop.
    Stopped,
    /// Our fault.
    Ours(WorkerError),
}

impl<E: Into<WorkerError>> From<E> for Halt {
    fn from(error: E) -> Self {
        Self::Ours(error.into())
    }
}

//! The contract that the jail and the microVM share.

use std::os::fd::BorrowedFd;

use dayfly_jobs::Outcome;

use crate::{Cancel, Command, SandboxError, SandboxSpec, Total};

/// Makes sandboxes.
pub trait Backend: Send + Sync {
    /// Makes one sandbox, for one job, ready to execute commands.
    ///
    /// # Errors
    /// What the specification asks for cannot be had on this host; nothing of it is left behind.
    fn create(&self, spec: &SandboxSpec) -> Result<Box<dyn Sandbox>, SandboxError>;
}

/// One job's sandbox. Dropping it kills what runs in it and removes every trace.
pub trait Sandbox: Send {
    /// Limits what all commands use together, for a sandbox whose specification says [`crate::Counted::InTotal`].
    /// To be called once, when the inputs are in place and before the first command: they are taken off the memory.
    /// Where such a limit is exceeded, all that runs in the sandbox is killed, and the command that runs or was to
    /// run next ends as over that limit.
    ///
    /// # Errors
    /// A limit cannot be enforced here, or the inputs leave no memory.
    fn limit_total(&mut self, total: &Total) -> Result<(), SandboxError>;

    /// Runs one command to its end. Files and background processes of earlier commands are still there.
    ///
    /// # Errors
    /// A fault of ours or of the host. What the program did, however bad, is `Ok`.
    fn exec(&mut self, command: &Command, cancel: &Cancel) -> Result<Outcome, SandboxError>;

    /// The job's writable working folder, for placing inputs before and collecting outputs after a command.
    /// Resolve names below it with `openat2` and no symbolic links: the job wrote them.
    fn workspace(&self) -> BorrowedFd<'_>;

    /// A folder of the writable tree outside of the workspace (`/dev/shm` inside a jail), for what the job needs
    /// and nobody is to collect: its scripts, its secrets.
    fn scratch(&self) -> BorrowedFd<'_>;

    /// Kills everything that runs in it and waits until all of it is dead. Nothing more can be executed, but what
    /// was written stays readable below [`Self::workspace`], and nobody changes it any more.
    ///
    /// # Errors
    /// Something could not be killed.
    fn stop(&mut self) -> Result<(), SandboxError>;

    /// Kills everything in the sandbox and removes it; what dropping does, with the error told.
    ///
    /// # Errors
    /// Something could not be removed; it is left for the sweep.
    fn destroy(self: Box<Self>) -> Result<(), SandboxError>;
}

//! Stopping a command from another thread or from a signal handler.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use nix::fcntl::OFlag;
use nix::unistd::{pipe2, write};

use crate::SandboxError;
use crate::sys::process;

/// A switch that ends the commands it was given to. Cloning gives another handle to the same switch.
#[derive(Debug, Clone)]
pub struct Cancel(Option<Arc<Pipe>>);

/// A pipe that is thrown by a byte in it, which nobody ever reads.
#[derive(Debug)]
struct Pipe {
    read: OwnedFd,
    write: OwnedFd,
}

impl Cancel {
    /// A switch nobody has thrown yet.
    ///
    /// # Errors
    /// The process has no descriptor left.
    pub fn new() -> Result<Self, SandboxError> {
        let (read, write) = pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK)
            .map_err(|errno| SandboxError::system("make a pipe", errno))?;
        Ok(Self(Some(Arc::new(Pipe { read, write }))))
    }

    /// No switch: the command runs until it ends or a limit ends it.
    pub const fn never() -> Self {
        Self(None)
    }

    /// Throws the switch, for good. Every command that was given it ends as cancelled.
    pub fn cancel(&self) {
        if let Some(pipe) = &self.0 {
            // A full pipe means it was thrown already, which is all that matters.
            write(&pipe.write, b"!").ok();
        }
    }

    /// A descriptor for a signal handler: writing any byte throws the switch.
    ///
    /// # Errors
    /// There is no switch ([`Cancel::never`]), or no descriptor left.
    pub fn switch(&self) -> io::Result<OwnedFd> {
        let pipe = self.0.as_ref().ok_or(io::ErrorKind::Unsupported)?;
        pipe.write.try_clone()
    }

    /// Whether this process ignores a signal, as those that `nohup` started do. Such a signal is to stay ignored and
    /// should throw no switch.
    ///
    /// # Errors
    /// There is no such signal.
    pub fn is_ignored(signal: i32) -> io::Result<bool> {
        Ok(process::ignores(signal)?)
    }

    pub(crate) fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.0.as_ref().map(|pipe| pipe.read.as_fd())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_is_ignored_when_the_process_ignores_it() {
        // Rust programs ignore SIGPIPE from the start.
        assert!(Cancel::is_ignored(libc::SIGPIPE).unwrap());
        assert!(!Cancel::is_ignored(libc::SIGUSR1).unwrap());
        assert!(Cancel::is_ignored(0).is_err());
    }
}

//! Stopping a command from another thread or from a signal handler.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::sync::Arc;

use nix::sys::eventfd::{EfdFlags, EventFd};

use crate::SandboxError;

/// A switch that ends the commands it was given to. Cloning gives another handle to the same switch.
#[derive(Debug, Clone)]
pub struct Cancel(Option<Arc<EventFd>>);

impl Cancel {
    /// A switch nobody has thrown yet.
    ///
    /// # Errors
    /// The process has no descriptor left.
    pub fn new() -> Result<Self, SandboxError> {
        let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
        let event = EventFd::from_value_and_flags(0, flags)
            .map_err(|errno| SandboxError::system("make an eventfd", errno))?;
        Ok(Self(Some(Arc::new(event))))
    }

    /// No switch: the command runs until it ends or a limit ends it.
    pub const fn never() -> Self {
        Self(None)
    }

    /// Throws the switch, for good. Every command that was given it ends as cancelled.
    pub fn cancel(&self) {
        if let Some(event) = &self.0 {
            // A full counter means it was thrown already, which is all that matters.
            event.write(1).ok();
        }
    }

    /// The descriptor for a signal handler: writing any eight-byte non-zero integer throws the switch.
    pub fn raw_descriptor(&self) -> Option<RawFd> {
        self.0.as_ref().map(|event| event.as_raw_fd())
    }

    pub(crate) fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.0.as_ref().map(|event| event.as_fd())
    }
}

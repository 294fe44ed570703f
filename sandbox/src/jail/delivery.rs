//! What a command's process is sent, and our ends of its streams.

use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;

use super::order;
use super::streams::{Input, Outlet};
use crate::sys::message;
use crate::{Command, Counted, SandboxError};

/// A command on its way.
#[derive(Debug)]
pub(crate) struct Delivery {
    order: OwnedFd,
    /// The process's ends of its standard streams.
    theirs: [OwnedFd; 3],
    ours: Streams,
}

/// Our ends.
#[derive(Debug)]
pub(crate) struct Streams {
    pub input: Input,
    pub stdout: Outlet,
    pub stderr: Outlet,
}

impl Delivery {
    pub(crate) fn new(command: &Command, counted: Counted) -> Result<Self, SandboxError> {
        let order = order::write(command)?;
        let (input, stdin) = Input::open(&command.stdin, counted)?;
        let (stdout, stdout_end) = Outlet::open(&command.stdout)?;
        let (stderr, stderr_end) = Outlet::open_beside(&command.stderr, &stdout_end)?;
        Ok(Self { order, theirs: [stdin, stdout_end, stderr_end], ours: Streams { input, stdout, stderr } })
    }

    /// Hands it over. A process that is dead already is judged by how it ended.
    pub(crate) fn hand_over(self, socket: BorrowedFd<'_>) -> Result<Streams, SandboxError> {
        let Self { order, theirs: [stdin, stdout, stderr], ours } = self;
        let fds = [order, stdin, stdout, stderr];
        match message::send(socket, b"!", &fds.each_ref().map(AsRawFd::as_raw_fd)) {
            Ok(()) | Err(Errno::EPIPE | Errno::ECONNRESET) => Ok(ours),
            Err(errno) => Err(SandboxError::system("send the command", errno)),
        }
    }
}

//! What the processes of a jail tell the supervisor while they are still ours: fixed-size datagrams.

use std::os::fd::{BorrowedFd, OwnedFd, RawFd};

use nix::errno::Errno;

use crate::SetupStage;
use crate::sys::message;

/// A failed stage. Made by the child, so it holds numbers only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Failure {
    pub stage: SetupStage,
    pub errno: Errno,
    /// Which one of several, where the stage has several.
    pub index: u32,
}

/// Gives a system call's error the stage it happened in.
pub(crate) trait InStage<T> {
    fn stage(self, stage: SetupStage) -> Result<T, Failure>;
    fn stage_at(self, stage: SetupStage, index: usize) -> Result<T, Failure>;
}

impl<T> InStage<T> for nix::Result<T> {
    fn stage(self, stage: SetupStage) -> Result<T, Failure> {
        self.stage_at(stage, 0)
    }

    fn stage_at(self, stage: SetupStage, index: usize) -> Result<T, Failure> {
        let index = u32::try_from(index).unwrap_or(u32::MAX);
        self.map_err(|errno| Failure { stage, errno, index })
    }
}

/// One message from a child.
#[derive(Debug)]
pub(crate) enum Report {
    /// Init has built the root; the descriptors are the workspace and a folder of the writable tree.
    Ready(OwnedFd, OwnedFd),
    /// The command's process waits for its command.
    Parked,
    /// The filter is in place; the descriptor receives the calls it hands over.
    Filtered(OwnedFd),
    /// A stage failed and the process has ended.
    Failed(Failure),
    /// The socket is closed: the process has executed its program, or has died.
    Closed,
}

const READY: u32 = 1;
const PARKED: u32 = 2;
const FILTERED: u32 = 3;
const FAILED: u32 = 4;

type Wire = [u32; 4];

fn send(socket: BorrowedFd<'_>, wire: Wire, fds: &[RawFd]) -> nix::Result<()> {
    let mut bytes = [0; size_of::<Wire>()];
    for (chunk, word) in bytes.chunks_exact_mut(4).zip(wire) {
        chunk.copy_from_slice(&word.to_ne_bytes());
    }
    message::send(socket, &bytes, fds)
}

pub(crate) fn send_ready(socket: BorrowedFd<'_>, folders: [RawFd; 2]) -> nix::Result<()> {
    send(socket, [READY, 0, 0, 0], &folders)
}

pub(crate) fn send_parked(socket: BorrowedFd<'_>) -> nix::Result<()> {
    send(socket, [PARKED, 0, 0, 0], &[])
}

pub(crate) fn send_filtered(socket: BorrowedFd<'_>, listener: RawFd) -> nix::Result<()> {
    send(socket, [FILTERED, 0, 0, 0], &[listener])
}

pub(crate) fn send_failed(socket: BorrowedFd<'_>, failure: Failure) -> nix::Result<()> {
    let errno = (failure.errno as i32).cast_unsigned();
    send(socket, [FAILED, failure.stage.number(), errno, failure.index], &[])
}

/// Receives the next report. A malformed one cannot come from our code and is `EBADMSG`.
pub(crate) fn receive(socket: BorrowedFd<'_>) -> nix::Result<Report> {
    let mut bytes = [0; size_of::<Wire>()];
    let received = match message::receive(socket, &mut bytes) {
        // A process that died with our unread message in its queue resets the connection.
        Err(Errno::ECONNRESET) => return Ok(Report::Closed),
        other => other?,
    };
    if received.len == 0 {
        return Ok(Report::Closed);
    }
    let mut wire: Wire = [0; 4];
    for (word, chunk) in wire.iter_mut().zip(bytes.chunks_exact(4)) {
        *word = chunk.try_into().map(u32::from_ne_bytes).map_err(|_| Errno::EBADMSG)?;
    }
    let [first, second, ..] = received.fds;
    match (wire, first, second) {
        ([READY, ..], Some(workspace), Some(scratch)) => Ok(Report::Ready(workspace, scratch)),
        ([PARKED, ..], None, None) => Ok(Report::Parked),
        ([FILTERED, ..], Some(listener), None) => Ok(Report::Filtered(listener)),
        ([FAILED, stage, errno, index], None, None) => {
            let stage = SetupStage::from_number(stage).ok_or(Errno::EBADMSG)?;
            Ok(Report::Failed(Failure { stage, errno: Errno::from_raw(errno.cast_signed()), index }))
        }
        _ => Err(Errno::EBADMSG),
    }
}

//! What the processes of a jail tell the supervisor while they are still ours: fixed-size datagrams.

use std::os::fd::{BorrowedFd, OwnedFd, RawFd};
use std::time::Duration;

use dayfly_jobs::CpuTime;
use nix::errno::Errno;
use nix::time::{ClockId, clock_gettime};

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
    /// Init has built the root; the descriptors are the workspace, a folder of the writable tree and the network
    /// namespace.
    Ready([OwnedFd; 3]),
    /// The command's process is in its groups, and most of what it has to do is done: its command can come.
    Arrived,
    /// The command's process has nothing left to do and waits for its command.
    Parked,
    /// The filter is in place and the program is next; the descriptor receives the calls the filter hands over.
    Filtered {
        /// For the calls.
        listener: OwnedFd,
        /// The monotonic clock when this was said.
        at: Duration,
        /// CPU time that this process has used in its group until just before.
        used: CpuTime,
    },
    /// A stage failed and the process has ended.
    Failed(Failure),
    /// The socket is closed: the process has executed its program, or has died.
    Closed,
}

const READY: u32 = 1;
const PARKED: u32 = 2;
const FILTERED: u32 = 3;
const FAILED: u32 = 4;
const ARRIVED: u32 = 5;

type Wire = [u32; 4];

fn send(socket: BorrowedFd<'_>, wire: Wire, fds: &[RawFd]) -> nix::Result<()> {
    let mut bytes = [0; size_of::<Wire>()];
    for (chunk, word) in bytes.chunks_exact_mut(4).zip(wire) {
        chunk.copy_from_slice(&word.to_ne_bytes());
    }
    message::send(socket, &bytes, fds)
}

pub(crate) fn send_ready(socket: BorrowedFd<'_>, made: [RawFd; 3]) -> nix::Result<()> {
    send(socket, [READY, 0, 0, 0], &made)
}

pub(crate) fn send_arrived(socket: BorrowedFd<'_>) -> nix::Result<()> {
    send(socket, [ARRIVED, 0, 0, 0], &[])
}

pub(crate) fn send_parked(socket: BorrowedFd<'_>) -> nix::Result<()> {
    send(socket, [PARKED, 0, 0, 0], &[])
}

/// The times go along because the supervisor may hear of it late. By now the filter is in place, so nothing here may be
/// a system call that not every policy allows.
pub(crate) fn send_filtered(socket: BorrowedFd<'_>, listener: RawFd, used: Duration) -> nix::Result<()> {
    let used = u32::try_from(used.as_micros()).map_err(|_| Errno::EOVERFLOW)?;
    let now = monotonic()?;
    // The clock counts from boot, so its seconds fit for a century.
    let seconds = u32::try_from(now.as_secs()).map_err(|_| Errno::EOVERFLOW)?;
    send(socket, [FILTERED, seconds, now.subsec_nanos(), used], &[listener])
}

/// CPU time of this process.
pub(crate) fn process_time() -> nix::Result<Duration> {
    Ok(Duration::from(clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID)?))
}

/// The monotonic clock, which all processes of a host share. No system call where the kernel shows it in the vDSO.
pub(crate) fn monotonic() -> nix::Result<Duration> {
    Ok(Duration::from(clock_gettime(ClockId::CLOCK_MONOTONIC)?))
}

pub(crate) fn send_failed(socket: BorrowedFd<'_>, failure: Failure) -> nix::Result<()> {
    let errno = (failure.errno as i32).cast_unsigned();
    send(socket, [FAILED, failure.stage.number(), errno, failure.index], &[])
}

/// Receives the next report. A malformed one cannot come from our code and is `EBADMSG`.
pub(crate) fn receive(socket: BorrowedFd<'_>) -> nix::Result<Report> {
    let mut bytes = [0; size_of::<Wire>()];
    let received = match message::receive(socket, &mut bytes) {
        // A process that ended with our unread message in its queue resets the connection, which is told before
        // what it said itself: that, or the end, comes next.
        Err(Errno::ECONNRESET) => message::receive(socket, &mut bytes)?,
        other => other?,
    };
    if received.len == 0 {
        return Ok(Report::Closed);
    }
    let mut wire: Wire = [0; 4];
    for (word, chunk) in wire.iter_mut().zip(bytes.chunks_exact(4)) {
        *word = chunk.try_into().map(u32::from_ne_bytes).map_err(|_| Errno::EBADMSG)?;
    }
    let [first, second, third, ..] = received.fds;
    match (wire, [first, second, third]) {
        ([READY, ..], [Some(workspace), Some(scratch), Some(network)]) => {
            Ok(Report::Ready([workspace, scratch, network]))
        }
        ([ARRIVED, ..], [None, None, None]) => Ok(Report::Arrived),
        ([PARKED, ..], [None, None, None]) => Ok(Report::Parked),
        ([FILTERED, seconds, nanos, used], [Some(listener), None, None]) => {
            let (at, used) = (Duration::new(seconds.into(), nanos), CpuTime::micros(used.into()));
            Ok(Report::Filtered { listener, at, used })
        }
        ([FAILED, stage, errno, index], [None, None, None]) => {
            let stage = SetupStage::from_number(stage).ok_or(Errno::EBADMSG)?;
            Ok(Report::Failed(Failure { stage, errno: Errno::from_raw(errno.cast_signed()), index }))
        }
        _ => Err(Errno::EBADMSG),
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use super::*;

    #[test]
    fn last_words_are_heard_though_ours_were_not() {
        let (ours, theirs) = message::pair().unwrap();
        message::send(ours.as_fd(), b"!", &[]).unwrap();
        let failure = Failure { stage: SetupStage::Spawn, errno: Errno::EAGAIN, index: 0 };
        send_failed(theirs.as_fd(), failure).unwrap();
        drop(theirs);
        let heard = receive(ours.as_fd()).unwrap();
        assert!(matches!(heard, Report::Failed(told) if told == failure), "{heard:?}");
        assert!(matches!(receive(ours.as_fd()).unwrap(), Report::Closed));

        let (ours, theirs) = message::pair().unwrap();
        message::send(ours.as_fd(), b"!", &[]).unwrap();
        drop(theirs);
        assert!(matches!(receive(ours.as_fd()).unwrap(), Report::Closed));
    }
}

//! The standard streams of one command, from the supervisor's side.
//!
//! The job's ends are pipes made for this command, or a file opened anew; ours never block, and what is kept
//! in memory is bounded whatever the job writes.

mod buffer;

use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use dayfly_jobs::Bytes;
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, SealFlag, fcntl, open};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::stat::{Mode, fchmod};
use nix::unistd::pipe2;

pub(crate) use self::buffer::Buffer;
use super::sink::SinkThread;
use crate::command::{Stdio, Stream};
use crate::error::errno_of;
use crate::{Counted, SandboxError};

/// Bytes moved at a time.
const CHUNK: usize = 64 << 10;

fn system(action: &'static str) -> impl Fn(Errno) -> SandboxError {
    move |errno| SandboxError::system(action, errno)
}

fn pipe() -> Result<(OwnedFd, OwnedFd), SandboxError> {
    pipe2(OFlag::O_CLOEXEC).map_err(system("make a pipe"))
}

fn set_nonblocking(fd: &OwnedFd) -> Result<(), SandboxError> {
    fcntl(fd, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).map(drop).map_err(system("set up a pipe"))
}

/// Feeding standard input.
#[derive(Debug)]
pub(crate) enum Input {
    /// Nothing to feed: empty, or a file the job reads itself.
    None,
    /// These bytes from this offset, into this pipe.
    Bytes { data: Arc<[u8]>, offset: usize, pipe: OwnedFd },
    /// Whatever the source gives, through a buffer, into this pipe.
    Pump { source: Arc<OwnedFd>, buffer: Vec<u8>, offset: usize, pipe: OwnedFd },
}

impl Input {
    /// Our side and the job's descriptor.
    pub(crate) fn open(stdio: &Stdio, counted: Counted) -> Result<(Self, OwnedFd), SandboxError> {
        match &stdio.0 {
            Stream::File(file) => Self::open_file(file, counted),
            Stream::Bytes(data) => {
                let (read, write) = pipe()?;
                set_nonblocking(&write)?;
                Ok((Self::Bytes { data: Arc::clone(data), offset: 0, pipe: write }, read))
            }
            Stream::Pump(source) => {
                let (read, write) = pipe()?;
                set_nonblocking(&write)?;
                let source = Arc::clone(source);
                Ok((Self::Pump { source, buffer: Vec::new(), offset: 0, pipe: write }, read))
            }
            Stream::Null => Ok((Self::None, dev_null()?)),
            Stream::Capture(_) | Stream::Sink(_) | Stream::Joined => {
                Err(SandboxError::BadCommand { what: "standard input (it cannot be captured)" })
            }
        }
    }

    /// A copy of the job's own, or the file pumped through a pipe: locks and leases on the file itself would reach
    /// whoever else uses it.
    ///
    /// The copy is charged to us. It goes with the jail of one command; where others follow, each could leave
    /// a process in the background that keeps one.
    fn open_file(file: &File, counted: Counted) -> Result<(Self, OwnedFd), SandboxError> {
        let fresh = reopen(file)?;
        let size = fresh.metadata().map_err(copying)?.len();
        if size > COPIED_AT_MOST || counted == Counted::InTotal {
            return Self::open(&Stdio(Stream::Pump(Arc::new(fresh.into()))), counted);
        }
        let flags = MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING;
        let mut copy = File::from(memfd_create(c"input", flags).map_err(system("make a memfd"))?);
        std::io::copy(&mut fresh.take(COPIED_AT_MOST), &mut copy).map_err(copying)?;
        // The job could open it anew for writing, which the seals make pointless and the mode impossible.
        fcntl(&copy, FcntlArg::F_ADD_SEALS(SEALED)).map_err(system("seal a memfd"))?;
        fchmod(&copy, Mode::S_IRUSR | Mode::S_IRGRP | Mode::S_IROTH).map_err(system("seal a memfd"))?;
        Ok((Self::None, reopen(&copy)?.into()))
    }

    /// What to wait for.
    pub(crate) fn interest(&self) -> Option<(BorrowedFd<'_>, PollFlags)> {
        match self {
            Self::None => None,
            Self::Pump { source, buffer, offset, .. } if *offset == buffer.len() => {
                Some((source.as_fd(), PollFlags::POLLIN))
            }
            Self::Bytes { pipe, .. } | Self::Pump { pipe, .. } => Some((pipe.as_fd(), PollFlags::POLLOUT)),
        }
    }

    /// Moves what can be moved without blocking; gives the number of bytes fed.
    pub(crate) fn advance(&mut self) -> Result<u64, SandboxError> {
        let (fed, done) = match self {
            Self::None => (0, true),
            Self::Bytes { data, offset, pipe } => {
                let fed = feed(pipe, data.get(*offset..).unwrap_or_default())?;
                *offset += fed.unwrap_or(0);
                (fed.unwrap_or(0), fed.is_none() || *offset == data.len())
            }
            Self::Pump { source, buffer, offset, pipe } => {
                if *offset == buffer.len() && !refill(source, buffer, offset)? {
                    (0, true)
                } else {
                    let fed = feed(pipe, buffer.get(*offset..).unwrap_or_default())?;
                    *offset += fed.unwrap_or(0);
                    (fed.unwrap_or(0), fed.is_none())
                }
            }
        };
        if done {
            // Closing our end is how the job sees the end of its input.
            *self = Self::None;
        }
        Ok(fed as u64)
    }
}

/// Reads what is there; a signal does not count.
fn read_ready(pipe: &OwnedFd, buffer: &mut [u8]) -> Result<usize, Errno> {
    loop {
        match nix::unistd::read(pipe, buffer) {
            Err(Errno::EINTR) => {}
            result => return result,
        }
    }
}

/// Writes what fits; `None` when nobody will read any more.
fn feed(pipe: &OwnedFd, bytes: &[u8]) -> Result<Option<usize>, SandboxError> {
    match nix::unistd::write(pipe, bytes.get(..CHUNK).unwrap_or(bytes)) {
        Ok(written) => Ok(Some(written)),
        Err(Errno::EAGAIN | Errno::EINTR) => Ok(Some(0)),
        Err(Errno::EPIPE) => Ok(None),
        Err(errno) => Err(SandboxError::system("write to standard input", errno)),
    }
}

/// Reads more from the source; false at its end. A source that cannot be read has ended.
fn refill(source: &OwnedFd, buffer: &mut Vec<u8>, offset: &mut usize) -> Result<bool, SandboxError> {
    buffer.resize(CHUNK, 0);
    *offset = 0;
    let got = match nix::unistd::read(source, buffer) {
        Ok(got) => got,
        Err(Errno::EINTR | Errno::EAGAIN) => {
            buffer.clear();
            return Ok(true);
        }
        Err(Errno::EIO | Errno::EBADF) => 0,
        Err(errno) => return Err(SandboxError::system("read the source of standard input", errno)),
    };
    buffer.truncate(got);
    Ok(got > 0)
}

/// The same file from its start, with an offset and flags that nobody else has, and not writable.
fn reopen(file: &File) -> Result<File, SandboxError> {
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    let opened = open(path.as_str(), OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty());
    Ok(opened.map_err(system("open the file for standard input"))?.into())
}

fn copying(error: std::io::Error) -> SandboxError {
    SandboxError::system("copy the file for standard input", errno_of(&error))
}

const SEALED: SealFlag = SealFlag::F_SEAL_WRITE
    .union(SealFlag::F_SEAL_GROW)
    .union(SealFlag::F_SEAL_SHRINK)
    .union(SealFlag::F_SEAL_SEAL);

/// A larger file for standard input comes through a pipe, in which a program cannot seek.
const COPIED_AT_MOST: u64 = 64 << 20;

fn dev_null() -> Result<OwnedFd, SandboxError> {
    open(c"/dev/null", OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty()).map_err(system("open /dev/null"))
}

/// Taking standard output or standard error.
#[derive(Debug)]
pub(crate) struct Outlet {
    pipe: Option<OwnedFd>,
    destination: Destination,
}

#[derive(Debug)]
enum Destination {
    Discard,
    Keep { kept: Vec<u8>, most: usize, truncated: bool },
    Sink(SinkThread),
}

/// What one read brought.
pub(crate) enum Taken {
    /// So many bytes.
    Bytes(u64),
    /// Nothing at the moment.
    Nothing,
    /// Nothing was asked for: the writer behind this outlet has to catch up first.
    Behind,
    /// The end: nobody holds the other side any more.
    End,
}

impl Outlet {
    /// Our side and the job's descriptor.
    pub(crate) fn open(stdio: &Stdio) -> Result<(Self, OwnedFd), SandboxError> {
        let destination = match &stdio.0 {
            Stream::Null => Destination::Discard,
            Stream::Capture(size) => {
                let most = usize::try_from(size.get()).unwrap_or(usize::MAX);
                Destination::Keep { kept: Vec::new(), most, truncated: false }
            }
            Stream::Sink(writer) => Destination::Sink(SinkThread::new(Arc::clone(writer))?),
            Stream::File(_) | Stream::Pump(_) | Stream::Bytes(_) => {
                return Err(SandboxError::BadCommand { what: "output (it cannot be an input)" });
            }
            Stream::Joined => {
                return Err(SandboxError::BadCommand { what: "standard output (it cannot join itself)" });
            }
        };
        let (read, write) = pipe()?;
        set_nonblocking(&read)?;
        Ok((Self { pipe: Some(read), destination }, write))
    }

    /// The same for standard error, which may join the pipe that standard output has.
    pub(crate) fn open_beside(stdio: &Stdio, stdout: &OwnedFd) -> Result<(Self, OwnedFd), SandboxError> {
        let Stream::Joined = stdio.0 else { return Self::open(stdio) };
        let shared = stdout.try_clone().map_err(|error| {
            let errno = error.raw_os_error().map_or(Errno::EMFILE, Errno::from_raw);
            SandboxError::system("copy a pipe's descriptor", errno)
        })?;
        Ok((Self { pipe: None, destination: Destination::Discard }, shared))
    }

    /// What to wait for: the pipe, or room in a sink that is behind.
    pub(crate) fn interest(&self) -> Option<(BorrowedFd<'_>, PollFlags)> {
        let pipe = self.pipe.as_ref()?;
        match &self.destination {
            Destination::Sink(sink) if sink.is_full() => Some((sink.room(), PollFlags::POLLIN)),
            Destination::Sink(_) | Destination::Discard | Destination::Keep { .. } => {
                Some((pipe.as_fd(), PollFlags::POLLIN))
            }
        }
    }

    /// Reads once without blocking and passes on at most `allowed` of what came.
    pub(crate) fn advance(&mut self, buffer: &mut [u8], allowed: u64) -> Result<Taken, SandboxError> {
        let Some(pipe) = &self.pipe else { return Ok(Taken::End) };
        if let Destination::Sink(sink) = &self.destination
            && !sink.has_room()
        {
            return Ok(Taken::Behind);
        }
        let got = match read_ready(pipe, buffer) {
            Ok(0) => {
                self.pipe = None;
                return Ok(Taken::End);
            }
            Ok(got) => got,
            Err(Errno::EAGAIN) => return Ok(Taken::Nothing),
            Err(errno) => return Err(SandboxError::system("read the job's output", errno)),
        };
        let passed = got.min(usize::try_from(allowed).unwrap_or(usize::MAX));
        self.destination.take(buffer.get(..passed).unwrap_or_default());
        Ok(Taken::Bytes(got as u64))
    }

    /// Waits until a sink that was behind may have room.
    pub(crate) fn wait_for_room(&self) -> Result<(), SandboxError> {
        let Destination::Sink(sink) = &self.destination else { return Ok(()) };
        // Whoever found it full has reset the descriptor before, so that no wake-up is missed.
        let mut fds = [PollFd::new(sink.room(), PollFlags::POLLIN)];
        match poll(&mut fds, PollTimeout::NONE) {
            Ok(_) | Err(Errno::EINTR) => Ok(()),
            Err(errno) => Err(SandboxError::system("wait for a writer", errno)),
        }
    }

    /// Waits until a sink has written everything, and gives what was kept.
    pub(crate) fn finish(self) -> (Vec<u8>, bool) {
        match self.destination {
            Destination::Discard => (Vec::new(), false),
            Destination::Keep { kept, truncated, .. } => (kept, truncated),
            Destination::Sink(sink) => {
                sink.finish();
                (Vec::new(), false)
            }
        }
    }
}

impl Destination {
    fn take(&mut self, bytes: &[u8]) {
        match self {
            Self::Discard => {}
            Self::Keep { kept, most, truncated } => {
                let room = most.saturating_sub(kept.len()).min(bytes.len());
                kept.extend_from_slice(bytes.get(..room).unwrap_or_default());
                *truncated |= room < bytes.len();
            }
            Self::Sink(sink) => sink.send(bytes),
        }
    }
}

/// The most a command may still write under its output limit.
pub(crate) fn allowance(limit: Bytes, written: u64) -> u64 {
    limit.get().saturating_sub(written)
}

/// Bytes read from one pipe after the end: more than any pipe holds, less than survivors could write.
pub(crate) const MOST_DRAINED: u64 = 4 << 20;

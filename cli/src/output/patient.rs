//! A file that is written to completely, even where somebody else made it non-blocking.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// Waits where the file would not: a terminal or pipe that is shared with other programs may have been made
/// non-blocking by one of them, and changing that back would be seen by them.
#[derive(Debug)]
pub(crate) struct Patient(File);

impl Patient {
    /// Over an open file.
    pub(crate) const fn new(file: File) -> Self {
        Self(file)
    }
}

impl Write for Patient {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match self.0.write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => wait(&self.0)?,
                result => return result,
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

fn wait(file: &File) -> io::Result<()> {
    let mut fds = [PollFd::new(file.as_fd(), PollFlags::POLLOUT)];
    match poll(&mut fds, PollTimeout::NONE) {
        Ok(_) | Err(Errno::EINTR) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::fd::OwnedFd;
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn a_full_non_blocking_stream_is_waited_for() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        let bytes = vec![7; 4 << 20];
        let expected = bytes.len();
        let writer =
            std::thread::spawn(move || Patient::new(File::from(OwnedFd::from(ours))).write_all(&bytes));
        let mut got = Vec::new();
        theirs.read_to_end(&mut got).unwrap();
        writer.join().unwrap().unwrap();
        assert_eq!(got.len(), expected);
    }
}

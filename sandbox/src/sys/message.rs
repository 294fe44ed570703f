//! Datagrams with descriptors over a `SOCK_SEQPACKET` pair, from and to buffers on the stack.

use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};

/// Most descriptors in one message.
pub(crate) const MAX_FDS: usize = 48;

/// Descriptors that came with a message, in order.
pub(crate) type Fds = [Option<OwnedFd>; MAX_FDS];

/// Room for one control message with `MAX_FDS` descriptors, aligned as the kernel wants it.
#[repr(C, align(8))]
struct Control([u8; CONTROL]);

const CONTROL: usize = 256;
const _: () = assert!(MAX_FDS * size_of::<RawFd>() + 2 * size_of::<libc::cmsghdr>() <= CONTROL);

/// A received message: how many bytes, and the descriptors that came along, in order.
#[derive(Debug)]
pub(crate) struct Received {
    /// Bytes written to the caller's buffer; zero when the other side is closed.
    pub len: usize,
    /// Descriptors, ours now.
    pub fds: Fds,
}

/// A connected pair of sockets that keep message borders, both closed on exec.
pub(crate) fn pair() -> nix::Result<(OwnedFd, OwnedFd)> {
    socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC)
}

/// Sends bytes and at most [`MAX_FDS`] descriptors as one message. A closed peer is `EPIPE`, never a signal.
pub(crate) fn send(socket: BorrowedFd<'_>, bytes: &[u8], fds: &[RawFd]) -> nix::Result<()> {
    if fds.len() > MAX_FDS {
        return Err(Errno::EINVAL);
    }
    let mut iov = libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
    let mut control = Control([0; CONTROL]);
    let mut header = empty_header(&mut iov);
    if !fds.is_empty() {
        attach_fds(&mut header, &mut control, fds)?;
    }
    loop {
        // SAFETY: `header` points at `iov`, `bytes` and `control`, which all live until the call returns.
        let sent = Errno::result(unsafe {
            libc::sendmsg(socket.as_raw_fd(), &raw const header, libc::MSG_NOSIGNAL)
        });
        match sent {
            Err(Errno::EINTR) => {}
            other => return other.map(drop),
        }
    }
}

fn empty_header(iov: &mut libc::iovec) -> libc::msghdr {
    // SAFETY: msghdr is plain data for which all zeroes is a valid value.
    let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
    header.msg_iov = iov;
    header.msg_iovlen = 1;
    header
}

fn attach_fds(header: &mut libc::msghdr, control: &mut Control, fds: &[RawFd]) -> nix::Result<()> {
    let payload = u32::try_from(size_of_val(fds)).map_err(|_| Errno::EINVAL)?;
    header.msg_control = control.0.as_mut_ptr().cast();
    // SAFETY: CMSG_SPACE only computes a size.
    header.msg_controllen = unsafe { libc::CMSG_SPACE(payload) } as usize;
    // SAFETY: msg_control points at a buffer large enough for one header, so the result is inside it.
    let first = unsafe { libc::CMSG_FIRSTHDR(header) };
    // SAFETY: CMSG_LEN only computes a size.
    let length = unsafe { libc::CMSG_LEN(payload) } as usize;
    // SAFETY: `first` is not null (there is room for a header) and properly aligned by `Control`.
    let message = unsafe { &mut *first };
    message.cmsg_level = libc::SOL_SOCKET;
    message.cmsg_type = libc::SCM_RIGHTS;
    message.cmsg_len = length;
    // SAFETY: the data area follows the header inside `control`.
    let data = unsafe { libc::CMSG_DATA(first) };
    // SAFETY: the data area has room for MAX_FDS descriptors, and `fds` has no more than that.
    unsafe { std::ptr::copy_nonoverlapping(fds.as_ptr().cast::<u8>(), data, size_of_val(fds)) };
    Ok(())
}

/// Receives one message. Descriptors come with close-on-exec set; more than [`MAX_FDS`] is an error.
pub(crate) fn receive(socket: BorrowedFd<'_>, buffer: &mut [u8]) -> nix::Result<Received> {
    let mut iov = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
    let mut control = Control([0; CONTROL]);
    let mut header = empty_header(&mut iov);
    header.msg_control = control.0.as_mut_ptr().cast();
    header.msg_controllen = control.0.len();
    let len = loop {
        // SAFETY: `header` points at `iov`, `buffer` and `control`, which all live until the call returns.
        let got = Errno::result(unsafe {
            libc::recvmsg(socket.as_raw_fd(), &raw mut header, libc::MSG_CMSG_CLOEXEC)
        });
        match got {
            Err(Errno::EINTR) => {}
            other => break other?,
        }
    };
    let fds = take_fds(&header);
    if header.msg_flags & (libc::MSG_CTRUNC | libc::MSG_TRUNC) != 0 {
        return Err(Errno::EMSGSIZE);
    }
    Ok(Received { len: usize::try_from(len).map_err(|_| Errno::EOVERFLOW)?, fds })
}

fn take_fds(header: &libc::msghdr) -> Fds {
    let mut fds = [const { None }; MAX_FDS];
    // SAFETY: the kernel filled msg_control and set msg_controllen to what it wrote.
    let first = unsafe { libc::CMSG_FIRSTHDR(header) };
    // SAFETY: a non-null result points at a complete, aligned header inside the control buffer.
    let Some(message) = (unsafe { first.as_ref() }) else { return fds };
    if message.cmsg_level != libc::SOL_SOCKET || message.cmsg_type != libc::SCM_RIGHTS {
        return fds;
    }
    // SAFETY: CMSG_LEN only computes a size.
    let head = unsafe { libc::CMSG_LEN(0) } as usize;
    // SAFETY: the data area follows the header inside the control buffer.
    let data = unsafe { libc::CMSG_DATA(first) }.cast::<RawFd>();
    let count = message.cmsg_len.saturating_sub(head) / size_of::<RawFd>();
    for (i, slot) in fds.iter_mut().enumerate().take(count) {
        // SAFETY: `i` is below the number of descriptors the kernel wrote there.
        let place = unsafe { data.add(i) };
        // SAFETY: as above; the place may be unaligned, which the read allows.
        let fd = unsafe { place.read_unaligned() };
        // SAFETY: the kernel has just installed this descriptor for us.
        *slot = Some(unsafe { OwnedFd::from_raw_fd(fd) });
    }
    fds
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::fd::AsFd;

    use super::*;

    #[test]
    fn bytes_and_descriptors_arrive_together() {
        let (a, b) = pair().unwrap();
        let file = tempfile::tempfile().unwrap();
        nix::unistd::write(&file, b"hello").unwrap();
        nix::unistd::lseek(&file, 0, nix::unistd::Whence::SeekSet).unwrap();
        send(a.as_fd(), b"abc", &[file.as_raw_fd(), file.as_raw_fd()]).unwrap();
        let mut buffer = [0; 16];
        let mut got = receive(b.as_fd(), &mut buffer).unwrap();
        assert_eq!(&buffer[..got.len], b"abc");
        assert_eq!(got.fds.iter().flatten().count(), 2);
        let mut text = String::new();
        std::fs::File::from(got.fds[0].take().unwrap()).read_to_string(&mut text).unwrap();
        assert_eq!(text, "hello");
        drop(a);
        assert_eq!(receive(b.as_fd(), &mut buffer).unwrap().len, 0);
    }

    #[test]
    fn a_message_that_does_not_fit_is_an_error() {
        let (a, b) = pair().unwrap();
        send(a.as_fd(), &[0; 32], &[]).unwrap();
        assert_eq!(receive(b.as_fd(), &mut [0; 16]).unwrap_err(), Errno::EMSGSIZE);
        assert_eq!(send(a.as_fd(), b"x", &[0; MAX_FDS + 1]).unwrap_err(), Errno::EINVAL);
    }
}

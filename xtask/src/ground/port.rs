//! The agent's port: bytes to and from QEMU's standard streams, never waited for without a limit.

use std::io::{Read, Write};
use std::sync::mpsc::{Receiver, channel};
use std::time::Instant;

/// Both directions. What comes in is read by a thread that ends with the stream.
pub(crate) struct Port<W> {
    to: W,
    from: Receiver<Vec<u8>>,
    unread: Vec<u8>,
}

impl<W: Write> Port<W> {
    /// Starts reading.
    pub(crate) fn new(to: W, mut from: impl Read + Send + 'static) -> Self {
        let (sender, receiver) = channel();
        std::thread::spawn(move || {
            let mut chunk = [0; 4096];
            while let Ok(count @ 1..) = from.read(&mut chunk) {
                let Some(bytes) = chunk.get(..count) else { break };
                if sender.send(bytes.to_vec()).is_err() {
                    break;
                }
            }
        });
        Self { to, from: receiver, unread: Vec::new() }
    }

    /// Says one line; nothing if nobody listens any more.
    pub(crate) fn say(&mut self, line: &str) -> Option<()> {
        self.to.write_all(line.as_bytes()).and_then(|()| self.to.flush()).ok()
    }

    /// The next line with its end; nothing if it does not come in time or never will.
    pub(crate) fn line(&mut self, deadline: Instant) -> Option<String> {
        loop {
            if let Some(end) = self.unread.iter().position(|byte| *byte == b'\n') {
                return Some(String::from_utf8_lossy(&self.take(end + 1)).into_owned());
            }
            self.wait(deadline)?;
        }
    }

    /// The next bytes; nothing if they do not come in time or never will.
    pub(crate) fn bytes(&mut self, count: usize, deadline: Instant) -> Option<Vec<u8>> {
        while self.unread.len() < count {
            self.wait(deadline)?;
        }
        Some(self.take(count))
    }

    fn take(&mut self, count: usize) -> Vec<u8> {
        let rest = self.unread.split_off(count);
        std::mem::replace(&mut self.unread, rest)
    }

    fn wait(&mut self, deadline: Instant) -> Option<()> {
        let patience = deadline.saturating_duration_since(Instant::now());
        self.unread.extend(self.from.recv_timeout(patience).ok()?);
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::pipe;
    use std::time::Duration;

    use super::*;

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(10)
    }

    #[test]
    fn lines_and_counted_bytes_follow_each_other() {
        let mut port = Port::new(Vec::new(), &b"done 3\na\nbnext\n"[..]);
        assert_eq!(port.line(soon()).unwrap(), "done 3\n");
        assert_eq!(port.bytes(3, soon()).unwrap(), b"a\nb");
        assert_eq!(port.line(soon()).unwrap(), "next\n");
        assert_eq!(port.line(soon()), None, "the stream has ended");
    }

    #[test]
    fn silence_is_waited_for_only_so_long() {
        let (reader, _writer) = pipe().unwrap();
        let mut port = Port::new(Vec::new(), reader);
        assert_eq!(port.line(Instant::now() + Duration::from_millis(20)), None);
    }

    #[test]
    fn a_closed_port_is_noticed_when_speaking() {
        let (reader, writer) = pipe().unwrap();
        drop(reader);
        assert_eq!(Port::new(writer, &b""[..]).say("run\n"), None);
    }
}

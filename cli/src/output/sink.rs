//! Where a program's output goes as it comes: to our own streams, made harmless on a terminal.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use dayfly_sandbox::{Cancel, Stdio};

use super::escape::Escaper;
use super::{Patient, Stream};
use crate::error::CliError;

/// Shows a program's output until it cannot be shown any more; then the job is cancelled, as a program
/// whose reader goes away would be.
#[derive(Debug)]
pub(crate) struct Sink {
    stream: Stream,
    file: Patient,
    escaper: Option<Escaper>,
    last: Option<u8>,
    broken: Option<io::Error>,
    cancel: Cancel,
}

/// A sink that the sandbox writes to and we look at afterwards.
#[derive(Debug, Clone)]
pub(crate) struct SharedSink(Arc<Mutex<Sink>>);

impl SharedSink {
    /// A sink to one of our streams. With `raw`, a terminal gets the bytes as they are.
    pub(crate) fn open(stream: Stream, raw: bool, cancel: Cancel) -> Result<Self, CliError> {
        let file = stream.open().map_err(|error| CliError::output(stream.name(), error))?;
        let escaper = (!raw && stream.is_terminal()).then(Escaper::default);
        Ok(Self(Arc::new(Mutex::new(Sink { stream, file, escaper, last: None, broken: None, cancel }))))
    }

    /// For [`dayfly_sandbox::Command`].
    pub(crate) fn stdio(&self) -> Stdio {
        Stdio::sink(self.0.clone())
    }

    /// Shows what was held back, and says whether all was shown. Ends a line that the program left open on a
    /// terminal, so that what we say next stands on its own.
    pub(crate) fn finish(&self, end_line: bool) -> Result<(), CliError> {
        let mut sink = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sink.finish(end_line);
        match sink.broken.take() {
            None => Ok(()),
            Some(error) => Err(CliError::output(sink.stream.name(), error)),
        }
    }
}

impl Sink {
    fn show(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.escaper {
            Some(escaper) => escaper.write(bytes, &mut self.file),
            None => self.file.write_all(bytes),
        }
    }

    fn finish(&mut self, end_line: bool) {
        if self.broken.is_some() {
            return;
        }
        let held = self.escaper.as_mut().map_or(Ok(()), |escaper| escaper.finish(&mut self.file));
        let open_line = end_line && self.last.is_some_and(|byte| byte != b'\n') && self.stream.is_terminal();
        let ended = held.and_then(|()| if open_line { self.file.write_all(b"\n") } else { Ok(()) });
        self.broken = ended.err();
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.show(bytes) {
            Ok(()) => {
                self.last = bytes.last().copied().or(self.last);
                Ok(bytes.len())
            }
            Err(error) => {
                let told = io::Error::from(error.kind());
                self.broken = Some(error);
                self.cancel.cancel();
                Err(told)
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;

    fn sink(file: File, escaper: Option<Escaper>) -> SharedSink {
        let (file, cancel) = (Patient::new(file), Cancel::never());
        let stream = Stream::Stdout;
        SharedSink(Arc::new(Mutex::new(Sink { stream, file, escaper, last: None, broken: None, cancel })))
    }

    fn shown(escaper: Option<Escaper>, chunks: &[&[u8]]) -> Vec<u8> {
        let file = tempfile::NamedTempFile::new().unwrap();
        let sink = sink(file.reopen().unwrap(), escaper);
        for chunk in chunks {
            sink.0.lock().unwrap().write_all(chunk).unwrap();
        }
        sink.finish(false).unwrap();
        std::fs::read(file.path()).unwrap()
    }

    #[test]
    fn piped_bytes_are_untouched_and_shown_ones_escaped() {
        let bytes: Vec<u8> = (0..=255).collect();
        assert_eq!(shown(None, &[&bytes]), bytes);
        assert_eq!(shown(Some(Escaper::default()), &[b"\x1b[", b"31m\xe6", b"\x97"]), b"^[[31m\\xe6\\x97");
    }

    #[test]
    fn a_reader_that_goes_away_is_told_from_a_full_disk() {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let gone = sink(File::from(std::os::fd::OwnedFd::from(writer)), None);
        assert!(gone.0.lock().unwrap().write_all(b"x").is_err());
        assert!(matches!(gone.finish(false), Err(CliError::ReaderGone)));
        let full = sink(File::options().write(true).open("/dev/full").unwrap(), None);
        assert!(full.0.lock().unwrap().write_all(b"x").is_err());
        assert!(matches!(full.finish(false), Err(CliError::Output { stream: "standard output", .. })));
    }
}

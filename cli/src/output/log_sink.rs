//! Where a log goes: to standard output, made harmless on a terminal.

use std::io::Write;

use super::escape::Escaper;
use super::{Patient, Stream};
use crate::error::CliError;

/// Standard output for bytes that nobody trusts.
#[derive(Debug)]
pub(crate) struct LogSink {
    file: Patient,
    escaper: Option<Escaper>,
}

impl LogSink {
    /// With `raw`, a terminal gets the bytes as they are.
    pub(crate) fn open(raw: bool) -> Result<Self, CliError> {
        let file = Stream::Stdout.open().map_err(broken)?;
        Ok(Self { file, escaper: (!raw && Stream::Stdout.is_terminal()).then(Escaper::default) })
    }

    /// Shows the next bytes.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), CliError> {
        match &mut self.escaper {
            Some(escaper) => escaper.write(bytes, &mut self.file),
            None => self.file.write_all(bytes),
        }
        .map_err(broken)
    }

    /// Says something of our own, beside the log.
    pub(crate) fn note(&mut self, text: &str) -> Result<(), CliError> {
        self.finish()?;
        super::write_text(Stream::Stderr, text)
    }

    /// Shows what was held back.
    pub(crate) fn finish(&mut self) -> Result<(), CliError> {
        match &mut self.escaper {
            Some(escaper) => escaper.finish(&mut self.file).map_err(broken),
            None => Ok(()),
        }
    }
}

fn broken(error: std::io::Error) -> CliError {
    CliError::output(Stream::Stdout.name(), error)
}

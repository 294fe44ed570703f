//! Everything that is written to our own streams is written here.

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;

use serde::Serialize;

use crate::args::Global;
use crate::error::CliError;

pub(crate) mod doctor;
pub(crate) mod escape;
pub(crate) mod human;
pub(crate) mod jobs;
pub(crate) mod json;
pub(crate) mod log;
mod log_sink;
pub(crate) mod moment;
pub(crate) mod plan;

mod patient;
pub(crate) mod sink;
pub(crate) mod table;
pub(crate) mod watch;

pub(crate) use log_sink::LogSink;
pub(crate) use patient::Patient;

/// One of our two output streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

impl Stream {
    /// What people call it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Stdout => "standard output",
            Self::Stderr => "standard error",
        }
    }

    /// Whether somebody looks at it.
    pub(crate) fn is_terminal(self) -> bool {
        match self {
            Self::Stdout => io::stdout().is_terminal(),
            Self::Stderr => io::stderr().is_terminal(),
        }
    }

    /// A descriptor of its own, without a buffer.
    pub(crate) fn open(self) -> io::Result<Patient> {
        let fd = match self {
            Self::Stdout => io::stdout().as_fd().try_clone_to_owned()?,
            Self::Stderr => io::stderr().as_fd().try_clone_to_owned()?,
        };
        Ok(Patient::new(File::from(fd)))
    }
}

/// Our streams, and how to write to them.
#[derive(Debug)]
pub(crate) struct Out {
    json: bool,
}

impl Out {
    /// With `json`, errors are objects on standard output.
    pub(crate) const fn new(json: bool) -> Self {
        Self { json }
    }

    /// As the global options ask.
    pub(crate) const fn of(global: &Global) -> Self {
        Self::new(global.json)
    }

    /// Writes bytes of our own making to standard output.
    pub(crate) fn bytes(&self, bytes: &[u8]) -> Result<(), CliError> {
        write(Stream::Stdout, bytes)
    }

    /// Writes text to standard output; control characters in it are shown when that is a terminal.
    pub(crate) fn text(&self, text: &str) -> Result<(), CliError> {
        write_text(Stream::Stdout, text)
    }

    /// Writes one JSON object and a newline to standard output.
    pub(crate) fn json(&self, value: &impl Serialize) -> Result<(), CliError> {
        let text = serde_json::to_string(value)
            .map_err(|error| CliError::output(Stream::Stdout.name(), io::Error::other(error)))?;
        write(Stream::Stdout, format!("{text}\n").as_bytes())
    }

    /// Writes text to standard error.
    pub(crate) fn note(&self, text: &str) -> Result<(), CliError> {
        write_text(Stream::Stderr, text)
    }

    /// Shows an error. There is nobody left to tell if that fails.
    pub(crate) fn error(&self, error: &CliError) {
        match (error, self.json) {
            (CliError::ReaderGone, _) => {}
            (_, true) => self.json(&json::Failure::of(error)).unwrap_or_default(),
            (_, false) => self.plain_error(error),
        }
    }

    fn plain_error(&self, error: &CliError) {
        let stream = Stream::Stderr;
        let clean = |text: String| if stream.is_terminal() { escape::escaped(&text) } else { text };
        let colours = human::Colours { on: stream.is_terminal() && colours_wanted() };
        let text = human::error(&clean(error.to_string()), error.fix().map(clean).as_deref(), colours);
        write(stream, text.as_bytes()).unwrap_or_default();
    }
}

/// Help and the like, coloured where that is wanted.
pub(crate) fn help(text: &clap::builder::StyledStr, stream: Stream) -> Result<(), CliError> {
    let text = match stream.is_terminal() && colours_wanted() {
        true => text.ansi().to_string(),
        false => text.to_string(),
    };
    write(stream, text.as_bytes())
}

fn colours_wanted() -> bool {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    !set("NO_COLOR") && !is_dumb()
}

/// Whether the terminal says that it can do nothing but go forward.
fn is_dumb() -> bool {
    std::env::var_os("TERM").is_some_and(|term| term == "dumb")
}

fn write_text(stream: Stream, text: &str) -> Result<(), CliError> {
    match stream.is_terminal() {
        true => write(stream, escape::escaped(text).as_bytes()),
        false => write(stream, text.as_bytes()),
    }
}

fn write(stream: Stream, bytes: &[u8]) -> Result<(), CliError> {
    stream.open().and_then(|mut file| file.write_all(bytes)).map_err(|e| CliError::output(stream.name(), e))
}

//! One program to run: reusable, and without side effects until a sandbox executes it.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::File;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use dayfly_jobs::{Bytes, Limits};

use crate::Meter;

/// A program with its arguments, environment, streams and limits.
///
/// The environment is empty but for what is set here. `PATH` of that environment is where a program without
/// a slash in its name is looked for, inside the sandbox.
#[derive(Debug, Clone)]
pub struct Command {
    pub(crate) program: OsString,
    pub(crate) args: Vec<OsString>,
    pub(crate) env: Vec<(OsString, OsString)>,
    pub(crate) workdir: Option<PathBuf>,
    pub(crate) stdin: Stdio,
    pub(crate) stdout: Stdio,
    pub(crate) stderr: Stdio,
    pub(crate) limits: Limits,
    pub(crate) meter: Option<Meter>,
}

impl Command {
    /// A command with no arguments, no environment, empty input and discarded output.
    pub fn new(program: impl AsRef<OsStr>, limits: Limits) -> Self {
        Self {
            program: program.as_ref().to_owned(),
            args: Vec::new(),
            env: Vec::new(),
            workdir: None,
            stdin: Stdio::null(),
            stdout: Stdio::null(),
            stderr: Stdio::null(),
            limits,
            meter: None,
        }
    }

    /// Adds one argument.
    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// Sets one environment variable; a later value for the same key wins.
    #[must_use]
    pub fn env(mut self, key: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.env.retain(|(known, _)| known != key.as_ref());
        self.env.push((key.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Starts in this folder of the sandbox instead of the workspace.
    #[must_use]
    pub fn workdir(mut self, dir: impl AsRef<Path>) -> Self {
        self.workdir = Some(dir.as_ref().to_owned());
        self
    }

    /// Where standard input comes from.
    #[must_use]
    pub fn stdin(mut self, stdio: Stdio) -> Self {
        self.stdin = stdio;
        self
    }

    /// Where standard output goes.
    #[must_use]
    pub fn stdout(mut self, stdio: Stdio) -> Self {
        self.stdout = stdio;
        self
    }

    /// Where standard error goes.
    #[must_use]
    pub fn stderr(mut self, stdio: Stdio) -> Self {
        self.stderr = stdio;
        self
    }

    /// Shows on this meter what it uses while it runs.
    #[must_use]
    pub fn meter(mut self, meter: Meter) -> Self {
        self.meter = Some(meter);
        self
    }

    /// The limits it runs under.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }
}

/// Where one standard stream of a command leads. The job never gets a descriptor that Dayfly or anyone else
/// goes on using: files are opened anew, everything else goes through a pipe.
#[derive(Clone)]
pub struct Stdio(pub(crate) Stream);

#[derive(Clone)]
pub(crate) enum Stream {
    Null,
    File(Arc<File>),
    Pump(Arc<OwnedFd>),
    Bytes(Arc<[u8]>),
    Capture(Bytes),
    Sink(Arc<Mutex<dyn Write + Send>>),
    Joined,
}

impl Stdio {
    /// Empty input, or output that is counted and thrown away.
    pub const fn null() -> Self {
        Self(Stream::Null)
    }

    /// Input: this regular file, from its start. The job gets a copy of its own, held in memory while it
    /// runs. A file above 64 MiB comes through a pipe instead, in which it cannot seek; so does every file in
    /// a sandbox whose commands have a total ([`crate::Counted::InTotal`]).
    pub fn file(file: File) -> Self {
        Self(Stream::File(Arc::new(file)))
    }

    /// Input: what can be read from this descriptor, forwarded through a pipe as it comes.
    pub fn pump(descriptor: OwnedFd) -> Self {
        Self(Stream::Pump(Arc::new(descriptor)))
    }

    /// Input: these bytes.
    pub fn bytes(bytes: impl Into<Arc<[u8]>>) -> Self {
        Self(Stream::Bytes(bytes.into()))
    }

    /// Output: kept up to this size in [`dayfly_jobs::Outcome::output`], counted beyond it.
    pub const fn capture(size: Bytes) -> Self {
        Self(Stream::Capture(size))
    }

    /// Output: written to this writer as it comes. A writer that fails is not written to again; the command
    /// goes on and its output is still counted.
    pub fn sink(writer: Arc<Mutex<dyn Write + Send>>) -> Self {
        Self(Stream::Sink(writer))
    }

    /// Standard error: into the pipe of standard output, so that both keep the order they were written in.
    pub const fn joined() -> Self {
        Self(Stream::Joined)
    }
}

impl fmt::Debug for Stdio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Stream::Null => "Null",
            Stream::File(_) => "File",
            Stream::Pump(_) => "Pump",
            Stream::Bytes(_) => "Bytes",
            Stream::Capture(_) => "Capture",
            Stream::Sink(_) => "Sink",
            Stream::Joined => "Joined",
        })
    }
}

//! Everything that can end a command early, each with the place and the fix.

use std::path::PathBuf;

use crate::runner::Tally;

/// Why a command stopped.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The command line was not understood.
    #[error("{0}")]
    Usage(String),
    /// A program could not be started.
    #[error("cannot start `{program}`: {source}")]
    Spawn {
        program: String,
        #[source]
        source: std::io::Error,
    },
    /// A program ran and failed.
    #[error("`{command}` failed ({status})")]
    Failed { command: String, status: String },
    /// Packages are missing and nothing here may install them.
    #[error("missing: {names}; {fix}")]
    Missing { names: String, fix: String },
    /// Installing was tried and these are still missing.
    #[error("could not install {names}; install by hand and start again")]
    Install { names: String },
    /// A file could not be read or written.
    #[error("{}: {source}", path.display())]
    File {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    /// The output of a tool was not what it is documented to be.
    #[error("{tool} answered with something unexpected: {problem}")]
    Answer { tool: String, problem: String },
    /// Checks were made and some did not pass.
    #[error("{check}: {count} finding(s)")]
    Findings { check: &'static str, count: usize },
    /// Several steps of one command failed; each was shown when it did.
    #[error("failed: {}", .0.join(", "))]
    Steps(Vec<String>),
    /// The proving ground's machine did not do its part; what its console said follows the problem.
    #[error("{problem}\n--- console ---\n{console}\n---------------")]
    Machine { problem: String, console: String },
    /// Tests failed. The text is the same summary line a good run ends with.
    #[error("{0}")]
    Tests(Tally),
}

impl Error {
    /// The process's exit code: 2 for a wrong command line, as is usual, 1 for everything else.
    pub(crate) fn exit_code(&self) -> u8 {
        if matches!(self, Self::Usage(_)) { 2 } else { 1 }
    }

    pub(crate) fn file(path: impl Into<PathBuf>, source: std::io::Error) -> Self {
        Self::File { path: path.into(), source }
    }

    pub(crate) fn machine(problem: impl Into<String>, console: &str) -> Self {
        Self::Machine { problem: problem.into(), console: console.to_owned() }
    }

    pub(crate) fn answer(tool: &str, problem: impl ToString) -> Self {
        Self::Answer { tool: tool.to_owned(), problem: problem.to_string() }
    }
}

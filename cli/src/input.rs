//! The program's standard input: a file that was named, or ours forwarded.

use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use dayfly_sandbox::Stdio;
use nix::libc;

use crate::error::CliError;

const FIX: &str = "name a regular file, or leave --stdin away and redirect: dayfly run … < FILE";
/// The device number of /dev/null: major 1, minor 3.
const DEV_NULL: u64 = 0x103;

/// What the program reads.
pub(crate) fn stdin(file: Option<&Path>) -> Result<Stdio, CliError> {
    match file {
        Some(path) => open(path).map(Stdio::file),
        None => inherited(),
    }
}

/// Opens a regular file. Looks before it opens, because opening a device or a pipe can already do something,
/// and looks again at what it got.
fn open(path: &Path) -> Result<File, CliError> {
    let fail = |error| CliError::path("read standard input from", path, error);
    check(path, &std::fs::metadata(path).map_err(fail)?)?;
    let mut options = OpenOptions::new();
    options.read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY);
    let file = options.open(path).map_err(fail)?;
    check(path, &file.metadata().map_err(fail)?)?;
    Ok(file)
}

fn check(path: &Path, metadata: &std::fs::Metadata) -> Result<(), CliError> {
    let kind = metadata.file_type();
    let kind = if kind.is_file() {
        return Ok(());
    } else if kind.is_dir() {
        "a folder"
    } else if kind.is_fifo() {
        "a named pipe"
    } else if kind.is_socket() {
        "a socket"
    } else {
        "a device"
    };
    Err(CliError::usage(format!("--stdin {} is {kind}, not a regular file", path.display()), FIX))
}

/// Forwards our own standard input: through a pipe, so that the program holds nothing that others use.
/// (Rust opens /dev/null at start-up where a standard stream is closed, so there is always something here.)
fn inherited() -> Result<Stdio, CliError> {
    let fail = |error| CliError::path("read", Path::new("standard input"), error);
    let file = File::from(own_stdin().map_err(fail)?);
    let metadata = file.metadata().map_err(fail)?;
    if metadata.is_dir() {
        return Err(CliError::usage("standard input is a folder", "redirect a file: dayfly run … < FILE"));
    }
    if metadata.file_type().is_char_device() && metadata.rdev() == DEV_NULL {
        return Ok(Stdio::null());
    }
    tracing::debug!(terminal = file.is_terminal(), "forwarding standard input");
    Ok(Stdio::pump(file.into()))
}

fn own_stdin() -> io::Result<OwnedFd> {
    io::stdin().as_fd().try_clone_to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_regular_files_are_taken() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("input");
        std::fs::write(&file, "data").unwrap();
        assert!(open(&file).is_ok());
        let _socket = std::os::unix::net::UnixListener::bind(folder.path().join("socket")).unwrap();
        for (path, what) in [
            (folder.path().to_owned(), "is a folder"),
            (folder.path().join("socket"), "is a socket"),
            ("/dev/zero".into(), "is a device"),
            (folder.path().join("absent"), "No such file"),
        ] {
            let error = open(&path).unwrap_err().to_string();
            assert!(error.contains(what), "{error}");
        }
    }
}

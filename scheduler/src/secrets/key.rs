//! The key file: 64 hexadecimal digits that only their owner may read. A file that others may read is refused.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use zeroize::Zeroizing;

use crate::SchedulerError;

type Key = Zeroizing<[u8; 32]>;

/// The key in `path`; a new one if there is no such file.
pub(super) fn load_or_make(path: &Path) -> Result<Key, SchedulerError> {
    match File::open(path) {
        Ok(file) => load(path, file),
        Err(error) if error.kind() == ErrorKind::NotFound => make(path),
        Err(source) => Err(failed("read", path, source)),
    }
}

fn load(path: &Path, file: File) -> Result<Key, SchedulerError> {
    let key = |problem| SchedulerError::Key { path: path.into(), problem };
    let mode = file.metadata().map_err(|source| failed("read", path, source))?.mode();
    if mode & 0o077 != 0 {
        return Err(key("others may read it: make another key, or `chmod 600` if nobody did"));
    }
    let mut text = Zeroizing::new(String::new());
    file.take(66).read_to_string(&mut text).map_err(|source| failed("read", path, source))?;
    let text = text.strip_suffix('\n').unwrap_or(&text);
    let digest = text.parse::<dayfly_jobs::Digest>().map_err(|_| key("it must be 64 hexadecimal digits"))?;
    Ok(Zeroizing::new(digest.0))
}

/// Writes a new key beside its place and moves it there, so that half a key is never found.
fn make(path: &Path) -> Result<Key, SchedulerError> {
    let key = Zeroizing::new(crate::chance::bytes::<32>()?);
    let text = Zeroizing::new(format!("{}\n", dayfly_jobs::Digest(*key)));
    let new = path.with_extension("new");
    write(&new, text.as_bytes()).map_err(|source| failed("write", &new, source))?;
    std::fs::rename(&new, path).map_err(|source| failed("create", path, source))?;
    let folder = path.parent().unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(|e| failed("write", folder, e))?;
    Ok(key)
}

fn write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    // Left by a start that was killed between the two steps.
    if let Err(error) = std::fs::remove_file(path)
        && error.kind() != ErrorKind::NotFound
    {
        return Err(error);
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn failed(what: &'static str, path: &Path, source: std::io::Error) -> SchedulerError {
    SchedulerError::File { what, path: path.into(), source }
}

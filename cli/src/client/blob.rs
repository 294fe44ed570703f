//! Uploads: files beside a job file become blobs. Only what lies in the job file's own folder is ever opened, whatever
//! links there are.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use dayfly_jobs::Digest;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag};
use reqwest::header::CONTENT_LENGTH;
use reqwest::{Body, Method};
use sha2::{Digest as _, Sha256};

use super::call::{Client, Repeat};
use crate::error::CliError;

/// A file to be uploaded, and what it has.
#[derive(Debug)]
pub(crate) struct Upload {
    file: File,
    path: PathBuf,
    /// Its content.
    pub(crate) digest: Digest,
    /// Its size in bytes.
    pub(crate) size: u64,
}

impl Upload {
    /// Opens a file below a folder and reads it once.
    ///
    /// # Errors
    /// When it is not there, no regular file, or a link leads out of the folder.
    pub(crate) fn open(folder: &Path, name: &str) -> Result<Self, CliError> {
        let path = folder.join(name);
        let fail = |error| CliError::path("read", &path, error);
        let mut file = beneath(folder, name).map_err(fail)?;
        let (digest, size) = digest(&mut file).map_err(fail)?;
        Ok(Self { file, path, digest, size })
    }
}

fn beneath(folder: &Path, name: &str) -> io::Result<File> {
    let folder = File::open(if folder.as_os_str().is_empty() { Path::new(".") } else { folder })?;
    let how = OpenHow::new()
        .flags(OFlag::O_RDONLY | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK)
        .resolve(ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_MAGICLINKS);
    let opened: OwnedFd = nix::fcntl::openat2(&folder, name, how).map_err(|errno| match errno {
        nix::errno::Errno::EXDEV => io::Error::other("it lies outside of the job file's folder"),
        errno => io::Error::from(errno),
    })?;
    let file = File::from(opened);
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(io::Error::other("it is no regular file")),
    }
}

fn digest(file: &mut File) -> io::Result<(Digest, u64)> {
    let (mut hash, mut size, mut buffer) = (Sha256::new(), 0, vec![0; 64 << 10]);
    loop {
        let read = file.read(&mut buffer)?;
        let Some(bytes) = buffer.get(..read).filter(|bytes| !bytes.is_empty()) else { break };
        hash.update(bytes);
        size += u64::try_from(read).map_err(io::Error::other)?;
    }
    Ok((Digest(hash.finalize().into()), size))
}

/// Makes sure that the scheduler has it. What it has already is not sent again.
pub(crate) async fn send_blob(client: &Client, upload: &Upload) -> Result<(), CliError> {
    let digest = upload.digest.to_string();
    let path = ["blobs", &digest];
    if client.send(client.request(Method::HEAD, &path, &[]), Repeat::Safe).await.is_ok() {
        return Ok(());
    }
    let fail = |error| CliError::path("read", &upload.path, error);
    let mut file = upload.file.try_clone().map_err(fail)?;
    file.rewind().map_err(fail)?;
    let request = client.request(Method::PUT, &path, &[]).header(CONTENT_LENGTH, upload.size);
    let body = Body::from(tokio::fs::File::from_std(file));
    client.stream(request, body).await.map(drop)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn only_files_of_the_folder_are_read() {
        let outside = tempfile::tempdir().unwrap();
        std::fs::write(outside.path().join("secret"), "s").unwrap();
        let folder = tempfile::tempdir().unwrap();
        let here = |name: &str| folder.path().join(name);
        std::fs::write(here("a.txt"), "abc").unwrap();
        symlink("a.txt", here("inside")).unwrap();
        symlink(outside.path().join("secret"), here("absolute")).unwrap();
        symlink("../../etc/passwd", here("upwards")).unwrap();
        symlink(outside.path(), here("folder")).unwrap();
        let upload = Upload::open(folder.path(), "a.txt").unwrap();
        assert_eq!(upload.size, 3);
        assert!(upload.digest.to_string().starts_with("ba7816bf8f01cfea"));
        assert_eq!(Upload::open(folder.path(), "inside").unwrap().digest, upload.digest);
        for name in ["absolute", "upwards", "folder/secret", "missing", "."] {
            assert!(Upload::open(folder.path(), name).is_err(), "{name}");
        }
    }
}

//! Files below a descriptor and nowhere else: no symbolic link, no way up, no other file system. The one way in which
//! the worker touches what a job can have made.

use std::fs::File;
use std::marker::PhantomData;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat, mkdirat};
use nix::unistd::{Gid, Uid, setfsgid, setfsuid};

use crate::WorkerError;

/// Opens a path below `dir`. A pipe does not block, a terminal does not become ours.
pub(crate) fn open(dir: BorrowedFd<'_>, path: &[u8], flags: OFlag, mode: Mode) -> nix::Result<OwnedFd> {
    let always = OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW;
    let how = OpenHow::new().flags(flags | always).mode(mode).resolve(
        ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_SYMLINKS | ResolveFlag::RESOLVE_NO_XDEV,
    );
    loop {
        match openat2(dir, path, how) {
            // Somebody renamed something at the same moment.
            Err(Errno::EAGAIN) => {}
            other => return other,
        }
    }
}

/// Opens a regular file for reading and gives its size.
pub(crate) fn open_file(dir: BorrowedFd<'_>, path: &[u8]) -> Result<(File, u64), Unreadable> {
    let flags = OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    let file = open(dir, path, flags, Mode::empty()).map_err(Unreadable::Errno)?;
    let found = fstat(&file).map_err(Unreadable::Errno)?;
    match kind(&found) {
        SFlag::S_IFREG => Ok((file.into(), u64::try_from(found.st_size).unwrap_or(0))),
        SFlag::S_IFDIR => Err(Unreadable::Folder),
        _ => Err(Unreadable::NoFile),
    }
}

/// Why there is nothing to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unreadable {
    Errno(Errno),
    Folder,
    NoFile,
}

impl std::fmt::Display for Unreadable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Errno(Errno::ENOENT) => f.write_str("it does not exist"),
            Self::Errno(Errno::ELOOP) => f.write_str("a part of the path is a symbolic link"),
            Self::Errno(Errno::EXDEV) => f.write_str("it leads out of the workspace"),
            Self::Errno(errno) => errno.fmt(f),
            Self::Folder => f.write_str("it is a folder"),
            Self::NoFile => f.write_str("it is no regular file"),
        }
    }
}

pub(crate) fn kind(found: &FileStat) -> SFlag {
    SFlag::from_bits_truncate(found.st_mode) & SFlag::S_IFMT
}

/// Opens a folder below `dir`, making it and those above it where they are missing; gives how many were made.
pub(crate) fn make_folders(dir: BorrowedFd<'_>, path: &[u8]) -> nix::Result<(OwnedFd, u64)> {
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY;
    let mut folder = open(dir, b".", flags, Mode::empty())?;
    let mut made = 0;
    for name in path.split(|byte| *byte == b'/').filter(|name| !name.is_empty() && *name != b".") {
        match mkdirat(&folder, name, Mode::from_bits_truncate(0o755)) {
            Ok(()) => made += 1,
            Err(Errno::EEXIST) => {}
            Err(errno) => return Err(errno),
        }
        folder = open(folder.as_fd(), name, flags, Mode::empty())?;
    }
    Ok((folder, made))
}

/// A path's folder and its last part.
pub(crate) fn split(path: &[u8]) -> (&[u8], &[u8]) {
    let path = path.strip_suffix(b"/").unwrap_or(path);
    match path.iter().rposition(|byte| *byte == b'/') {
        Some(at) => (path.get(..at).unwrap_or_default(), path.get(at + 1..).unwrap_or_default()),
        None => (b"", path),
    }
}

/// Makes a file that was not there.
pub(crate) fn create(folder: BorrowedFd<'_>, name: &[u8], mode: u32) -> nix::Result<File> {
    let flags = OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_WRONLY;
    let file = open(folder, name, flags, Mode::from_bits_truncate(mode))?;
    Ok(file.into())
}

/// Whether a path is relative and plain: parts with names, no `..`, no NUL.
pub(crate) fn is_plain(path: &[u8]) -> bool {
    let path = Path::new(std::ffi::OsStr::from_bytes(path));
    let normal = |part: std::path::Component<'_>| {
        matches!(part, std::path::Component::Normal(_) | std::path::Component::CurDir)
    };
    path.components().all(normal) && !path.as_os_str().as_bytes().contains(&0)
}

/// A path for people: bytes that are no UTF-8 as `\xNN`.
pub(crate) fn shown(path: &[u8]) -> String {
    let mut text = String::new();
    for chunk in path.utf8_chunks() {
        text.push_str(chunk.valid());
        chunk.invalid().iter().for_each(|byte| text.push_str(&format!("\\x{byte:02x}")));
    }
    text
}

/// While this lives, the thread touches files with the rights of the owner of a folder and no others: what it makes
/// belongs to the job, and what the job may not read is not read for it.
#[derive(Debug)]
pub(crate) struct AsOwner {
    uid: Uid,
    gid: Gid,
    /// The rights are those of one thread.
    _thread: PhantomData<*const ()>,
}

/// What `setfsuid` refuses, telling what the present id is.
const NO_ID: u32 = u32::MAX;

impl AsOwner {
    pub(crate) fn of(folder: BorrowedFd<'_>) -> Result<Self, WorkerError> {
        let owner = fstat(folder).map_err(WorkerError::system("look at the workspace"))?;
        let (uid, gid) = (Uid::from_raw(owner.st_uid), Gid::from_raw(owner.st_gid));
        // The group first: afterwards there is no right to change it.
        let before = setfsgid(gid);
        let guard = Self { gid: before, uid: setfsuid(uid), _thread: PhantomData };
        if setfsuid(Uid::from_raw(NO_ID)) == uid && setfsgid(Gid::from_raw(NO_ID)) == gid {
            return Ok(guard);
        }
        Err(WorkerError::System { action: "take the rights of the job", errno: Errno::EPERM })
    }
}

impl Drop for AsOwner {
    fn drop(&mut self) {
        setfsuid(self.uid);
        setfsgid(self.gid);
    }
}

#[cfg(test)]
mod tests;

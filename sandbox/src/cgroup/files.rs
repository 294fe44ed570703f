//! Control files by descriptor. All that is read and written in the cgroup file system goes through [`Dir`].

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::dir::Dir as Listing;
use nix::errno::Errno;
use nix::fcntl::{OFlag, open, openat};
use nix::sys::stat::{Mode, mkdirat};
use nix::sys::uio::pread;
use nix::unistd::{AccessFlags, UnlinkatFlags, access, read, unlinkat, write};

use super::CgroupError;

/// How long to wait for killed processes to be gone.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);
/// Larger than any control file with counters.
const ENOUGH: usize = 4096;

/// An open folder of the cgroup file system.
#[derive(Debug)]
pub(super) struct Dir {
    fd: OwnedFd,
    path: PathBuf,
    /// Files that stay open for [`Dir::read`].
    held: Vec<(&'static str, OwnedFd)>,
}

impl AsFd for Dir {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Dir {
    const FLAGS: OFlag = OFlag::O_PATH.union(OFlag::O_DIRECTORY).union(OFlag::O_CLOEXEC);

    pub(super) fn open(path: &Path) -> Result<Self, CgroupError> {
        let fd = open(path, Self::FLAGS, Mode::empty()).map_err(|e| CgroupError::file("open", path, e))?;
        Ok(Self { fd, path: path.to_path_buf(), held: Vec::new() })
    }

    /// The same folder by a descriptor of its own.
    pub(super) fn try_clone(&self) -> Result<Self, CgroupError> {
        let fd = self.fd.try_clone().map_err(|error| {
            CgroupError::file("open", &self.path, Errno::from_raw(error.raw_os_error().unwrap_or_default()))
        })?;
        Ok(Self { fd, path: self.path.clone(), held: Vec::new() })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// A folder below this one, or `None` when there is none.
    pub(super) fn child(&self, name: &str) -> Result<Option<Self>, CgroupError> {
        match openat(&self.fd, name, Self::FLAGS | OFlag::O_NOFOLLOW, Mode::empty()) {
            Ok(fd) => Ok(Some(Self { fd, path: self.path.join(name), held: Vec::new() })),
            Err(Errno::ENOENT) => Ok(None),
            Err(errno) => Err(CgroupError::file("open", self.path.join(name), errno)),
        }
    }

    /// Makes a folder below this one. The bare errno is for callers who expect some.
    pub(super) fn make(&self, name: &str) -> Result<(), Errno> {
        mkdirat(&self.fd, name, Mode::from_bits_truncate(0o755))
    }

    /// Makes a folder below this one unless it is there, and opens it.
    pub(super) fn ensure(&self, name: &str) -> Result<Self, CgroupError> {
        match self.make(name) {
            Ok(()) | Err(Errno::EEXIST) => {}
            Err(errno) => return Err(CgroupError::file("make", self.path.join(name), errno)),
        }
        self.child(name)?.ok_or_else(|| CgroupError::file("open", self.path.join(name), Errno::ENOENT))
    }

    /// Removes an empty folder below this one, waiting for processes that are still dying. Fine when gone.
    pub(super) fn remove(&self, name: &str) -> Result<(), CgroupError> {
        let start = Instant::now();
        let mut pause = Duration::from_micros(20);
        loop {
            match self.try_remove(name) {
                Ok(()) | Err(Errno::ENOENT) => return Ok(()),
                Err(Errno::EBUSY) if start.elapsed() < PATIENCE => std::thread::sleep(pause),
                Err(Errno::EBUSY) => {
                    let waited_ms = start.elapsed().as_millis();
                    return Err(CgroupError::StillAlive { path: self.path.join(name), waited_ms });
                }
                Err(errno) => return Err(CgroupError::file("remove", self.path.join(name), errno)),
            }
            pause = (pause * 2).min(Duration::from_millis(10));
        }
    }

    /// Removes an empty folder below this one, or tells at once why not.
    pub(super) fn try_remove(&self, name: &str) -> Result<(), Errno> {
        unlinkat(&self.fd, name, UnlinkatFlags::RemoveDir)
    }

    /// The names of the folders below this one that are UTF-8, as all of ours are; not `.` and `..`.
    pub(super) fn children(&self) -> Result<Vec<String>, CgroupError> {
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let failed = |errno| CgroupError::file("list", &self.path, errno);
        let mut names = Vec::new();
        for entry in Listing::openat(&self.fd, ".", flags, Mode::empty()).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            if entry.file_type() == Some(nix::dir::Type::Directory)
                && let Ok(name) = entry.file_name().to_str()
                && !matches!(name, "." | "..")
            {
                names.push(name.to_owned());
            }
        }
        Ok(names)
    }

    pub(super) fn open_file(&self, file: &str, mode: OFlag) -> Result<OwnedFd, CgroupError> {
        openat(&self.fd, file, mode | OFlag::O_CLOEXEC, Mode::empty())
            .map_err(|errno| CgroupError::file("open", self.path.join(file), errno))
    }

    /// Opens files that will be read when there is less time. Those that this kernel does not have are left out.
    pub(super) fn hold(&mut self, files: &[&'static str]) -> Result<(), CgroupError> {
        for file in files {
            if self.held.iter().any(|(name, _)| name == file) {
                continue;
            }
            match openat(&self.fd, *file, OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty()) {
                Ok(fd) => self.held.push((file, fd)),
                Err(Errno::ENOENT) => {}
                Err(errno) => return Err(CgroupError::file("open", self.path.join(file), errno)),
            }
        }
        Ok(())
    }

    /// Closes them.
    pub(super) fn let_go(&mut self) {
        self.held = Vec::new();
    }

    /// Writes a control file. The bare errno is for callers who expect some.
    pub(super) fn try_write(&self, file: &str, value: &str) -> Result<(), Errno> {
        let fd = openat(&self.fd, file, OFlag::O_WRONLY | OFlag::O_CLOEXEC, Mode::empty())?;
        // A control file takes a value whole or not at all.
        write(fd, value.as_bytes()).map(drop)
    }

    pub(super) fn write(&self, file: &str, value: &str) -> Result<(), CgroupError> {
        self.try_write(file, value).map_err(|errno| self.write_error(file, value, errno))
    }

    pub(super) fn write_error(&self, file: &str, value: &str, errno: Errno) -> CgroupError {
        CgroupError::file(format!("write '{value}' to"), self.path.join(file), errno)
    }

    /// The text of a control file with counters, or `None` when this kernel does not have the file.
    pub(super) fn read_if_any(&self, file: &str) -> Result<Option<String>, CgroupError> {
        let failed = |errno| CgroupError::file("read", self.path.join(file), errno);
        if let Some((_, fd)) = self.held.iter().find(|(name, _)| *name == file) {
            return read_from_start(fd).map(Some).map_err(failed);
        }
        match openat(&self.fd, file, OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty()) {
            Ok(fd) => read_from_start(&fd).map(Some).map_err(failed),
            Err(Errno::ENOENT) => Ok(None),
            Err(errno) => Err(failed(errno)),
        }
    }

    pub(super) fn read(&self, file: &str) -> Result<String, CgroupError> {
        self.read_if_any(file)?.ok_or_else(|| CgroupError::file("read", self.path.join(file), Errno::ENOENT))
    }

    /// The text of a control file of any length, such as a list of processes. Opened anew every time: the
    /// lists of version 1 are snapshots that belong to the open file.
    pub(super) fn read_list(&self, file: &str) -> Result<String, CgroupError> {
        let fd = self.open_file(file, OFlag::O_RDONLY)?;
        let mut bytes = Vec::new();
        let mut chunk = [0; ENOUGH];
        loop {
            match read(&fd, &mut chunk) {
                Ok(0) => return Ok(String::from_utf8_lossy(&bytes).into_owned()),
                Ok(length) => bytes.extend_from_slice(chunk.get(..length).unwrap_or_default()),
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(CgroupError::file("read", self.path.join(file), errno)),
            }
        }
    }

    /// What `parse` makes of a control file.
    pub(super) fn parse<T>(
        &self,
        file: &str,
        expected: &'static str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, CgroupError> {
        let text = self.read(file)?;
        parse(&text).ok_or_else(|| self.malformed(file, &text, expected))
    }

    /// What `parse` makes of a control file that some kernels do not have.
    pub(super) fn parse_if_any<T>(
        &self,
        file: &str,
        expected: &'static str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, CgroupError> {
        let Some(text) = self.read_if_any(file)? else { return Ok(None) };
        parse(&text).map(Some).ok_or_else(|| self.malformed(file, &text, expected))
    }

    pub(super) fn malformed(&self, file: &str, text: &str, expected: &'static str) -> CgroupError {
        CgroupError::malformed(self.path.join(file), text, expected)
    }
}

/// Whether this kernel has a control file.
pub(super) fn exists(path: &Path) -> Result<bool, CgroupError> {
    match access(path, AccessFlags::F_OK) {
        Ok(()) => Ok(true),
        Err(Errno::ENOENT) => Ok(false),
        Err(errno) => Err(CgroupError::file("look for", path, errno)),
    }
}

/// Reads a small control file that stays open. From the start, it gives the values of now.
pub(super) fn read_from_start(fd: &OwnedFd) -> Result<String, Errno> {
    let mut bytes = [0; ENOUGH];
    let length = pread(fd, &mut bytes, 0)?;
    Ok(String::from_utf8_lossy(bytes.get(..length).unwrap_or_default()).into_owned())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn held_files_are_read_anew_and_missing_ones_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let write = |text: &str| fs::write(folder.path().join("events"), text).unwrap();
        write("1");
        let mut dir = Dir::open(folder.path()).unwrap();
        dir.hold(&["events", "peak", "events"]).unwrap();
        assert_eq!(dir.held.len(), 1);
        write("2");
        assert_eq!(dir.read("events").unwrap(), "2");
        assert_eq!(dir.read_if_any("peak").unwrap(), None);
        dir.let_go();
        assert_eq!(dir.held.len(), 0);
        write("3");
        assert_eq!(dir.read("events").unwrap(), "3");
    }
}

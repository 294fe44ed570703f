//! Unpacks tar files below a descriptor. The archive is the job's, so nothing in it is believed: names are plain,
//! parents are real folders, links stay inside, devices are refused, and entries, bytes and the ratio of compression
//! have an end. Reading the format is a library's work; where things are put is ours.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::os::fd::{AsFd, OwnedFd};

use dayfly_jobs::ArchiveKind;
use flate2::read::MultiGzDecoder;
use nix::errno::Errno;
use nix::fcntl::AtFlags;
use nix::sys::stat::futimens;
use nix::sys::time::TimeSpec;
use nix::unistd::{linkat, symlinkat};
use tar::{Archive, EntryType, PaxExtensions};

use crate::beneath;
use crate::error::Halt;
use crate::stage::Budget;

/// The longest name, link or set of attributes that is read; more is no honest archive.
const LONGEST_NAME: u64 = 64 << 10;
/// From so many unpacked bytes on, the ratio counts.
const RATIO_FROM: u64 = 64 << 20;
/// Unpacked bytes for each packed one, at most.
const MOST_RATIO: u64 = 250;
/// What the format may add to the contents: headers and padding.
const OVERHEAD: u64 = 64 << 20;

/// Unpacks `file` into `target`, taking what it needs from the budget.
pub(crate) fn unpack(
    file: File,
    kind: ArchiveKind,
    target: OwnedFd,
    budget: &mut Budget,
) -> Result<(), Halt> {
    let packed = file.metadata().map_err(|error| bad(&error))?.len();
    let most = budget.bytes().saturating_add(OVERHEAD);
    let most = most.min(packed.saturating_mul(MOST_RATIO).max(RATIO_FROM));
    let file = BufReader::with_capacity(64 << 10, file);
    let reader: Box<dyn Read> = match kind {
        ArchiveKind::Tar => Box::new(file),
        ArchiveKind::TarGz => Box::new(MultiGzDecoder::new(file)),
    };
    let mut archive = Archive::new(Bounded { reader, left: most });
    let mut unpacking = Unpacking { target, budget, next: Pending::default() };
    // Raw: the library would read names of any length into memory.
    for entry in archive.entries().map_err(|error| bad(&error))?.raw(true) {
        unpacking.entry(&mut entry.map_err(|error| bad(&error))?)?;
    }
    Ok(())
}

fn bad(error: &io::Error) -> Halt {
    Halt::Bad(format!("the archive is broken: {error}"))
}

/// A reader that ends with an error where an honest archive has long ended.
struct Bounded<R> {
    reader: R,
    left: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let got = self.reader.read(buffer)?;
        self.left = self.left.checked_sub(got as u64).ok_or_else(|| {
            io::Error::other(
                "it unpacks to more than the job's limit 'disk' or is compressed more than 250 times",
            )
        })?;
        Ok(got)
    }
}

/// What headers of their own said about the next entry.
#[derive(Default)]
struct Pending {
    path: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
}

struct Unpacking<'a> {
    target: OwnedFd,
    budget: &'a mut Budget,
    next: Pending,
}

type Entry<'a, 'b> = tar::Entry<'a, Bounded<Box<dyn Read + 'b>>>;

impl Unpacking<'_> {
    fn entry(&mut self, entry: &mut Entry<'_, '_>) -> Result<(), Halt> {
        match entry.header().entry_type() {
            EntryType::GNULongName => self.next.path = Some(text(entry)?),
            EntryType::GNULongLink => self.next.link = Some(text(entry)?),
            EntryType::XHeader => self.attributes(&text(entry)?)?,
            // It has nothing that we would use.
            EntryType::XGlobalHeader => {}
            kind => {
                let next = std::mem::take(&mut self.next);
                let path = next.path.unwrap_or_else(|| entry.header().path_bytes().into_owned());
                let link =
                    next.link.or_else(|| entry.header().link_name_bytes().map(|link| link.into_owned()));
                self.item(kind, &path, link.as_deref(), entry).map_err(|halt| at(&path, halt))?;
            }
        }
        Ok(())
    }

    fn attributes(&mut self, text: &[u8]) -> Result<(), Halt> {
        for attribute in PaxExtensions::new(text) {
            let attribute = attribute.map_err(|error| bad(&error))?;
            match attribute.key_bytes() {
                b"path" => self.next.path = Some(attribute.value_bytes().to_vec()),
                b"linkpath" => self.next.link = Some(attribute.value_bytes().to_vec()),
                key if key == b"size" || key.starts_with(b"GNU.sparse") => {
                    return Err(Halt::Bad(
                        "the archive has sparse or huge files, which are not unpacked".into(),
                    ));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn item(
        &mut self,
        kind: EntryType,
        path: &[u8],
        link: Option<&[u8]>,
        entry: &mut Entry<'_, '_>,
    ) -> Result<(), Halt> {
        if !beneath::is_plain(path) {
            return Err(Halt::Bad("the name is absolute, has '..' or a NUL".into()));
        }
        match kind {
            EntryType::Directory => self.folder(path).map(drop),
            EntryType::Regular | EntryType::Continuous => self.file(path, entry),
            EntryType::Symlink => self.symbolic_link(path, link.unwrap_or_default()),
            EntryType::Link => self.hard_link(path, link.unwrap_or_default()),
            _ => Err(Halt::Bad("it is neither a file, a folder nor a link".into())),
        }
    }

    fn folder(&mut self, path: &[u8]) -> Result<OwnedFd, Halt> {
        let (folder, made) = beneath::make_folders(self.target.as_fd(), path).map_err(refused)?;
        self.budget.take(0, made)?;
        Ok(folder)
    }

    fn file(&mut self, path: &[u8], entry: &mut Entry<'_, '_>) -> Result<(), Halt> {
        let (parent, name) = beneath::split(path);
        let folder = self.folder(parent)?;
        let size = entry.header().entry_size().map_err(|error| bad(&error))?;
        self.budget.take(size, 1)?;
        let executable = entry.header().mode().is_ok_and(|mode| mode & 0o100 != 0);
        let mode = if executable { 0o755 } else { 0o644 };
        let mut file = beneath::create(folder.as_fd(), name, mode).map_err(refused)?;
        let time = entry.header().mtime().unwrap_or(0);
        let copied = io::copy(&mut entry.take(size), &mut file).map_err(|error| bad(&error))?;
        if copied < size {
            return Err(Halt::Bad("the archive ends in the middle of it".into()));
        }
        let time = TimeSpec::new(i64::try_from(time).unwrap_or(0), 0);
        futimens(&file, &time, &time).map_err(refused)
    }

    fn symbolic_link(&mut self, path: &[u8], target: &[u8]) -> Result<(), Halt> {
        if !stays_inside(path, target) {
            return Err(Halt::Bad("the link leads out of the archive".into()));
        }
        let (parent, name) = beneath::split(path);
        let folder = self.folder(parent)?;
        self.budget.take(0, 1)?;
        symlinkat(target, &folder, name).map_err(refused)
    }

    fn hard_link(&mut self, path: &[u8], target: &[u8]) -> Result<(), Halt> {
        if !beneath::is_plain(target) {
            return Err(Halt::Bad("the link leads out of the archive".into()));
        }
        let (parent, name) = beneath::split(path);
        let folder = self.folder(parent)?;
        let (target_parent, target_name) = beneath::split(target);
        let (target_folder, _) =
            beneath::make_folders(self.target.as_fd(), target_parent).map_err(refused)?;
        self.budget.take(0, 1)?;
        linkat(&target_folder, target_name, &folder, name, AtFlags::empty()).map_err(refused)
    }
}

/// The content of a header of its own, which is a name or some.
fn text(entry: &mut Entry<'_, '_>) -> Result<Vec<u8>, Halt> {
    let mut text = Vec::new();
    entry.take(LONGEST_NAME + 1).read_to_end(&mut text).map_err(|error| bad(&error))?;
    if text.len() as u64 > LONGEST_NAME {
        return Err(Halt::Bad("the archive has a name of more than 64 KiB".into()));
    }
    if entry.header().entry_type() != EntryType::XHeader
        && let Some(end) = text.iter().position(|byte| *byte == 0)
    {
        text.truncate(end);
    }
    Ok(text)
}

/// Whether a link at `path` to `target` leads to a place in the archive, by its text alone.
fn stays_inside(path: &[u8], target: &[u8]) -> bool {
    let parts = |path: &[u8]| path.split(|byte| *byte == b'/').map(<[u8]>::to_vec).collect::<Vec<_>>();
    let named = |part: &Vec<u8>| !part.is_empty() && part != b".";
    let mut depth = parts(beneath::split(path).0).iter().filter(|part| named(part)).count();
    for part in parts(target).iter().filter(|part| named(part)) {
        match (part.as_slice(), depth) {
            (b"..", 0) => return false,
            (b"..", _) => depth -= 1,
            _ => depth += 1,
        }
    }
    !target.is_empty() && !target.starts_with(b"/") && !target.contains(&0)
}

/// Placing something failed. Before the first command nobody else is there, so it is what the archive wanted.
fn refused(errno: Errno) -> Halt {
    match errno {
        Errno::EEXIST => Halt::Bad("something of that name is there already".into()),
        Errno::ELOOP | Errno::ENOTDIR => Halt::Bad("a part of the path is a link or a file".into()),
        Errno::ENAMETOOLONG => Halt::Bad("the name is too long".into()),
        Errno::ENOENT | Errno::EISDIR | Errno::EINVAL | Errno::EPERM | Errno::EACCES | Errno::EXDEV => {
            Halt::Bad(format!("it cannot be made: {errno}"))
        }
        errno => Halt::Ours(crate::WorkerError::System { action: "unpack an archive", errno }),
    }
}

fn at(path: &[u8], halt: Halt) -> Halt {
    match halt {
        Halt::Bad(reason) => Halt::Bad(format!("{}: {reason}", beneath::shown(path))),
        other => other,
    }
}

#[cfg(test)]
mod tests;

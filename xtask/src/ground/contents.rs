//! Which of the host's files are copied into the proving ground: what `tests/ground/contents` lists, and the shared
//! libraries that the programs among them need.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::process::Run;

/// One line of the list.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Entry<'a> {
    /// The files of an installed Debian package.
    Package(&'a str),
    /// A file, a link or a whole folder; a `*` at the end of its name stands for any ending.
    Path(&'a str),
}

/// Parts of a package that no program in there reads.
const LEFT_OUT: [&str; 3] = ["/usr/share", "/etc", "/var"];

/// Reads the list; `#` starts a comment.
pub(crate) fn parse(list: &str) -> Result<Vec<Entry<'_>>, Error> {
    let lines = list.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| match line.strip_prefix("package ") {
            Some(name) => Ok(Entry::Package(name.trim())),
            None if line.starts_with('/') => Ok(Entry::Path(line)),
            None => {
                Err(Error::answer("tests/ground/contents", format!("neither a package nor a path: `{line}`")))
            }
        })
        .collect()
}

/// Every file the list comes to, with its libraries and all folders above, in an order that names folders first.
pub(crate) fn files(entries: &[Entry<'_>]) -> Result<BTreeSet<PathBuf>, Error> {
    let mut found = BTreeSet::new();
    for entry in entries {
        match entry {
            Entry::Package(name) => found.extend(package_files(name)?),
            Entry::Path(pattern) => {
                for path in matches(pattern)? {
                    walk(&path, &mut found)?;
                }
            }
        }
    }
    let programs: Vec<PathBuf> = found.iter().filter(|path| is_elf(path)).cloned().collect();
    found.extend(libraries(&programs)?);
    Ok(with_folders(found))
}

/// The shared libraries that the dynamic loader finds for these programs.
pub(crate) fn libraries(programs: &[PathBuf]) -> Result<BTreeSet<PathBuf>, Error> {
    let mut found = BTreeSet::new();
    for some in programs.chunks(200) {
        // `ldd` fails when any of them is not dynamic, which is not an error here; what it says is enough.
        let output = Run::new("ldd").args(some).output()?;
        let text = String::from_utf8_lossy(&output.stdout);
        if let Some(line) = text.lines().find(|line| line.contains("not found")) {
            return Err(Error::answer("ldd", line.trim()));
        }
        for path in text.lines().filter_map(library_in) {
            found.extend(with_targets(Path::new(path))?);
        }
    }
    Ok(found)
}

/// The path in `libc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x…)` or `/lib64/ld-linux-x86-64.so.2 (0x…)`.
fn library_in(line: &str) -> Option<&str> {
    let (before, _) = line.trim().rsplit_once(" (0x")?;
    let path = before.rsplit_once("=> ").map_or(before, |(_, path)| path);
    path.starts_with('/').then_some(path)
}

fn package_files(name: &str) -> Result<Vec<PathBuf>, Error> {
    let listing = Run::new("dpkg-query").args(["--listfiles", name]).stdout()?;
    let listing = String::from_utf8_lossy(&listing).into_owned();
    let wanted =
        listing.lines().map(Path::new).filter(|path| !LEFT_OUT.iter().any(|out| path.starts_with(out)));
    wanted.filter(|path| path.symlink_metadata().is_ok_and(|data| !data.is_dir())).map(in_place).collect()
}

/// A path whose folders are no links: `/bin/sh` is `/usr/bin/sh` on a machine with a merged `/usr`.
fn in_place(path: &Path) -> Result<PathBuf, Error> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Ok(path.to_owned());
    };
    let folder = folder.canonicalize().map_err(|source| Error::file(folder, source))?;
    Ok(folder.join(name))
}

/// A file and, when it is a link, every file on the way to what it means.
fn with_targets(path: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut chain = vec![in_place(path)?];
    while let Some(link) = chain.last()
        && let Ok(target) = link.read_link()
    {
        let target = link.parent().unwrap_or(Path::new("/")).join(target);
        chain.push(in_place(&target)?);
    }
    Ok(chain)
}

/// The paths that a pattern stands for: at least one.
fn matches(pattern: &str) -> Result<Vec<PathBuf>, Error> {
    let Some(beginning) = pattern.strip_suffix('*') else { return Ok(vec![pattern.into()]) };
    let (folder, name) = beginning.rsplit_once('/').unwrap_or(("/", beginning));
    let listing = std::fs::read_dir(folder).map_err(|source| Error::file(folder, source))?;
    let entries =
        listing.filter_map(Result::ok).filter(|entry| entry.file_name().to_string_lossy().starts_with(name));
    let found: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    let problem =
        || Error::answer("tests/ground/contents", format!("nothing is called `{pattern}` on this machine"));
    if found.is_empty() { Err(problem()) } else { Ok(found) }
}

fn walk(path: &Path, found: &mut BTreeSet<PathBuf>) -> Result<(), Error> {
    let path = in_place(path)?;
    let data = path.symlink_metadata().map_err(|source| Error::file(&path, source))?;
    if data.is_dir() {
        for entry in std::fs::read_dir(&path).map_err(|source| Error::file(&path, source))? {
            walk(&entry.map_err(|source| Error::file(&path, source))?.path(), found)?;
        }
    }
    found.insert(path);
    Ok(())
}

/// The same files and all folders above them.
pub(crate) fn with_folders(files: BTreeSet<PathBuf>) -> BTreeSet<PathBuf> {
    let folders: BTreeSet<PathBuf> =
        files.iter().flat_map(|file| file.ancestors().skip(1)).map(Path::to_owned).collect();
    files.into_iter().chain(folders).collect()
}

fn is_elf(path: &Path) -> bool {
    let mut start = [0; 4];
    let read = std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut start));
    read.is_ok() && start == *b"\x7fELF"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_names_packages_and_paths() {
        let entries = parse("# a\npackage bash\n\n/usr/bin/awk\n").unwrap();
        assert_eq!(entries, [Entry::Package("bash"), Entry::Path("/usr/bin/awk")]);
        assert!(parse("bash").unwrap_err().to_string().contains("`bash`"));
    }

    #[test]
    fn a_star_stands_for_what_is_there() {
        assert!(matches("/usr/bin/en*").unwrap().contains(&PathBuf::from("/usr/bin/env")));
        assert!(matches("/usr/bin/no-such-program*").is_err());
    }

    #[test]
    fn the_loader_and_every_library_are_understood() {
        assert_eq!(library_in("\tlibc.so.6 => /lib/libc.so.6 (0x00007f)"), Some("/lib/libc.so.6"));
        assert_eq!(
            library_in("\t/lib64/ld-linux-x86-64.so.2 (0x00007f)"),
            Some("/lib64/ld-linux-x86-64.so.2")
        );
        assert_eq!(library_in("\tlinux-vdso.so.1 (0x00007f)"), None);
        assert_eq!(library_in("\tstatically linked"), None);
    }

    #[test]
    fn a_program_comes_with_its_libraries_and_their_folders() {
        let files = files(&[Entry::Path("/usr/bin/env")]).unwrap();
        assert!(files.contains(Path::new("/usr/bin/env")) && files.contains(Path::new("/usr/bin")));
        assert!(
            files.iter().any(|file| file.file_name().is_some_and(|name| name == "libc.so.6")),
            "{files:?}"
        );
    }
}

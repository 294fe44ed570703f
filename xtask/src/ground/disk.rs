//! Making disk images without mounting anything: a folder is filled, then `mke2fs` copies it.

use std::collections::BTreeSet;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use crate::error::Error;
use crate::packages::is_root;
use crate::process::Run;

/// A folder that becomes a disk or an initramfs.
pub(crate) struct Stage(PathBuf);

impl Stage {
    /// An empty folder in the place of whatever was there.
    pub(crate) fn empty(path: PathBuf) -> Result<Self, Error> {
        recreate(&path)?;
        Ok(Self(path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Copies files (not what is in folders) from below `from` to the same places here, links as links.
    pub(crate) fn copy(&self, from: &Path, files: &BTreeSet<PathBuf>) -> Result<(), Error> {
        let mut pack = Run::new("tar").arg("-C").arg(from);
        pack = pack.args(["--no-recursion", "--mode=a+rX", "--owner=0", "--group=0", "--null"]);
        pack = pack.args(["-cf", "-", "-T", "-"]);
        pack.command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut packing = pack.command.spawn().map_err(|source| pack.spawn_error(source))?;
        let mut unpack =
            Run::new("tar").arg("-C").arg(&self.0).args(["-xpf", "-", "--keep-directory-symlink"]);
        let (Some(mut names), Some(archive)) = (packing.stdin.take(), packing.stdout.take()) else {
            return Err(Error::answer("tar", "no pipes"));
        };
        unpack.command.stdin(archive);
        let mut unpacking = unpack.command.spawn().map_err(|source| unpack.spawn_error(source))?;
        for file in files.iter().filter(|file| !file.as_os_str().is_empty()) {
            let line = [file.as_os_str().as_encoded_bytes(), b"\0"].concat();
            names.write_all(&line).map_err(|source| Error::file(from, source))?;
        }
        drop(names);
        for child in [&mut packing, &mut unpacking] {
            let status = child.wait().map_err(|source| Error::file(from, source))?;
            if !status.success() {
                return Err(Error::Failed { command: unpack.shown(), status: status.to_string() });
            }
        }
        Ok(())
    }

    /// Puts one file here, with its mode.
    pub(crate) fn install(&self, from: &Path, to: impl AsRef<Path>, mode: u32) -> Result<(), Error> {
        let place = self.place(to.as_ref())?;
        std::fs::copy(from, &place)
            .and_then(|_| std::fs::set_permissions(&place, PermissionsExt::from_mode(mode)))
            .map_err(|source| Error::file(from, source))
    }

    pub(crate) fn write(&self, to: &str, text: &str) -> Result<(), Error> {
        let place = self.place(Path::new(to))?;
        std::fs::write(&place, text).map_err(|source| Error::file(place, source))
    }

    pub(crate) fn link(&self, target: &str, to: &str) -> Result<(), Error> {
        let place = self.place(Path::new(to))?;
        symlink(target, &place).map_err(|source| Error::file(place, source))
    }

    /// The path of a file here, its folder made.
    fn place(&self, inside: &Path) -> Result<PathBuf, Error> {
        let place = self.0.join(inside);
        if let Some(folder) = place.parent() {
            std::fs::create_dir_all(folder).map_err(|source| Error::file(folder, source))?;
        }
        Ok(place)
    }

    /// How much it holds.
    pub(crate) fn bytes(&self) -> Result<u64, Error> {
        let answer = Run::new("du").arg("--summarize").arg("--block-size=1").arg(&self.0).stdout()?;
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let bytes = answer.split_whitespace().next().and_then(|bytes| bytes.parse().ok());
        bytes.ok_or_else(|| Error::answer("du", answer))
    }

    /// Makes an ext4 image of it and removes the folder. Everything in the image belongs to root.
    pub(crate) fn into_disk(self, to: &Path, bytes: u64) -> Result<(), Error> {
        let half_done = to.with_extension("new");
        let file = std::fs::File::create(&half_done).and_then(|file| file.set_len(bytes));
        file.map_err(|source| Error::file(&half_done, source))?;
        // The map of a user namespace is what makes our own files root's when we are not root.
        let mke2fs = if is_root()? { Run::new("mke2fs") } else { Run::new("unshare").args(["-r", "mke2fs"]) };
        let mke2fs = mke2fs.args(["-q", "-F", "-t", "ext4", "-O", "^has_journal", "-m", "0", "-d"]);
        mke2fs.arg(&self.0).arg(&half_done).stdout()?;
        std::fs::rename(&half_done, to).map_err(|source| Error::file(to, source))?;
        std::fs::remove_dir_all(&self.0).map_err(|source| Error::file(&self.0, source))
    }
}

/// An empty folder in the place of whatever was there.
pub(crate) fn recreate(folder: &Path) -> Result<(), Error> {
    let emptied = if folder.exists() { std::fs::remove_dir_all(folder) } else { Ok(()) };
    emptied.and_then(|()| std::fs::create_dir_all(folder)).map_err(|source| Error::file(folder, source))
}

/// Calls `make` unless `product` was already made from these very files, told by size and time of change.
pub(crate) fn unless_unchanged(
    product: &Path,
    sources: &[PathBuf],
    make: impl FnOnce() -> Result<(), Error>,
) -> Result<(), Error> {
    let list = product.with_extension("sources");
    let state: String = sources.iter().map(|source| state_of(source)).collect::<Result<_, _>>()?;
    if product.exists() && std::fs::read_to_string(&list).is_ok_and(|known| known == state) {
        return Ok(());
    }
    make()?;
    std::fs::write(&list, state).map_err(|source| Error::file(list, source))
}

fn state_of(file: &Path) -> Result<String, Error> {
    let data = file.symlink_metadata().map_err(|source| Error::file(file, source))?;
    let time = if data.is_dir() { (0, 0) } else { (data.mtime(), data.mtime_nsec()) };
    let size = if data.is_dir() { 0 } else { data.len() };
    Ok(format!("{} {size} {}.{:09}\n", file.display(), time.0, time.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_product_is_made_again_only_when_a_source_changed() {
        let folder = tempfile::tempdir().unwrap();
        let (product, source) = (folder.path().join("disk.ext4"), folder.path().join("source"));
        std::fs::write(&source, "one").unwrap();
        let mut made = 0;
        let make = |made: &mut u32| {
            unless_unchanged(&product, std::slice::from_ref(&source), || {
                *made += 1;
                std::fs::write(&product, "").map_err(|problem| Error::file(&product, problem))
            })
        };
        make(&mut made).unwrap();
        make(&mut made).unwrap();
        assert_eq!(made, 1);
        std::fs::write(&source, "other").unwrap();
        make(&mut made).unwrap();
        assert_eq!(made, 2);
    }

    #[test]
    fn files_are_copied_with_links_and_modes_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let from = folder.path().join("from");
        std::fs::create_dir_all(from.join("d")).unwrap();
        std::fs::write(from.join("d/wanted"), "x").unwrap();
        std::fs::write(from.join("d/other"), "x").unwrap();
        symlink("wanted", from.join("d/link")).unwrap();
        let stage = Stage::empty(folder.path().join("to")).unwrap();
        let files = ["d", "d/wanted", "d/link"].map(PathBuf::from);
        stage.copy(&from, &BTreeSet::from(files)).unwrap();
        assert_eq!(std::fs::read_link(stage.path().join("d/link")).unwrap(), Path::new("wanted"));
        assert!(stage.path().join("d/wanted").exists() && !stage.path().join("d/other").exists());
    }
}

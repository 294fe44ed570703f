//! Debian packages that the proving ground is made of but the host need not have: fetched and unpacked below
//! `target/ground`, never installed.

use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::ground::disk::recreate;
use crate::process::Run;

/// Depends on the current kernel for virtual machines: it unpacks fast and has a disk file system built in.
const KERNEL_META: &str = "linux-image-cloud-amd64";

/// Unpacked packages, kept between runs.
pub(crate) struct Packages {
    folder: PathBuf,
}

impl Packages {
    /// Opens the cache below `ground`.
    pub(crate) fn open(ground: &Path) -> Result<Self, Error> {
        let folder = ground.join("packages");
        std::fs::create_dir_all(&folder).map_err(|source| Error::file(&folder, source))?;
        Ok(Self { folder })
    }

    /// The folder that holds the files of a package; fetches it the first time.
    pub(crate) fn unpacked(&self, name: &str) -> Result<PathBuf, Error> {
        let place = self.folder.join(name);
        if place.exists() {
            return Ok(place);
        }
        let fetching = self.folder.join("fetching");
        recreate(&fetching)?;
        download(name, &fetching)?;
        let archive = only_entry(&fetching)?;
        let half_done = fetching.join("unpacked");
        Run::new("dpkg-deb").arg("--extract").arg(&archive).arg(&half_done).stdout()?;
        std::fs::rename(&half_done, &place).map_err(|source| Error::file(&place, source))?;
        std::fs::remove_file(&archive).map_err(|source| Error::file(archive, source))?;
        Ok(place)
    }

    /// The kernel's package: the one fetched before, or the newest.
    pub(crate) fn kernel(&self) -> Result<PathBuf, Error> {
        let listing = std::fs::read_dir(&self.folder).map_err(|source| Error::file(&self.folder, source))?;
        let mut known = listing.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        match known.find(|name| name.starts_with("linux-image-")) {
            Some(name) => Ok(self.folder.join(name)),
            None => self.unpacked(&kernel_name()?),
        }
    }
}

/// Asks for the kernel that the meta package stands for.
fn kernel_name() -> Result<String, Error> {
    let ask = || Run::new("apt-cache").args(["depends", KERNEL_META]).stdout();
    let answer = match ask() {
        Ok(answer) if kernel_in(&answer).is_some() => answer,
        Ok(_) | Err(_) => {
            Run::new("apt-get").args(["update", "-q"]).run()?;
            ask()?
        }
    };
    kernel_in(&answer)
        .ok_or_else(|| Error::answer("apt-cache depends", format!("{KERNEL_META} needs no kernel")))
}

fn kernel_in(answer: &[u8]) -> Option<String> {
    let answer = String::from_utf8_lossy(answer);
    answer.lines().find_map(|line| {
        let name = line.trim().strip_prefix("Depends: ")?;
        name.starts_with("linux-image-").then(|| name.to_owned())
    })
}

fn download(name: &str, to: &Path) -> Result<(), Error> {
    let fetch = || Run::new("apt-get").args(["download", "-q", name]).dir(to);
    if fetch().succeeds() {
        return Ok(());
    }
    // The lists may be missing or older than the packages.
    Run::new("apt-get").args(["update", "-q"]).run()?;
    fetch().stdout().map(drop)
}

fn only_entry(folder: &Path) -> Result<PathBuf, Error> {
    let mut listing = std::fs::read_dir(folder).map_err(|source| Error::file(folder, source))?;
    match listing.next() {
        Some(Ok(entry)) => Ok(entry.path()),
        Some(Err(source)) => Err(Error::file(folder, source)),
        None => Err(Error::answer("apt-get download", "nothing was downloaded")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_is_found_among_the_dependencies() {
        let answer = b"linux-image-cloud-amd64\n  Depends: linux-image-6.1.0-56-cloud-amd64\n  Suggests: x\n";
        assert_eq!(kernel_in(answer).unwrap(), "linux-image-6.1.0-56-cloud-amd64");
        assert_eq!(kernel_in(b"linux-image-cloud-amd64\n"), None);
    }
}

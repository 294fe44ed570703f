//! Kernel modules: which files a list of names comes to. Pure but for reading the package.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::process::Run;

/// The modules of an unpacked kernel package.
pub(crate) struct Modules {
    package: PathBuf,
    release: String,
    dependencies: String,
}

impl Modules {
    /// Opens a kernel's package; works out the dependencies with `busybox` the first time.
    pub(crate) fn open(package: &Path, busybox: &Path) -> Result<Self, Error> {
        let kernels = package.join("lib/modules");
        let mut listing = std::fs::read_dir(&kernels).map_err(|source| Error::file(&kernels, source))?;
        let Some(Ok(entry)) = listing.next() else {
            return Err(Error::answer("the kernel's package", "no modules"));
        };
        let release = entry.file_name().to_string_lossy().into_owned();
        let table = entry.path().join("modules.dep");
        if !table.exists() {
            Run::new(busybox).arg("depmod").arg("-b").arg(package).arg(&release).stdout()?;
        }
        let dependencies = std::fs::read_to_string(&table).map_err(|source| Error::file(table, source))?;
        Ok(Self { package: package.to_owned(), release, dependencies })
    }

    /// The kernel itself.
    pub(crate) fn kernel(&self) -> PathBuf {
        self.package.join(format!("boot/vmlinuz-{}", self.release))
    }

    /// Files to copy, relative to the package: these modules, what they depend on, and the tables.
    pub(crate) fn files(&self, names: &[&str]) -> Result<BTreeSet<PathBuf>, Error> {
        let folder = Path::new("lib/modules").join(&self.release);
        let mut files = BTreeSet::from([folder.join("modules.dep"), folder.join("modules.alias")]);
        for name in names {
            let found = with_dependencies(&self.dependencies, name)
                .ok_or_else(|| Error::answer("the kernel's package", format!("no module `{name}`")))?;
            files.extend(found.into_iter().map(|file| folder.join(file)));
        }
        Ok(files)
    }
}

/// The file of a module and those of all it depends on, by the lines `a.ko: b.ko c.ko` of `table`.
fn with_dependencies<'a>(table: &'a str, name: &str) -> Option<Vec<&'a str>> {
    table.lines().find_map(|line| {
        let (file, needs) = line.split_once(':')?;
        let stem = Path::new(file).file_name()?.to_str()?.split('.').next()?;
        let same = stem.replace('-', "_") == name.replace('-', "_");
        same.then(|| std::iter::once(file).chain(needs.split_whitespace()).collect())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_brings_what_it_depends_on() {
        let table = "k/kvm.ko: k/irqbypass.ko\nk/kvm-amd.ko: k/kvm.ko k/irqbypass.ko\nk/irqbypass.ko:\n";
        assert_eq!(
            with_dependencies(table, "kvm_amd").unwrap(),
            ["k/kvm-amd.ko", "k/kvm.ko", "k/irqbypass.ko"]
        );
        assert_eq!(with_dependencies(table, "irqbypass").unwrap(), ["k/irqbypass.ko"]);
        assert_eq!(with_dependencies(table, "kvm_intel"), None);
    }
}

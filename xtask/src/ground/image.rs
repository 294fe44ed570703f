//! What QEMU boots: a kernel, an initramfs that finds the disks, a root disk with chosen parts of this machine, and
//! a disk with the parts of the workspace that the suites need. That one is mounted where the workspace is here, so
//! that every path compiled into a test is right in there too.

use std::collections::BTreeSet;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::ground::contents;
use crate::ground::disk::{self, Stage};
use crate::ground::fetch::Packages;
use crate::ground::modules::Modules;
use crate::process::Run;
use crate::repo::Repo;

/// The files that QEMU is given.
pub(crate) struct Image {
    pub(crate) kernel: PathBuf,
    pub(crate) initramfs: PathBuf,
    pub(crate) root: PathBuf,
    pub(crate) workspace: PathBuf,
}

/// What the initramfs loads.
const BOOT_MODULES: [&str; 3] = ["virtio_pci", "virtio_blk", "virtio_console"];

/// Folders the root disk has whatever is copied to it, with their modes.
const FOLDERS: [(&str, u32); 11] = [
    ("dev", 0o755),
    ("ground", 0o755),
    ("home", 0o755),
    ("proc", 0o555),
    ("root", 0o700),
    ("run", 0o755),
    ("sys", 0o555),
    ("tmp", 0o1777),
    ("usr/bin", 0o755),
    ("usr/sbin", 0o755),
    ("var/tmp", 0o1777),
];

/// Sparse; jobs keep their files in memory, so this is the root's programs and some room.
const ROOT_DISK_BYTES: u64 = 1 << 30;

/// Where what boots is made from.
pub(crate) struct Builder<'a> {
    repo: &'a Repo,
    ground: &'a Path,
    busybox: PathBuf,
    uidmap: PathBuf,
    kernel: PathBuf,
    modules: Modules,
}

impl<'a> Builder<'a> {
    /// Fetches what is not here yet.
    pub(crate) fn open(repo: &'a Repo, ground: &'a Path) -> Result<Self, Error> {
        let packages = Packages::open(ground)?;
        let busybox = packages.unpacked("busybox-static")?.join("bin/busybox");
        let uidmap = packages.unpacked("uidmap")?;
        let kernel = packages.kernel()?;
        let modules = Modules::open(&kernel, &busybox)?;
        Ok(Self { repo, ground, busybox, uidmap, kernel, modules })
    }

    /// Makes all that QEMU needs. `binaries` are the built programs to take along.
    pub(crate) fn build(&self, binaries: &[PathBuf]) -> Result<Image, Error> {
        let image = Image {
            kernel: self.modules.kernel(),
            initramfs: self.ground.join("initramfs.cpio"),
            root: self.ground.join("root.ext4"),
            workspace: self.ground.join("workspace.ext4"),
        };
        self.initramfs(&image.initramfs)?;
        self.root_disk(binaries, &image.root)?;
        self.workspace_disk(binaries, &image.workspace)?;
        Ok(image)
    }

    fn initramfs(&self, to: &Path) -> Result<(), Error> {
        let stage = Stage::empty(self.ground.join("initramfs"))?;
        stage.install(&self.busybox, "bin/busybox", 0o755)?;
        stage.install(&self.repo.path("tests/ground/boot.sh"), "init", 0o755)?;
        stage.copy(&self.kernel, &self.modules.files(&BOOT_MODULES)?)?;
        let script = format!("find . | '{}' cpio --quiet -o -H newc", self.busybox.display());
        let archive = Run::new("sh").args(["-c", &script]).dir(stage.path()).stdout()?;
        std::fs::write(to, archive).map_err(|source| Error::file(to, source))
    }

    fn root_disk(&self, binaries: &[PathBuf], to: &Path) -> Result<(), Error> {
        let list = self.repo.read("tests/ground/contents")?;
        let entries = contents::parse(&list)?;
        let mut files = contents::files(&entries)?;
        files.extend(contents::with_folders(contents::libraries(binaries)?));
        let files: BTreeSet<PathBuf> = files.iter().map(|file| relative(file)).collect();
        let scripts = self.scripts()?;
        let sources: Vec<PathBuf> =
            files.iter().map(|file| Path::new("/").join(file)).chain(scripts.iter().cloned()).collect();
        disk::unless_unchanged(to, &sources, || {
            let stage = Stage::empty(self.ground.join("root"))?;
            self.lay_folders(&stage)?;
            stage.copy(Path::new("/"), &files)?;
            self.lay_own_files(&stage, &scripts)?;
            Run::new("ldconfig").arg("-r").arg(stage.path()).stdout()?;
            stage.into_disk(to, ROOT_DISK_BYTES)
        })
    }

    /// The files below `tests/ground`.
    fn scripts(&self) -> Result<Vec<PathBuf>, Error> {
        let files = self.repo.files()?;
        Ok(files
            .iter()
            .filter(|file| file.starts_with("tests/ground/"))
            .map(|file| self.repo.path(file))
            .collect())
    }

    fn lay_folders(&self, stage: &Stage) -> Result<(), Error> {
        for (folder, mode) in FOLDERS {
            let path = stage.path().join(folder);
            std::fs::create_dir_all(&path)
                .and_then(|()| std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)))
                .map_err(|source| Error::file(path, source))?;
        }
        for name in ["bin", "lib", "lib64", "sbin"] {
            let link = stage.path().join(name);
            symlink(format!("usr/{name}"), &link).map_err(|source| Error::file(link, source))?;
        }
        Ok(())
    }

    fn lay_own_files(&self, stage: &Stage, scripts: &[PathBuf]) -> Result<(), Error> {
        let source = self.repo.path("tests/ground");
        for script in scripts {
            let name = script.strip_prefix(&source).unwrap_or(script);
            let place =
                if name.starts_with("etc") { name.to_owned() } else { Path::new("ground").join(name) };
            stage.install(script, place, 0o755)?;
        }
        let names = self.repo.read("tests/ground/modules")?;
        let names: Vec<&str> = names
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
            .chain(BOOT_MODULES)
            .collect();
        stage.copy(&self.kernel, &self.modules.files(&names)?)?;
        stage.install(&self.busybox, "usr/bin/busybox", 0o755)?;
        for map in ["usr/bin/newuidmap", "usr/bin/newgidmap"] {
            stage.install(&self.uidmap.join(map), map, 0o4755)?;
        }
        stage.write("ground/workspace", &self.repo.root().display().to_string())?;
        stage.link("../bin/busybox", "usr/sbin/modprobe")?;
        stage.link(&self.ground.join("enter").display().to_string(), "ground/enter")?;
        let dayfly = self.repo.path("target/release/dayfly");
        stage.link(&dayfly.display().to_string(), "usr/local/bin/dayfly")
    }

    /// What a suite may read of the workspace: every file that is committed, and the built programs.
    fn workspace_disk(&self, binaries: &[PathBuf], to: &Path) -> Result<(), Error> {
        let root = self.repo.root();
        let mut files: BTreeSet<PathBuf> = self.repo.files()?.into_iter().map(PathBuf::from).collect();
        for binary in binaries {
            let inside = binary.strip_prefix(root).map_err(|_| outside(binary, root))?;
            files.insert(inside.to_owned());
        }
        let files = contents::with_folders(files);
        let stage = Stage::empty(self.ground.join("workspace"))?;
        stage.copy(root, &files)?;
        let bytes = stage.bytes()?;
        stage.into_disk(to, bytes + bytes / 4 + (64 << 20))
    }
}

fn relative(path: &Path) -> PathBuf {
    path.strip_prefix("/").unwrap_or(path).to_owned()
}

fn outside(binary: &Path, root: &Path) -> Error {
    let problem = format!("{} is outside of {}; unset CARGO_TARGET_DIR", binary.display(), root.display());
    Error::answer("cargo", problem)
}

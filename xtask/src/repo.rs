//! Where the repository is, what is in it, and what cargo knows about it.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::error::Error;
use crate::process::Run;

/// The repository that `cargo xtask` was started in.
pub(crate) struct Repo {
    root: PathBuf,
    metadata: Value,
}

impl Repo {
    /// Finds the workspace through cargo, which sets the variable when it runs us.
    pub(crate) fn open() -> Result<Self, Error> {
        let manifest = std::env::var_os("CARGO_MANIFEST_DIR")
            .ok_or_else(|| Error::Usage("start it as `cargo xtask`, from inside the repository".into()))?;
        let asked = Run::cargo().args(["metadata", "--format-version=1", "--no-deps"]);
        let answer = asked.dir(Path::new(&manifest)).stdout()?;
        let metadata: Value =
            serde_json::from_slice(&answer).map_err(|problem| Error::answer("cargo metadata", problem))?;
        let root = text(&metadata, "workspace_root")?.into();
        Ok(Self { root, metadata })
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn path(&self, inside: &str) -> PathBuf {
        self.root.join(inside)
    }

    /// Cargo's target folder.
    pub(crate) fn target(&self) -> Result<PathBuf, Error> {
        Ok(text(&self.metadata, "target_directory")?.into())
    }

    /// The packages of the workspace, as `cargo metadata` describes them.
    pub(crate) fn packages(&self) -> Result<&[Value], Error> {
        let packages = self.metadata["packages"].as_array();
        packages.map(Vec::as_slice).ok_or_else(|| Error::answer("cargo metadata", "no packages"))
    }

    /// Whether the workspace has a package of this name.
    pub(crate) fn has_package(&self, name: &str) -> Result<bool, Error> {
        Ok(self.packages()?.iter().any(|package| package["name"] == name))
    }

    /// Every file that is or would be committed, relative to the root, sorted.
    pub(crate) fn files(&self) -> Result<Vec<String>, Error> {
        let listing = Run::new("git").args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
        let listing = listing.dir(&self.root).stdout()?;
        let listing = String::from_utf8(listing).map_err(|problem| Error::answer("git ls-files", problem))?;
        let mut files: Vec<String> = listing.split_terminator('\0').map(str::to_owned).collect();
        files.retain(|file| self.root.join(file).exists());
        files.sort();
        files.dedup();
        Ok(files)
    }

    /// The text of one file of the repository.
    pub(crate) fn read(&self, file: &str) -> Result<String, Error> {
        let path = self.path(file);
        std::fs::read_to_string(&path).map_err(|source| Error::file(path, source))
    }
}

/// A member that cargo documents as a string.
pub(crate) fn text<'a>(value: &'a Value, member: &str) -> Result<&'a str, Error> {
    value[member].as_str().ok_or_else(|| Error::answer("cargo metadata", format!("no `{member}`")))
}

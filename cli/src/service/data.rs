//! The data folder, for its owner's eyes only. That one scheduler at a time uses it is the store's to see to.

use std::fs::{self, DirBuilder};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use nix::unistd::geteuid;

use crate::client::Discovered;
use crate::error::CliError;

/// A data folder, and what clients find in it.
#[derive(Debug)]
pub(crate) struct DataFolder {
    path: PathBuf,
    /// Whether it is we who left the file for clients.
    told: bool,
}

impl DataFolder {
    /// Makes the folder if it is not there.
    pub(crate) fn open(path: PathBuf) -> Result<Self, CliError> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&path);
        made.map_err(|error| CliError::path("make", &path, error))?;
        check(&path)?;
        Ok(Self { path, told: false })
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Tells programs of the same user on this machine where to call and with which token.
    pub(crate) fn leave_for_clients(&mut self, found: &Discovered) -> Result<(), CliError> {
        let path = self.path.join(Discovered::FILE);
        let text = serde_json::to_vec(found).map_err(io::Error::other);
        let write = |text: Vec<u8>| {
            // Its mode is 0600, and whoever reads the old file meanwhile reads all of it.
            let mut file = tempfile::NamedTempFile::new_in(&self.path)?;
            file.write_all(&text)?;
            file.persist(&path)?;
            Ok(())
        };
        text.and_then(write).map_err(|error| CliError::path("write", &path, error))?;
        self.told = true;
        Ok(())
    }
}

impl Drop for DataFolder {
    fn drop(&mut self) {
        if self.told {
            // Nobody listens there any more; a file that is left only makes the next client's error less clear.
            fs::remove_file(self.path.join(Discovered::FILE)).ok();
        }
    }
}

/// Everything in it, tokens and secrets too, belongs to whoever owns it.
fn check(path: &Path) -> Result<(), CliError> {
    let found = fs::symlink_metadata(path).map_err(|error| CliError::path("look at", path, error))?;
    if !found.is_dir() {
        return Err(CliError::path("use", path, ErrorKind::NotADirectory.into()));
    }
    if found.uid() != geteuid().as_raw() || found.mode() & 0o077 != 0 {
        return Err(CliError::usage(
            format!("{} is not for its owner alone", path.display()),
            format!("chmod 700 {0}, and run as its owner; or use another folder: --data DIR", path.display()),
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn clients_find_it_while_it_lives() {
        let top = tempfile::tempdir().unwrap();
        let path = top.path().join("data");
        let mut folder = DataFolder::open(path.clone()).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
        let found = Discovered { url: "http://127.0.0.1:1".into(), token: "t".into() };
        folder.leave_for_clients(&found).unwrap();
        let file = path.join(Discovered::FILE);
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        drop(folder);
        assert!(!file.exists());
    }

    #[test]
    fn a_folder_that_others_may_read_is_refused() {
        let top = tempfile::tempdir().unwrap();
        fs::set_permissions(top.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let error = DataFolder::open(top.path().to_owned()).unwrap_err();
        assert!(error.fix().is_some_and(|fix| fix.contains("chmod 700")), "{error}");
    }
}

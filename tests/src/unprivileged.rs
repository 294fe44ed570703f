//! Runs `dayfly` as a user with no rights at all.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::{Dayfly, dayfly};

/// An unused user id with a home of its own and its own copy of the program. Only root can make one.
#[derive(Debug)]
pub struct Unprivileged {
    home: TempDir,
}

impl Unprivileged {
    /// The user id; no account has it.
    pub const UID: u32 = 64_321;

    /// Makes the home and copies the program into it.
    pub fn new() -> Self {
        let home = tempfile::Builder::new().prefix("user-").tempdir_in("/tmp").unwrap();
        for dir in ["", "run", "bin", "work"] {
            let path = home.path().join(dir);
            fs::create_dir_all(&path).unwrap();
            chown(&path, Some(Self::UID), Some(Self::UID)).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
        }
        let user = Self { home };
        fs::copy(dayfly(), user.binary()).unwrap();
        chown(user.binary(), Some(Self::UID), Some(Self::UID)).unwrap();
        user
    }

    /// The user's home.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// The user's copy of the program: the user may write to it.
    pub fn binary(&self) -> PathBuf {
        self.home.path().join("bin/dayfly")
    }

    /// An invocation as this user.
    pub fn dayfly(&self) -> Dayfly {
        let id = Self::UID.to_string();
        let become_user = [
            "setpriv",
            "--reuid",
            &id,
            "--regid",
            &id,
            "--clear-groups",
            "--inh-caps=-all",
            "--bounding-set=-all",
        ];
        Dayfly::new()
            .under(become_user)
            .binary(self.binary())
            .host_env("HOME", self.home())
            .host_env("XDG_RUNTIME_DIR", self.home().join("run"))
    }
}

impl Default for Unprivileged {
    fn default() -> Self {
        Self::new()
    }
}

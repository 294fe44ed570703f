//! What Dayfly takes from its own process: a few variables and the current folder. Read once, in one place.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::error::CliError;

/// The caller's surroundings. Folders that are not absolute are treated as not set, as their standards ask.
#[derive(Debug, Clone, Default)]
pub(crate) struct Surroundings {
    /// `HOME`.
    pub(crate) home: Option<PathBuf>,
    /// `XDG_CONFIG_HOME`.
    pub(crate) xdg_config_home: Option<PathBuf>,
    /// `XDG_STATE_HOME`.
    pub(crate) xdg_state_home: Option<PathBuf>,
    /// `RUSTUP_HOME`, or `~/.rustup`.
    pub(crate) rustup_home: Option<PathBuf>,
    /// `CARGO_HOME`, or `~/.cargo`.
    pub(crate) cargo_home: Option<PathBuf>,
    /// `PYENV_ROOT`, or `~/.pyenv`.
    pub(crate) pyenv_root: Option<PathBuf>,
}

impl Surroundings {
    /// Those of this process.
    pub(crate) fn read() -> Self {
        Self::from(|name| std::env::var_os(name))
    }

    /// Those that `variable` tells of.
    pub(crate) fn from(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let folder = |name: &str| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let home = folder("HOME");
        let at_home = |name: &str, below: &str| folder(name).or_else(|| Some(home.as_ref()?.join(below)));
        Self {
            xdg_config_home: folder("XDG_CONFIG_HOME"),
            xdg_state_home: folder("XDG_STATE_HOME"),
            rustup_home: at_home("RUSTUP_HOME", ".rustup"),
            cargo_home: at_home("CARGO_HOME", ".cargo"),
            pyenv_root: at_home("PYENV_ROOT", ".pyenv"),
            home,
        }
    }

    /// Where a scheduler of this user keeps its data: `/var/lib/dayfly` for root, else
    /// `$XDG_STATE_HOME/dayfly` or `~/.local/state/dayfly`.
    pub(crate) fn state_folder(&self) -> Option<PathBuf> {
        if nix::unistd::geteuid().is_root() {
            return Some(PathBuf::from("/var/lib/dayfly"));
        }
        let state = self.xdg_state_home.clone().or_else(|| Some(self.home.as_ref()?.join(".local/state")))?;
        Some(state.join("dayfly"))
    }
}

/// The absolute form of a path somebody typed, without following links.
pub(crate) fn absolute(path: &Path) -> Result<PathBuf, CliError> {
    std::path::absolute(path).map_err(|error| CliError::path("find", path, error))
}

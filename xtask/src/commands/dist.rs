//! `cargo xtask dist`: builds the program as it is shipped and measured.
//!
//! One file with the C library in it: it needs none of the libraries of the host it is copied to, and starts half a
//! millisecond sooner than one that has them put together at each start. Host names are looked up in files and by DNS; what
//! else a host's `/etc/nsswitch.conf` names works where its C library is the one that was linked.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::args::Args;
use crate::commands::Command;
use crate::error::Error;
use crate::out;
use crate::packages;
use crate::process::Run;
use crate::repo::Repo;

pub(crate) const COMMAND: Command = Command {
    name: "dist",
    about: "build the program as it is shipped: one file, linked statically",
    options: &[("--no-install", "build with the packages that are there already")],
    run,
};

fn run(repo: &Repo, mut args: Args) -> Result<(), Error> {
    let install = !args.flag("--no-install");
    args.finish()?;
    if install {
        packages::install(packages::BUILD)?;
    }
    let program = build(repo)?;
    out::plain(&format!("\nThe program is {}\n", program.display()));
    Ok(())
}

/// Builds it and gives its path.
///
/// Only with a target named do the flags leave procedural macros alone, which cannot be static.
pub(crate) fn build(repo: &Repo) -> Result<PathBuf, Error> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let host = host(&Run::new(rustc).arg("-vV").stdout()?)?;
    out::title("Build");
    let mut cargo = Run::cargo()
        .args(["build", "--profile=dist", "--locked", "--package", "dayfly", "--target", &host])
        .env("RUSTFLAGS", flags(std::env::var("RUSTFLAGS").ok()))
        .dir(repo.root());
    // It would go before ours.
    cargo.command.env_remove("CARGO_ENCODED_RUSTFLAGS");
    cargo.run()?;
    copied(&repo.target()?.join(host).join("dist/dayfly"), repo.target()?.join("dayfly"))
}

/// A copy, as every installed program is, but written at once: the page cache of newer kernels holds a file in the pieces
/// that it was written in, and a linker's are small. From large ones a program starts up to a tenth sooner.
fn copied(built: &Path, to: PathBuf) -> Result<PathBuf, Error> {
    // The last copy may be running.
    let fresh = to.with_extension("new");
    let content = fs::read(built).map_err(|error| Error::file(built, error))?;
    fs::write(&fresh, content).map_err(|error| Error::file(&fresh, error))?;
    fs::set_permissions(&fresh, fs::Permissions::from_mode(0o755))
        .map_err(|error| Error::file(&fresh, error))?;
    fs::rename(&fresh, &to).map_err(|error| Error::file(&to, error))?;
    Ok(to)
}

/// The flags of whoever called us, and ours.
fn flags(given: Option<String>) -> String {
    const STATIC: &str = "-C target-feature=+crt-static";
    given.map_or_else(|| STATIC.to_owned(), |given| format!("{given} {STATIC}"))
}

/// The host's target triple, from what `rustc -vV` says.
fn host(version: &[u8]) -> Result<String, Error> {
    let text = String::from_utf8_lossy(version);
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or_else(|| Error::answer("rustc -vV", "no host"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_is_found_in_what_rustc_says() {
        let text = b"rustc 1.95.0 (abc 2026-01-01)\nbinary: rustc\nhost: x86_64-unknown-linux-gnu\nrelease: 1.95.0\n";
        assert_eq!(host(text).unwrap(), "x86_64-unknown-linux-gnu");
        assert!(host(b"gcc 12\n").is_err());
    }

    #[test]
    fn flags_of_the_caller_are_kept() {
        assert_eq!(flags(None), "-C target-feature=+crt-static");
        assert_eq!(flags(Some("-D warnings".into())), "-D warnings -C target-feature=+crt-static");
    }
}

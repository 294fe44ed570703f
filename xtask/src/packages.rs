//! Debian packages that commands need, and installing those that are missing.
//!
//! A command lists only what it uses itself. On a host without apt the missing ones are named and nothing
//! is changed.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::error::Error;
use crate::out;
use crate::process::Run;

/// A package of Debian and Ubuntu.
pub(crate) struct Package {
    name: &'static str,
    proof: Proof,
    why: &'static str,
}

/// What is there once the package is installed, whoever installed it.
enum Proof {
    Program(&'static str),
    Library(&'static str),
    File(&'static str),
}

const fn program(name: &'static str, program: &'static str, why: &'static str) -> Package {
    Package { name, proof: Proof::Program(program), why }
}

const LIBSECCOMP: Package =
    Package { name: "libseccomp-dev", proof: Proof::Library("libseccomp.a"), why: "linked into dayfly" };
const CXX: Package = program("g++", "g++", "compiles C++ submissions");

/// Where `python3 -m venv` takes pip from.
const VENV: &str = "/usr/share/python-wheels";

/// To build the product.
pub(crate) const BUILD: &[Package] = &[LIBSECCOMP];
/// To build it and show it.
pub(crate) const DEMO: &[Package] = &[LIBSECCOMP, CXX];
/// To build it and run every test: the languages that policies promise to run, and the tools tests drive.
pub(crate) const TEST: &[Package] = &[
    LIBSECCOMP,
    program("gcc", "gcc", "compiles the hostile programs in tests/payloads"),
    Package { name: "libc6-dev", proof: Proof::File("/usr/include/stdlib.h"), why: "headers for them" },
    CXX,
    program("python3", "python3", "a language to run"),
    program("nodejs", "node", "a language to run"),
    program("default-jdk-headless", "javac", "a language to compile and run"),
    program("golang-go", "go", "a language to compile and run"),
    program("perl", "perl", "a language to run"),
    program("faketime", "faketime", "sets the clock of a scheduler under test"),
];
/// To build it and run the tests in the proving ground, which holds parts of Debian packages (`tests/ground/contents`).
pub(crate) const GROUND: &[Package] = &[
    LIBSECCOMP,
    program("gcc", "gcc", "compiles the hostile programs in tests/payloads"),
    Package { name: "libc6-dev", proof: Proof::File("/usr/include/stdlib.h"), why: "headers for them" },
    program("qemu-system-x86", "qemu-system-x86_64", "the virtual machine"),
    program("e2fsprogs", "mke2fs", "makes its disks"),
    program("iproute2", "ip", "is copied into it"),
    program("mawk", "mawk", "is copied into it"),
    program("python3", "python3", "is copied into it"),
    program("strace", "strace", "is copied into it"),
    program("procps", "ps", "is copied into it"),
];
/// What jails are measured beside.
pub(crate) const PEERS: &[Package] = &[
    program("bubblewrap", "bwrap", "a peer to measure"),
    Package { name: "python3-venv", proof: Proof::File(VENV), why: "brings nsjail, a peer to measure" },
];

/// Installs those of `wanted` that are missing, and says what it does.
pub(crate) fn install(wanted: &[Package]) -> Result<(), Error> {
    let missing = missing(wanted);
    if missing.is_empty() {
        return Ok(());
    }
    out::title("Installing what is missing");
    for package in &missing {
        out::plain(&format!("  {:<22}{}", package.name, package.why));
    }
    if !has_program("apt-get") {
        let fix = "this host has no apt-get; install them with its own package manager".to_owned();
        return Err(Error::Missing { names: names(&missing), fix });
    }
    let apt = Apt::new(&names(&missing))?;
    apt.install(&missing)?;
    let still = self::missing(wanted);
    if still.is_empty() { Ok(()) } else { Err(Error::Install { names: names(&still) }) }
}

fn missing(wanted: &[Package]) -> Vec<&Package> {
    wanted.iter().filter(|package| !package.is_there()).collect()
}

fn names(packages: &[&Package]) -> String {
    packages.iter().map(|package| package.name).collect::<Vec<_>>().join(" ")
}

impl Package {
    fn is_there(&self) -> bool {
        match self.proof {
            Proof::Program(program) => has_program(program),
            Proof::File(file) => Path::new(file).exists(),
            Proof::Library(file) => {
                library_folders().iter().any(|folder| Path::new(folder).join(file).exists())
            }
        }
    }
}

/// Where the linker is told to look (`.cargo/config.toml`), or else the usual places.
fn library_folders() -> Vec<String> {
    match std::env::var("LIBSECCOMP_LIB_PATH") {
        Ok(folder) => vec![folder],
        Err(_) => ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/lib"]
            .map(str::to_owned)
            .into(),
    }
}

/// Whether `program` is found along `PATH`.
pub(crate) fn has_program(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// Whether this process is root: `/proc/self` belongs to the effective user.
pub(crate) fn is_root() -> Result<bool, Error> {
    let own = "/proc/self";
    let metadata = std::fs::metadata(own).map_err(|source| Error::file(own, source))?;
    Ok(metadata.uid() == 0)
}

/// apt-get, through sudo when we are not root.
struct Apt {
    sudo: bool,
}

impl Apt {
    fn new(names: &str) -> Result<Self, Error> {
        if is_root()? {
            return Ok(Self { sudo: false });
        }
        if !has_program("sudo") {
            let fix = format!("as root run `apt-get install {names}`");
            return Err(Error::Missing { names: names.to_owned(), fix });
        }
        out::plain("Not root, so apt-get is run through sudo, which may ask for your password.");
        Ok(Self { sudo: true })
    }

    fn run(&self, verb: &[&str]) -> Run {
        let run = if self.sudo { Run::new("sudo").arg("env") } else { Run::new("env") };
        run.args(["DEBIAN_FRONTEND=noninteractive", "apt-get"]).args(verb)
    }

    /// Installs, reading the package lists anew only when the ones at hand do not do.
    fn install(&self, packages: &[&Package]) -> Result<(), Error> {
        let names: Vec<&str> = packages.iter().map(|package| package.name).collect();
        let install = [&["install", "--yes", "--no-install-recommends"], names.as_slice()].concat();
        let known = self.run(&[&["--simulate"], install.as_slice()].concat()).succeeds();
        if known && self.run(&install).run().is_ok() {
            return Ok(());
        }
        self.run(&["update"]).run()?;
        if self.run(&install).run().is_ok() {
            return Ok(());
        }
        self.one_by_one(&names)
    }

    /// After a failure of all together: installs each alone, so that the culprit can be named.
    fn one_by_one(&self, names: &[&str]) -> Result<(), Error> {
        let fails =
            |name: &&&str| self.run(&["install", "--yes", "--no-install-recommends", name]).run().is_err();
        let culprits: Vec<&str> = names.iter().filter(fails).copied().collect();
        if culprits.is_empty() { Ok(()) } else { Err(Error::Install { names: culprits.join(" ") }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_found_along_the_path() {
        assert!(has_program("sh"));
        assert!(!has_program("no-such-program-here"));
    }

    #[test]
    fn only_what_is_missing_is_listed() {
        let there = program("dash", "sh", "a shell");
        let gone = program("no-such-package", "no-such-program-here", "nothing");
        assert_eq!(names(&missing(&[there, gone])), "no-such-package");
    }
}

//! `cargo xtask lint`: everything that judges the text of the project without running it.

use crate::args::Args;
use crate::commands::{Command, tidy};
use crate::error::Error;
use crate::out;
use crate::packages;
use crate::process::Run;
use crate::repo::Repo;

pub(crate) const COMMAND: Command = Command {
    name: "lint",
    about: "formatting, clippy, tidy, documentation, dependencies",
    options: &[("--no-install", "do not install missing packages")],
    run,
};

/// One part of the command: its name and what it does.
type Step = (&'static str, fn(&Repo) -> Result<(), Error>);

const STEPS: [Step; 5] = [
    ("formatting", formatting),
    ("tidy", tidy::check),
    ("dependencies", dependencies),
    ("clippy", clippy),
    ("documentation", documentation),
];

fn run(repo: &Repo, mut args: Args) -> Result<(), Error> {
    let install = !args.flag("--no-install");
    args.finish()?;
    if install {
        packages::install(packages::BUILD)?;
    }
    let mut failed = Vec::new();
    for (name, step) in STEPS {
        out::title(&format!("Lint: {name}"));
        if let Err(error) = step(repo) {
            out::failure(&error);
            failed.push(name.to_owned());
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(Error::Steps(failed)) }
}

fn formatting(repo: &Repo) -> Result<(), Error> {
    Run::cargo().args(["fmt", "--all", "--check"]).dir(repo.root()).run()
}

fn clippy(repo: &Repo) -> Result<(), Error> {
    let clippy = Run::cargo().args(["clippy", "--workspace", "--all-targets", "--locked", "--"]);
    clippy.args(["-D", "warnings"]).dir(repo.root()).run()
}

fn documentation(repo: &Repo) -> Result<(), Error> {
    let doc = Run::cargo().args(["doc", "--workspace", "--no-deps", "--document-private-items", "--locked"]);
    doc.env("RUSTDOCFLAGS", "-Dwarnings").dir(repo.root()).run()
}

/// Licences, sources and duplicates by `deny.toml`; known vulnerabilities where the list can be fetched.
fn dependencies(repo: &Repo) -> Result<(), Error> {
    if !packages::has_program("cargo-deny") {
        out::left_out("dependencies", "cargo-deny is not installed; `cargo install --locked cargo-deny`");
        return Ok(());
    }
    let deny = || Run::cargo().args(["deny", "--workspace"]).dir(repo.root());
    deny().args(["check", "--hide-inclusion-graph", "bans", "licenses", "sources"]).run()?;
    if !deny().args(["fetch", "db"]).succeeds() {
        out::left_out("known vulnerabilities", "the advisory list cannot be fetched from here");
        return Ok(());
    }
    deny().args(["--offline", "check", "advisories"]).run()
}

//! `cargo xtask`: the one entry for people and machines that build, check and measure Dayfly.
//!
//! Each command is one file below `commands/`. Nothing here may depend on a crate of the product: `xtask`
//! installs what those crates need before they can be built.
#![forbid(unsafe_code)]

mod args;
mod commands;
mod demo;
mod error;
mod ground;
mod out;
mod packages;
mod process;
mod repo;
mod runner;
mod tidy;

use std::process::ExitCode;

use crate::args::Args;
use crate::commands::{ALL, Command};
use crate::error::Error;
use crate::repo::Repo;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            out::failure(&error);
            ExitCode::from(error.exit_code())
        }
    }
}

fn run() -> Result<(), Error> {
    let mut args = Args::from_env();
    let Some(name) = args.next_word() else {
        help();
        return Ok(());
    };
    if matches!(name.as_str(), "help" | "--help" | "-h") {
        help();
        return Ok(());
    }
    let Some(command) = ALL.iter().find(|command| command.name == name) else {
        let known: Vec<&str> = ALL.iter().map(|command| command.name).collect();
        return Err(Error::Usage(format!("no command `{name}`; there are {}", known.join(", "))));
    };
    if args.flag("--help") || args.flag("-h") {
        describe(command);
        return Ok(());
    }
    (command.run)(&Repo::open()?, args)
}

fn help() {
    out::plain("usage: cargo xtask <command> [options]\n");
    for command in ALL {
        out::plain(&format!("  {:<8}{}", command.name, command.about));
    }
    out::plain("\n`cargo xtask <command> --help` lists the options of one command.");
}

fn describe(command: &Command) {
    out::plain(&format!("cargo xtask {}: {}", command.name, command.about));
    for (option, meaning) in command.options {
        out::plain(&format!("  {option:<16}{meaning}"));
    }
}

//! The `dayfly` program: reads the command line, does one thing, exits with a documented code.
//!
//! It enforces nothing itself; the sandbox does.
#![forbid(unsafe_code)]

use std::ffi::OsString;
use std::process::ExitCode;

use crate::args::Cli;
use crate::error::CliError;
use crate::output::{Out, Stream};

mod args;
mod bench;
mod client;
mod commands;
mod config;
mod engine;
mod error;
mod exit;
mod input;
mod limits;
mod output;
mod request;
mod service;
mod signals;
mod surroundings;
mod toolchains;
mod values;
mod watch;

fn main() -> ExitCode {
    let words: Vec<OsString> = std::env::args_os().collect();
    let (out, result) = match Cli::read(&words) {
        Ok(cli) => {
            if !cli.command.is_service() {
                output::log::start(cli.global.verbose);
            }
            let out = Out::of(&cli.global);
            let result = commands::execute(&cli.command, &cli.global, &out);
            (out, result)
        }
        Err(error) => (Out::new(args::asks_for_json(&words)), refused(&error, &words)),
    };
    ExitCode::from(result.unwrap_or_else(|error| {
        out.error(&error);
        exit::of_error(&error)
    }))
}

/// What to do when the command line is no command: help that was asked for, or an error.
fn refused(error: &clap::Error, words: &[OsString]) -> Result<u8, CliError> {
    use clap::error::ErrorKind;
    let kind = error.kind();
    if kind == ErrorKind::DisplayHelp || kind == ErrorKind::DisplayVersion {
        output::help(&error.render(), Stream::Stdout).map(|()| 0)
    } else if kind == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        output::help(&error.render(), Stream::Stderr).map(|()| exit::FAILED)
    } else {
        Err(args::explain(error, words))
    }
}

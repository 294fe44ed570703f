//! `dayfly config init|show|check`.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::args::Global;
use crate::config;
use crate::error::CliError;
use crate::output::{Out, human, json};
use crate::request;
use crate::surroundings::Surroundings;

/// What to do about the configuration.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum ConfigCommand {
    /// Write a configuration file with every key, what it means and its built-in value, all commented out.
    Init {
        /// The file to make, or '-' for standard output [default: the user's own file].
        file: Option<PathBuf>,
    },
    /// Print every value that is set, and where it came from; 'dayfly config init -' prints all keys there are.
    Show,
    /// Read the whole configuration and say whether it can be used on this host.
    Check {
        /// One more file, as with --config.
        file: Option<PathBuf>,
    },
}

/// Does it.
pub(crate) fn run(command: &ConfigCommand, global: &Global, out: &Out) -> Result<u8, CliError> {
    let host = Surroundings::read();
    match command {
        ConfigCommand::Init { file } => init(file.as_deref(), &host, out),
        ConfigCommand::Show => {
            let entries = config::load(global.config.as_deref(), &host)?.entries()?;
            match global.json {
                true => out.json(&json::Configuration { values: &entries }),
                false => out.text(&human::configuration(&entries)),
            }?;
            Ok(0)
        }
        ConfigCommand::Check { file } => {
            let settings = config::load(file.as_deref().or(global.config.as_deref()), &host)?;
            request::check(&settings, &host)?;
            match global.json {
                true => out.json(&json::Checked { ok: true }),
                false => out.text("the configuration can be used\n"),
            }?;
            Ok(0)
        }
    }
}

fn init(file: Option<&Path>, host: &Surroundings, out: &Out) -> Result<u8, CliError> {
    if file == Some(Path::new("-")) {
        out.text(&config::template())?;
        return Ok(0);
    }
    let users = config::user_file(host);
    let Some(path) = file.or(users.as_deref()) else {
        return Err(CliError::usage(
            "there is no HOME to put the file in",
            "name it: dayfly config init FILE",
        ));
    };
    write_new(path)?;
    out.text(&format!("wrote {}\n", path.display()))?;
    Ok(0)
}

/// Never overwrites: the file may hold what somebody thought about.
fn write_new(path: &Path) -> Result<(), CliError> {
    let fail = |error| CliError::path("write", path, error);
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(fail)?;
    }
    let mut file = OpenOptions::new().write(true).create_new(true).open(path).map_err(fail)?;
    file.write_all(config::template().as_bytes()).map_err(fail)
}

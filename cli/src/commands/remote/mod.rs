//! Commands that talk to a scheduler. Each asks, and prints the answer: as it came with `--json`, else for people.

use serde::Serialize;

use crate::args::Global;
use crate::client::{Client, ServerArgs, Target};
use crate::config;
use crate::error::CliError;
use crate::output::Out;
use crate::surroundings::Surroundings;

pub(super) mod artifacts;
pub(super) mod job;
pub(super) mod logs;
pub(super) mod queue;
pub(super) mod secret;
pub(super) mod status;
pub(super) mod submit;
pub(super) mod token;
pub(super) mod worker;

/// The scheduler that options, environment and configuration name.
fn connect(args: &ServerArgs, global: &Global) -> Result<Client, CliError> {
    let host = Surroundings::read();
    let settings = config::load(global.config.as_deref(), &host)?;
    Client::new(Target::find(args, &settings, &host)?)
}

/// Prints an answer one way or the other.
fn print<T: Serialize>(
    answer: &T,
    text: impl FnOnce(&T) -> String,
    global: &Global,
    out: &Out,
) -> Result<u8, CliError> {
    match global.json {
        true => out.json(answer),
        false => out.text(&text(answer)),
    }?;
    Ok(0)
}

/// What a command prints that has nothing to answer but that it was done.
#[derive(Serialize)]
struct Done {
    ok: bool,
}

fn done(text: &str, global: &Global, out: &Out) -> Result<u8, CliError> {
    print(&Done { ok: true }, |_| format!("{text}\n"), global, out)
}

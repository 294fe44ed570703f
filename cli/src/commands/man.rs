//! `dayfly man [COMMAND]`.

use clap::CommandFactory;

use crate::args::Cli;
use crate::error::CliError;
use crate::output::Out;

/// Which page.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  dayfly man run | man -l -")]
pub(crate) struct ManArgs {
    /// The command the page is about; without it, the page of dayfly itself.
    #[arg(value_name = "COMMAND", num_args = 0..=2)]
    command: Vec<String>,
}

/// Prints the page.
pub(crate) fn run(args: &ManArgs, out: &Out) -> Result<u8, CliError> {
    let mut page = Cli::command();
    page.build();
    for name in &args.command {
        page = page.find_subcommand(name).cloned().ok_or_else(|| {
            CliError::usage(format!("there is no command '{name}' to print a page of"), "see: dayfly --help")
        })?;
    }
    let mut roff = Vec::new();
    clap_mangen::Man::new(page)
        .render(&mut roff)
        .map_err(|error| CliError::output("the manual page", error))?;
    out.bytes(&roff)?;
    Ok(0)
}

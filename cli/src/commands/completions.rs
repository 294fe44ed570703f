//! `dayfly completions SHELL`.

use clap::CommandFactory;
use clap_complete::Shell;

use crate::args::Cli;
use crate::error::CliError;
use crate::output::Out;

/// Which shell.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  dayfly completions bash > ~/.local/share/bash-completion/completions/dayfly"
)]
pub(crate) struct CompletionsArgs {
    /// The shell to complete in.
    shell: Shell,
}

/// Prints the script.
pub(crate) fn run(args: &CompletionsArgs, out: &Out) -> Result<u8, CliError> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "dayfly", &mut script);
    out.bytes(&script)?;
    Ok(0)
}

//! One file for each command. A command returns an exit code or an error; showing either is `output`'s.

use crate::args::{Global, RunArgs};
use crate::error::CliError;
use crate::output::Out;

mod bench;
mod completions;
mod config;
mod doctor;
mod man;
mod policy;
mod run;

/// What to do.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Run one program in a sandbox, here and now.
    Run(Box<RunArgs>),
    /// Look at the policies: what a program may do.
    #[command(subcommand)]
    Policy(policy::PolicyCommand),
    /// Look at the configuration, and where each value came from.
    #[command(subcommand)]
    Config(config::ConfigCommand),
    /// Look at this host: what works, what is missing, what is lost by it, and what mends it.
    Doctor(doctor::DoctorArgs),
    /// Measure what sandboxes cost here, beside what they are compared with.
    #[command(subcommand)]
    Bench(bench::BenchCommand),
    /// Print a completion script for a shell.
    Completions(completions::CompletionsArgs),
    /// Print the manual page of dayfly or of one of its commands (roff).
    Man(man::ManArgs),
}

/// Does it, and says with which code to exit.
pub(crate) fn execute(command: &Command, global: &Global, out: &Out) -> Result<u8, CliError> {
    match command {
        Command::Run(args) => run::run(args, global, out),
        Command::Policy(command) => policy::run(command, global, out),
        Command::Config(command) => config::run(command, global, out),
        Command::Doctor(args) => doctor::run(args, global, out),
        Command::Bench(command) => bench::run(command, global, out),
        Command::Completions(args) => completions::run(args, out),
        Command::Man(args) => man::run(args, out),
    }
}

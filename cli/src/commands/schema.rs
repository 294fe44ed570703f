//! `dayfly schema job`: what editors check job files with.

use dayfly_jobs::JobSpec;

use crate::args::Global;
use crate::error::CliError;
use crate::output::{Out, json};

/// Schemas of the files that people write.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum SchemaCommand {
    /// Print the JSON Schema of job files.
    #[command(after_help = "Example:\n  dayfly schema job > job.schema.json\n  \
        # and on the first line of a job file:\n  # yaml-language-server: $schema=job.schema.json")]
    Job,
}

/// Prints it; on one line with `--json`.
pub(crate) fn run(command: &SchemaCommand, global: &Global, out: &Out) -> Result<u8, CliError> {
    let SchemaCommand::Job = command;
    let schema = JobSpec::schema();
    match global.json {
        true => out.json(&schema),
        false => out.text(&json::pretty(&schema)?),
    }?;
    Ok(0)
}

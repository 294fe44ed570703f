//! `dayfly cancel`, `retry` and `explain`.

use dayfly_jobs::JobId;
use dayfly_jobs::wire::{Explanation, JobSummary, Submitted};
use reqwest::Method;
use serde::Serialize;

use super::{connect, print};
use crate::args::Global;
use crate::client::{Repeat, ServerArgs, block_on, random_key};
use crate::error::CliError;
use crate::exit;
use crate::output::{Out, jobs};
use crate::watch;

/// Which jobs to cancel.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "A job that waits ends at once; one that runs is stopped within seconds. Of several, one that cannot be\n\
    cancelled keeps no other from it; the exit code is 125 then.\n\n\
    Examples:\n  dayfly cancel 01m9x3s0d8kq3v7zj2r5t6w8ab\n  dayfly status --state queued --json | jq -r '.items[].id' | xargs dayfly cancel"
)]
pub(crate) struct CancelArgs {
    /// The jobs.
    #[arg(required = true, value_name = "JOB")]
    ids: Vec<JobId>,
    /// Where the scheduler is.
    #[command(flatten)]
    server: ServerArgs,
}

/// What became of each.
#[derive(Default, Serialize)]
struct Cancelled {
    items: Vec<JobSummary>,
    /// Those that could not be cancelled; one of them keeps no other from it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    refused: Vec<Refused>,
}

#[derive(Serialize)]
struct Refused {
    id: JobId,
    message: String,
}

/// Cancels, and tells how each stands.
pub(crate) fn cancel(args: &CancelArgs, global: &Global, out: &Out) -> Result<u8, CliError> {
    let client = connect(&args.server, global)?;
    let answer = block_on(async {
        let mut answer = Cancelled::default();
        for id in &args.ids {
            let path = ["jobs", &id.to_string(), "cancel"];
            match client.call(Method::POST, &path, None::<&()>, Repeat::Safe).await {
                Ok(job) => answer.items.push(job),
                Err(error @ CliError::Refused { .. }) if args.ids.len() > 1 => {
                    answer.refused.push(Refused { id: *id, message: error.to_string() });
                }
                Err(error) => return Err(error),
            }
        }
        Ok(answer)
    })?;
    if !(answer.items.is_empty() || global.json) {
        out.text(&jobs::list(&answer.items))?;
    }
    if global.json {
        out.json(&answer)?;
    }
    for Refused { id, message } in answer.refused.iter().filter(|_| !global.json) {
        out.note(&format!("dayfly: {id}: {message}\n"))?;
    }
    Ok(if answer.refused.is_empty() { 0 } else { exit::FAILED })
}

/// Which job to run again.
#[derive(Debug, clap::Args)]
#[command(after_help = "The new job has the content of the old one, and an id of its own.\n\n\
    Example:\n  dayfly retry 01m9x3s0d8kq3v7zj2r5t6w8ab --watch")]
pub(crate) struct RetryArgs {
    /// The job; it must have ended.
    #[arg(value_name = "JOB")]
    id: JobId,
    /// Show the steps live and exit with the job's code.
    #[arg(long, short)]
    watch: bool,
    /// Where the scheduler is.
    #[command(flatten)]
    server: ServerArgs,
}

/// Runs it again.
pub(crate) fn retry(args: &RetryArgs, global: &Global, out: &Out) -> Result<u8, CliError> {
    let client = connect(&args.server, global)?;
    block_on(async {
        let path = ["jobs", &args.id.to_string(), "retry"];
        let request = client.request(Method::POST, &path, &[]).header("Idempotency-Key", random_key()?);
        let submitted: Submitted = client.json(client.send(request, Repeat::Safe).await?).await?;
        match args.watch {
            true => watch::job(&client, submitted.id, global, out).await,
            false => print(&submitted, |answer| format!("{}\n", answer.id), global, out),
        }
    })
}

/// Which job to explain.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Why a job waits and what would change that, where it ran, what stopped it and by which limit.\n\n\
    Example:\n  dayfly explain 01m9x3s0d8kq3v7zj2r5t6w8ab"
)]
pub(crate) struct ExplainArgs {
    /// The job.
    #[arg(value_name = "JOB")]
    id: JobId,
    /// Where the scheduler is.
    #[command(flatten)]
    server: ServerArgs,
}

/// Tells its story.
pub(crate) fn explain(args: &ExplainArgs, global: &Global, out: &Out) -> Result<u8, CliError> {
    let client = connect(&args.server, global)?;
    let told: Explanation = block_on(client.get(&["jobs", &args.id.to_string(), "explain"], &[]))?;
    print(&told, jobs::explanation, global, out)
}

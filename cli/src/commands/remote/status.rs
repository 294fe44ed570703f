//! `dayfly status`: all jobs, or one.

use dayfly_jobs::wire::{JobDetail, JobSummary, Page};
use dayfly_jobs::{JobId, QueueName};

use super::{connect, print};
use crate::args::Global;
use crate::client::{Client, ServerArgs, block_on};
use crate::error::CliError;
use crate::output::{Out, jobs};
use crate::watch;

/// Which jobs to show.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  dayfly status                              # the newest jobs\n  \
    dayfly status --state queued,running\n  dayfly status 01m9x3s0d8kq3v7zj2r5t6w8ab   # one job: steps, usage, files\n  \
    dayfly status 01m9x3s0d8kq3v7zj2r5t6w8ab --watch\n  dayfly status --json | jq '.items[] | {id, state}'")]
pub(crate) struct StatusArgs {
    /// One job; without it, the newest ones are listed.
    #[arg(value_name = "JOB")]
    id: Option<JobId>,
    /// Show the steps live until the job has ended, and exit with its code.
    #[arg(long, short, requires = "id")]
    watch: bool,
    /// Only jobs in these states: queued, leased, running, finished, cancelled, infrastructure_error, quarantined.
    #[arg(long, value_name = "STATE,…", value_delimiter = ',', conflicts_with = "id")]
    state: Vec<String>,
    /// Only jobs of this queue.
    #[arg(long, value_name = "QUEUE", conflicts_with = "id")]
    queue: Option<QueueName>,
    /// Only jobs of this name.
    #[arg(long, value_name = "NAME", conflicts_with = "id")]
    name: Option<String>,
    /// How many.
    #[arg(long, value_name = "N", default_value_t = 20, conflicts_with = "id")]
    limit: usize,
    /// Where the scheduler is.
    #[command(flatten)]
    server: ServerArgs,
}

/// Jobs on one page of the scheduler's.
const PAGE: usize = 500;

/// Shows them.
pub(crate) fn run(args: &StatusArgs, global: &Global, out: &Out) -> Result<u8, CliError> {
    let client = connect(&args.server, global)?;
    match args.id {
        Some(id) if args.watch => block_on(watch::job(&client, id, global, out)),
        Some(id) => {
            let job: JobDetail = block_on(client.get(&["jobs", &id.to_string()], &[]))?;
            print(&job, jobs::detail, global, out)
        }
        None => {
            let page = block_on(list(&client, args))?;
            print(&page, |page| jobs::list(&page.items), global, out)
        }
    }
}

async fn list(client: &Client, args: &StatusArgs) -> Result<Page<JobSummary>, CliError> {
    let mut found = Page { items: Vec::new(), next: None };
    loop {
        let left = args.limit - found.items.len();
        let mut query = vec![("limit", left.clamp(1, PAGE).to_string())];
        query.extend((!args.state.is_empty()).then(|| ("state", args.state.join(","))));
        query.extend(args.queue.as_ref().map(|queue| ("queue", queue.to_string())));
        query.extend(args.name.clone().map(|name| ("name", name)));
        query.extend(found.next.take().map(|cursor| ("cursor", cursor)));
        let page: Page<JobSummary> = client.get(&["jobs"], &query).await?;
        found.items.extend(page.items.into_iter().take(left));
        found.next = page.next;
        if found.next.is_none() || found.items.len() >= args.limit {
            return Ok(found);
        }
    }
}

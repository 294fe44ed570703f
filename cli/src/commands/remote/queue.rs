//! `dayfly queue list|set` and `dayfly tenant list|set`: who shares the workers, and how.

use dayfly_jobs::wire::{Caps, Page, Queue, Tenant};
use dayfly_jobs::{QueueName, TenantName};
use reqwest::Method;
use serde::Serialize;

use super::{connect, print};
use crate::args::Global;
use crate::client::{Client, Repeat, ServerArgs, block_on};
use crate::error::CliError;
use crate::output::Out;
use crate::output::table::render;

/// Queues of the scheduler.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  dayfly queue list\n  dayfly queue set nightly --max-running 4\n  \
    dayfly queue set nightly --max-running 0     # hold it")]
pub(crate) struct QueueArgs {
    /// What to do.
    #[command(subcommand)]
    command: QueueCommand,
    /// Where the scheduler is.
    #[command(flatten)]
    server: ServerArgs,
}

/// What to do about queues.
#[derive(Debug, clap::Subcommand)]
enum QueueCommand {
    /// List queues that were set, with their caps.
    List,
    /// Set how many jobs a queue may have at once. What is not given stays.
    Set {
        /// The queue.
        name: QueueName,
        /// How many.
        #[command(flatten)]
        caps: CapArgs,
    },
}

/// How many jobs there may be at once.
#[derive(Debug, clap::Args)]
struct CapArgs {
    /// Jobs that run at the same time; with 0 none is started.
    #[arg(long, value_name = "N")]
    max_running: Option<u32>,
    /// Jobs that wait; more are refused.
    #[arg(long, value_name = "N")]
    max_queued: Option<u64>,
}

impl CapArgs {
    fn over(&self, caps: Caps) -> Caps {
        Caps {
            max_running: self.max_running.unwrap_or(caps.max_running),
            max_queued: self.max_queued.unwrap_or(caps.max_queued),
        }
    }
}

/// Does it.
pub(crate) fn run(args: &QueueArgs, global: &Global, out: &Out) -> Result<u8, CliError> {
    let client = connect(&args.server, global)?;
    match &args.command {
        QueueCommand::List => {
            let page: Page<Queue> = block_on(client.get(&["queues"], &[]))?;
            print(&page, |page| table(&page.items), global, out)
        }
        QueueCommand::Set { name, caps } => {
            let queue: Queue = block_on(async {
                let page: Page<Queue> = client.get(&["queues"], &[]).await?;
                let now = page.items.into_iter().find(|queue| queue.name == *name);
                let caps = caps.over(now.map(|queue| queue.caps).unwrap_or_default());
                put(&client, &["queues", name.as_str()], &caps).await
            })?;
            print(&queue, |queue| table(std::slice::from_ref(queue)), global, out)
        }
    }
}

async fn put<T: serde::de::DeserializeOwned>(
    client: &Client,
    path: &[&str],
    body: &impl Serialize,
) -> Result<T, CliError> {
    client.call(Method::PUT, path, Some(body), Repeat::Safe).await
}

fn table(queues: &[Queue]) -> String {
    let head = ["queue", "running at most", "waiting at most"].map(str::to_owned);
    let row = |queue: &Queue| {
        [queue.name.to_string(), queue.caps.max_running.to_string(), queue.caps.max_queued.to_string()]
    };
    render(&[head].into_iter().chain(queues.iter().map(row)).collect::<Vec<_>>(), "")
}

/// Tenants of the scheduler.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  dayfly tenant list\n  dayfly tenant set course-a --weight 300     # three times its part"
)]
pub(crate) struct TenantArgs {
    /// What to do.
    #[command(subcommand)]
    command: TenantCommand,
    /// Where the scheduler is.
    #[command(flatten)]
    server: ServerArgs,
}

/// What to do about tenants.
#[derive(Debug, clap::Subcommand)]
enum TenantCommand {
    /// List tenants, with their part of the workers and their caps.
    List,
    /// Set a tenant's part and caps. What is not given stays.
    Set {
        /// The tenant.
        name: TenantName,
        /// Its part of the workers, relative to that of the others: 1 to 1000.
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
        weight: Option<u32>,
        /// How many.
        #[command(flatten)]
        caps: CapArgs,
    },
}

#[derive(Serialize)]
struct Share {
    weight: u32,
    #[serde(flatten)]
    caps: Caps,
}

/// Does it.
pub(crate) fn run_tenant(args: &TenantArgs, global: &Global, out: &Out) -> Result<u8, CliError> {
    let client = connect(&args.server, global)?;
    match &args.command {
        TenantCommand::List => {
            let page: Page<Tenant> = block_on(client.get(&["tenants"], &[]))?;
            print(&page, |page| tenants(&page.items), global, out)
        }
        TenantCommand::Set { name, weight, caps } => {
            let tenant: Tenant = block_on(async {
                let page: Page<Tenant> = client.get(&["tenants"], &[]).await?;
                let now = page.items.into_iter().find(|tenant| tenant.name == *name);
                let share = Share {
                    weight: weight.or(now.as_ref().map(|tenant| tenant.weight)).unwrap_or(Tenant::WEIGHT),
                    caps: caps.over(now.map(|tenant| tenant.caps).unwrap_or_default()),
                };
                put(&client, &["tenants", name.as_str()], &share).await
            })?;
            print(&tenant, |tenant| tenants(std::slice::from_ref(tenant)), global, out)
        }
    }
}

fn tenants(tenants: &[Tenant]) -> String {
    let head = ["tenant", "weight", "running at most", "waiting at most"].map(str::to_owned);
    let row = |tenant: &Tenant| {
        let Caps { max_running, max_queued } = tenant.caps;
        [tenant.name.to_string(), tenant.weight.to_string(), max_running.to_string(), max_queued.to_string()]
    };
    render(&[head].into_iter().chain(tenants.iter().map(row)).collect::<Vec<_>>(), "")
}

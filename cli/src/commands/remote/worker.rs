//! `dayfly worker list|drain|remove`: the workers that a scheduler knows. `dayfly worker` alone is one.

use dayfly_jobs::WorkerName;
use dayfly_jobs::wire::{Page, WorkerInfo};
use reqwest::Method;
use serde::Serialize;

use super::{connect, done, print};
use crate::args::Global;
use crate::client::{Client, Repeat, ServerArgs, block_on};
use crate::error::CliError;
use crate::output::Out;
use crate::output::moment::moment;
use crate::output::table::{render, size};
use crate::service;
use crate::service::args::{LogArgs, WorkerPart};

/// A worker, or the workers of a scheduler.
#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:\n  dayfly worker --server https://dayfly.example.org --token-file join-token --slots 4\n  dayfly worker list\n  dayfly worker drain lab-pc-7      # it ends when its jobs have\n  \
    dayfly worker remove lab-pc-7     # forget one that is gone"
)]
pub(crate) struct WorkerArgs {
    /// What to do about workers; without it, be one.
    #[command(subcommand)]
    command: Option<WorkerCommand>,
    /// What this worker is like.
    #[command(flatten)]
    worker: WorkerPart,
    /// How it talks.
    #[command(flatten)]
    log: LogArgs,
    /// Where the scheduler is.
    #[command(flatten)]
    server: ServerArgs,
}

impl WorkerArgs {
    /// Whether this is a worker itself.
    pub(crate) fn is_service(&self) -> bool {
        self.command.is_none()
    }
}

/// What to do about workers.
#[derive(Debug, clap::Subcommand)]
enum WorkerCommand {
    /// List workers, what they have and what they run.
    List,
    /// Let a worker finish its jobs and take no more; it ends when it has none.
    Drain {
        /// Its name.
        name: WorkerName,
        /// Take jobs again, as long as it has not ended.
        #[arg(long)]
        undo: bool,
    },
    /// Forget a worker: its token is good for nothing any more, and its jobs go to others.
    Remove {
        /// Its name.
        name: WorkerName,
    },
}

#[derive(Serialize)]
struct Drain {
    draining: bool,
}

/// Does it.
pub(crate) fn run(args: &WorkerArgs, global: &Global, out: &Out) -> Result<u8, CliError> {
    let Some(command) = &args.command else {
        return service::worker(&args.worker, &args.server, args.log, global, out);
    };
    let client = connect(&args.server, global)?;
    match command {
        WorkerCommand::List => {
            let page: Page<WorkerInfo> = block_on(client.get(&["workers"], &[]))?;
            print(&page, |page| table(&page.items), global, out)
        }
        WorkerCommand::Drain { name, undo } => {
            block_on(drain(&client, name, !undo))?;
            let text = if *undo { "takes jobs again" } else { "takes no more jobs" };
            done(&format!("worker '{name}' {text}"), global, out)
        }
        WorkerCommand::Remove { name } => {
            let path = ["workers", name.as_str()];
            block_on(client.tell(Method::DELETE, &path, None::<&()>, Repeat::Safe))?;
            done(&format!("worker '{name}' is forgotten"), global, out)
        }
    }
}

async fn drain(client: &Client, name: &WorkerName, draining: bool) -> Result<(), CliError> {
    client
        .tell(Method::PUT, &["workers", name.as_str(), "drain"], Some(&Drain { draining }), Repeat::Safe)
        .await
}

fn table(workers: &[WorkerInfo]) -> String {
    let head =
        ["name", "state", "jobs", "slots", "cpus", "memory", "labels", "heard of (UTC)"].map(str::to_owned);
    let row = |worker: &WorkerInfo| {
        let about = &worker.registration;
        let labels: Vec<&str> = about.labels.iter().map(dayfly_jobs::Label::as_str).collect();
        let cpus = about.capacity.cpus_milli;
        [
            about.name.to_string(),
            state(worker).to_owned(),
            worker.leases.len().to_string(),
            about.capacity.slots.to_string(),
            format!("{}.{}", cpus / 1000, cpus % 1000 / 100),
            size(about.capacity.memory.get()),
            labels.join(","),
            moment(worker.seen_ms),
        ]
    };
    render(&[head].into_iter().chain(workers.iter().map(row)).collect::<Vec<_>>(), "")
}

fn state(worker: &WorkerInfo) -> &'static str {
    match (worker.alive, worker.draining) {
        (false, _) => "silent",
        (true, true) => "draining",
        (true, false) => "ready",
    }
}

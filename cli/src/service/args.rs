//! The options of `up`, `scheduler` and `worker`.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use dayfly_jobs::{Bytes, Label, QueueName, WorkerName};

use crate::values::count;

/// `dayfly up`: scheduler and worker in one process.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  dayfly up                                  # then, elsewhere: dayfly submit job.yaml --watch
  dayfly up --slots 2 --listen 127.0.0.1:0   # any free port; it is printed")]
pub(crate) struct UpArgs {
    /// The scheduler's part.
    #[command(flatten)]
    pub(crate) scheduler: SchedulerPart,
    /// The worker's part.
    #[command(flatten)]
    pub(crate) worker: WorkerPart,
    /// How it talks.
    #[command(flatten)]
    pub(crate) log: LogArgs,
}

/// `dayfly scheduler`: the queue and its API, without running anything.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  dayfly scheduler --listen 0.0.0.0:7410     # behind a proxy that speaks TLS
  dayfly token create lab-pcs --permit worker > token   # what 'dayfly worker' on another machine needs")]
pub(crate) struct SchedulerArgs {
    /// The scheduler's part.
    #[command(flatten)]
    pub(crate) scheduler: SchedulerPart,
    /// How it talks.
    #[command(flatten)]
    pub(crate) log: LogArgs,
}

/// What a scheduler can be told.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Scheduler")]
pub(crate) struct SchedulerPart {
    /// Where to listen; a loopback address is reached from this machine only [default: 127.0.0.1:7410].
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(crate) listen: Option<SocketAddr>,
    /// The folder that holds everything [default: /var/lib/dayfly, or ~/.local/state/dayfly].
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
}

/// What a worker can be told.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Worker")]
pub(crate) struct WorkerPart {
    /// Jobs at the same time [default: as many as processors].
    #[arg(long, value_name = "N", value_parser = count::<NonZeroU32>)]
    pub(crate) slots: Option<NonZeroU32>,
    /// Memory for all jobs together [default: most of the host's].
    #[arg(long, value_name = "SIZE")]
    pub(crate) jobs_memory: Option<Bytes>,
    /// Something jobs can ask for; may be given several times.
    #[arg(long = "label", value_name = "LABEL")]
    pub(crate) labels: Vec<Label>,
    /// Serve only this queue; may be given several times.
    #[arg(long = "only-queue", value_name = "QUEUE")]
    pub(crate) queues: Vec<QueueName>,
    /// The worker's name, unique at its scheduler [default: the name of the host].
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<WorkerName>,
}

/// How a service talks about what it does.
#[derive(Debug, Clone, Copy, Default, Args)]
pub(crate) struct LogArgs {
    /// What the messages on standard error look like.
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    pub(crate) log_format: LogFormat,
}

/// A form of messages.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// Lines for people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

//! One file for each command. A command returns an exit code or an error; showing either is `output`'s.

use crate::args::{Global, RunArgs};
use crate::error::CliError;
use crate::output::Out;
use crate::service;
use crate::service::args::{SchedulerArgs, UpArgs};

mod bench;
mod completions;
mod config;
mod doctor;
mod man;
mod policy;
mod remote;
mod run;
mod schema;

use remote::{artifacts, job, logs, queue, secret, status, submit, token, worker};

/// What to do.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Run one program in a sandbox, here and now.
    Run(Box<RunArgs>),
    /// Start a scheduler and a worker on this machine, in one process.
    Up(Box<UpArgs>),
    /// Queue a job at a scheduler, and watch it.
    Submit(submit::SubmitArgs),
    /// Look at jobs: all of them, or one with its steps.
    Status(status::StatusArgs),
    /// Print what a job printed.
    Logs(logs::LogsArgs),
    /// End jobs.
    Cancel(job::CancelArgs),
    /// Run a job again.
    Retry(job::RetryArgs),
    /// Tell why a job waits, where it ran and what became of it.
    Explain(job::ExplainArgs),
    /// List and save the files that a job left.
    Artifacts(artifacts::ArtifactsArgs),
    /// Store secrets that jobs may use.
    Secret(secret::SecretArgs),
    /// Start a scheduler: the queue and its API, which run nothing.
    Scheduler(SchedulerArgs),
    /// Start a worker for a scheduler, or look at its workers and let them go.
    Worker(worker::WorkerArgs),
    /// Look at queues, and cap them.
    Queue(queue::QueueArgs),
    /// Look at tenants, and give them their part of the workers.
    Tenant(queue::TenantArgs),
    /// Make and revoke tokens.
    Token(token::TokenArgs),
    /// Print the schema of job files.
    #[command(subcommand)]
    Schema(schema::SchemaCommand),
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

impl Command {
    /// Whether it runs until it is told to end, and starts its own log.
    pub(crate) fn is_service(&self) -> bool {
        match self {
            Self::Up(_) | Self::Scheduler(_) => true,
            Self::Worker(args) => args.is_service(),
            _ => false,
        }
    }
}

/// Does it, and says with which code to exit.
pub(crate) fn execute(command: &Command, global: &Global, out: &Out) -> Result<u8, CliError> {
    match command {
        Command::Run(args) => run::run(args, global, out),
        Command::Up(args) => service::up(args, global, out),
        Command::Scheduler(args) => service::scheduler(args, global, out),
        Command::Submit(args) => submit::run(args, global, out),
        Command::Status(args) => status::run(args, global, out),
        Command::Logs(args) => logs::run(args, global, out),
        Command::Cancel(args) => job::cancel(args, global, out),
        Command::Retry(args) => job::retry(args, global, out),
        Command::Explain(args) => job::explain(args, global, out),
        Command::Artifacts(args) => artifacts::run(args, global, out),
        Command::Secret(args) => secret::run(args, global, out),
        Command::Worker(args) => worker::run(args, global, out),
        Command::Queue(args) => queue::run(args, global, out),
        Command::Tenant(args) => queue::run_tenant(args, global, out),
        Command::Token(args) => token::run(args, global, out),
        Command::Schema(command) => schema::run(command, global, out),
        Command::Policy(command) => policy::run(command, global, out),
        Command::Config(command) => config::run(command, global, out),
        Command::Doctor(args) => doctor::run(args, global, out),
        Command::Bench(command) => bench::run(command, global, out),
        Command::Completions(args) => completions::run(args, out),
        Command::Man(args) => man::run(args, out),
    }
}

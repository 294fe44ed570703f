//! `dayfly bench jail|spin`.

use std::num::{NonZeroU64, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use crate::args::Global;
use crate::bench::{self, Effort, show};
use crate::error::CliError;
use crate::output::Out;

/// What to measure.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum BenchCommand {
    /// Measure jails beside the least the kernel charges, plain processes, bubblewrap and nsjail.
    Jail(JailArgs),
    /// Measure the service: a scheduler and a worker of their own, loaded over the loopback address.
    Queue(QueueArgs),
    /// Use processor time; what 'bench jail' runs inside and outside of a jail.
    #[command(hide = true)]
    Spin {
        /// How much work to do.
        blocks: u64,
    },
}

/// How to measure jails.
#[derive(Debug, clap::Args)]
pub(crate) struct JailArgs {
    /// Rounds of each part; each round measures everything once.
    #[arg(long, value_name = "N", default_value = "300")]
    runs: NonZeroUsize,
    /// End each of the three parts after so many seconds, with fewer rounds.
    #[arg(long, value_name = "SECONDS", default_value = "30")]
    seconds_cap: NonZeroU64,
    /// Print tables for docs/BENCHMARKS.md.
    #[arg(long, conflicts_with = "json")]
    markdown: bool,
}

/// How to measure the service.
#[derive(Debug, clap::Args)]
pub(crate) struct QueueArgs {
    /// Jobs to run for the throughput.
    #[arg(long, value_name = "N", default_value = "2000")]
    jobs: NonZeroUsize,
    /// Jobs to run one after another for the latency.
    #[arg(long, value_name = "N", default_value = "300")]
    rounds: NonZeroUsize,
    /// Jobs that wait while claims are measured.
    #[arg(long, value_name = "N", default_value = "1000000")]
    queued: NonZeroUsize,
    /// MiB of log that one job writes.
    #[arg(long, value_name = "MIB", default_value = "1024")]
    log: NonZeroUsize,
    /// End each part after so many seconds, with what it has; filling the queue may take four times that.
    #[arg(long, value_name = "SECONDS", default_value = "60")]
    seconds_cap: NonZeroU64,
    /// Print the table for docs/BENCHMARKS.md.
    #[arg(long, conflicts_with = "json")]
    markdown: bool,
}

/// Does it.
pub(crate) fn run(command: &BenchCommand, global: &Global, out: &Out) -> Result<u8, CliError> {
    match command {
        BenchCommand::Jail(args) => jail(args, global, out),
        BenchCommand::Queue(args) => queue(args, global, out),
        BenchCommand::Spin { blocks } => {
            let time = bench::spin(*blocks)?;
            out.bytes(format!("{}\n", time.as_nanos()).as_bytes())?;
            Ok(0)
        }
    }
}

fn queue(args: &QueueArgs, global: &Global, out: &Out) -> Result<u8, CliError> {
    let own = own_program()?;
    let effort = bench::queue::Effort {
        jobs: args.jobs.get(),
        rounds: args.rounds.get(),
        queued: args.queued.get(),
        log_mib: args.log.get(),
        cap: Duration::from_secs(args.seconds_cap.get()),
    };
    let report = bench::queue::run(&own, effort, &|what| out.note(&format!("measuring: {what}\n")))?;
    match (global.json, args.markdown) {
        (true, _) => out.json(&report),
        (false, true) => out.text(&report.markdown()),
        (false, false) => out.text(&report.text()),
    }?;
    Ok(0)
}

fn own_program() -> Result<PathBuf, CliError> {
    std::env::current_exe().map_err(|error| {
        CliError::bench(format!("cannot find the program dayfly itself: {error}"), "mount /proc")
    })
}

fn jail(args: &JailArgs, global: &Global, out: &Out) -> Result<u8, CliError> {
    let own = own_program()?;
    let effort = Effort { rounds: args.runs.get(), cap: Duration::from_secs(args.seconds_cap.get()) };
    out.note(&format!("measuring, at most {} s\n", args.seconds_cap.saturating_mul(PARTS)))?;
    let report = bench::run(&own, effort)?;
    match (global.json, args.markdown) {
        (true, _) => out.json(&report),
        (false, true) => out.text(&show::markdown(&report)),
        (false, false) => out.text(&show::text(&report)),
    }?;
    Ok(0)
}

/// Starts, work within the limits, work beyond them.
const PARTS: NonZeroU64 = NonZeroU64::MIN.saturating_add(2);

//! What the service costs: a scheduler and a worker of our own, as processes, and a client that loads them over the
//! loopback address. Bounded in jobs and in time; nothing outside of a temporary folder is touched.

mod figures;
mod load;
mod service;

use std::path::Path;
use std::time::Duration;

use figures::Figure;
pub(crate) use figures::Report;
use load::Load;
use service::{Kind, Service};

use crate::client::block_on;
use crate::error::CliError;

/// How much to measure.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Effort {
    /// Jobs that are run for the throughput.
    pub(crate) jobs: usize,
    /// Jobs that are run one after another for the latency.
    pub(crate) rounds: usize,
    /// Jobs that wait while claims are measured.
    pub(crate) queued: usize,
    /// MiB of log that one job writes.
    pub(crate) log_mib: usize,
    /// Each part ends after this much time, with what it has.
    pub(crate) cap: Duration,
}

/// How long nothing happens while the idle service is looked at.
const IDLE: Duration = Duration::from_secs(10);

/// Measures everything. `own` is the program `dayfly`; `note` shows progress.
pub(crate) fn run(
    own: &Path,
    effort: Effort,
    note: &dyn Fn(&str) -> Result<(), CliError>,
) -> Result<Report, CliError> {
    let mut figures = Vec::new();
    {
        let up = Service::start(own, Kind::Up)?;
        let load = Load::new(up.client()?, effort.cap);
        note("idle")?;
        figures.extend(idle(&up)?);
        note("latency")?;
        figures.extend(block_on(load.latency(effort.rounds))?);
        note("throughput")?;
        figures.push(block_on(load.throughput(effort.jobs))?);
        note("log")?;
        let before = up.resident_mib()?;
        figures.push(block_on(load.log(effort.log_mib))?);
        let grown = (up.peak_mib()? - before).max(0.0);
        figures.push(Figure::at_most("memory grown while a log streamed", "MiB", 64.0, Some(grown)));
        up.stop()?;
    }
    {
        let scheduler = Service::start(own, Kind::Scheduler)?;
        let load = Load::new(scheduler.client()?, effort.cap);
        note("batches")?;
        figures.push(block_on(load.batches(effort.queued))?);
        note("claims")?;
        figures.push(block_on(load.claims())?);
        let what = "scheduler with all of them queued";
        figures.push(Figure::at_most(what, "MiB", 200.0, Some(scheduler.resident_mib()?)));
        scheduler.stop()?;
    }
    Ok(Report::new(effort.queued, figures))
}

/// A service that has nothing to do.
fn idle(up: &Service) -> Result<[Figure; 2], CliError> {
    std::thread::sleep(Duration::from_secs(1));
    let before = up.cpu_time()?;
    std::thread::sleep(IDLE);
    let used = up.cpu_time()?.saturating_sub(before);
    let percent = used.div_duration_f64(IDLE) * 100.0;
    Ok([
        Figure::at_most("idle: memory of dayfly up", "MiB", 40.0, Some(up.resident_mib()?)),
        Figure::at_most("idle: processor of dayfly up", "% of a core", 0.5, Some(percent)),
    ])
}

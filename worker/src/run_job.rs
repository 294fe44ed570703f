//! One job, from its lease to its result, on a thread of its own. The whole story is in [`run_job`].

use std::sync::Arc;
use std::time::Instant;

use dayfly_jobs::wire::Lease;
use dayfly_jobs::{CpuSet, JobResult, Verdict};
use dayfly_sandbox::{Pool, Sandbox};
use tokio::runtime::Handle;

use crate::cache::Cache;
use crate::client::Client;
use crate::collect::{Collected, collect};
use crate::config::Config;
use crate::error::{Halt, WorkerError};
use crate::journal::Journal;
use crate::metrics::Metrics;
use crate::pools::Pools;
use crate::request::Request;
use crate::stage::stage;
use crate::steps::{self, Ran};
use crate::stop::Stop;

/// What all jobs of a worker are run with.
#[derive(Debug)]
pub(crate) struct Bench {
    pub(crate) config: Config,
    pub(crate) client: Client,
    pub(crate) cache: Cache,
    pub(crate) pools: Pools,
    pub(crate) metrics: Metrics,
    pub(crate) runtime: Handle,
}

/// How an attempt ended, for the worker.
#[derive(Debug)]
pub(crate) enum End {
    /// It has a verdict.
    Result(Box<JobResult>),
    /// It was told to stop.
    Stopped,
}

/// Runs one job. An error is ours, whatever the job did is a result.
pub(crate) fn run_job(
    lease: &Lease,
    cores: Option<CpuSet>,
    bench: &Bench,
    journal: &Journal,
    stop: &Stop,
) -> Result<End, WorkerError> {
    match story(lease, cores, bench, journal, stop) {
        Ok((ran, collected)) => Ok(result(ran, collected, journal)),
        Err(Halt::Bad(reason)) => {
            let ran = steps::not_begun(&lease.spec, reason);
            Ok(result(ran, Collected::default(), journal))
        }
        Err(Halt::Stopped) => Ok(End::Stopped),
        Err(Halt::Ours(error)) => Err(error),
    }
}

fn story(
    lease: &Lease,
    cores: Option<CpuSet>,
    bench: &Bench,
    journal: &Journal,
    stop: &Stop,
) -> Result<(Ran, Collected), Halt> {
    let request = Request::of(lease, &bench.config.policies, &bench.config.toolchains, cores)?;
    let mut workspace = Workspace::create(&request, bench)?;
    let sandbox = workspace.sandbox()?;
    stage(&*sandbox, lease, bench, stop)?;
    sandbox.limit_total(&request.total(&lease.spec)).map_err(steps::fault)?;
    let ran = steps::run(sandbox, lease, &request, journal, stop)?;
    // Only what is dead cannot change the files we are about to read.
    sandbox.stop()?;
    let collected = collect(sandbox.workspace(), lease, bench, stop)?;
    Ok((ran, collected))
}

fn result(ran: Ran, collected: Collected, journal: &Journal) -> End {
    let Collected { outputs, artifacts, problems } = collected;
    problems.iter().for_each(|problem| journal.remark(&format!("not collected: {problem}")));
    let verdict = match (ran.verdict, problems.into_iter().next()) {
        (Verdict::Passed, Some(reason)) => Verdict::BadOutput { reason },
        (verdict, _) => verdict,
    };
    End::Result(Box::new(JobResult { verdict, steps: ran.steps, outputs, artifacts, log: journal.end() }))
}

/// A sandbox that is removed in the background, whatever becomes of the job.
struct Workspace {
    sandbox: Option<Box<dyn Sandbox>>,
    pool: Arc<Pool>,
}

impl Workspace {
    fn create(request: &Request, bench: &Bench) -> Result<Self, WorkerError> {
        let since = Instant::now();
        let (sandbox, pool) = bench.pools.take(&request.sandbox)?;
        bench.metrics.setup.observe(since.elapsed().as_secs_f64());
        Ok(Self { sandbox: Some(sandbox), pool })
    }

    fn sandbox(&mut self) -> Result<&mut dyn Sandbox, WorkerError> {
        match &mut self.sandbox {
            Some(sandbox) => Ok(&mut **sandbox),
            None => Err(dayfly_sandbox::SandboxError::Ended.into()),
        }
    }
}

impl Drop for Workspace {
    fn drop(&mut self) {
        if let Some(sandbox) = self.sandbox.take() {
            self.pool.retire(sandbox);
        }
    }
}

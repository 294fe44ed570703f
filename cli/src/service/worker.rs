//! `dayfly worker --server URL`, and the worker's part of `dayfly up`.

use std::path::PathBuf;

use dayfly_jobs::WorkerName;
use dayfly_worker::Config;

use super::args::{LogArgs, WorkerPart};
use super::ending::{self, Ending};
use crate::args::Global;
use crate::client::{ServerArgs, Target};
use crate::config::{self, Settings};
use crate::error::CliError;
use crate::output::{Out, log};
use crate::surroundings::Surroundings;
use crate::toolchains;

/// The configuration of a worker.
pub(crate) fn config(
    server: &str,
    token: &str,
    part: &WorkerPart,
    settings: &Settings,
    host: &Surroundings,
) -> Result<Config, CliError> {
    let configured = &settings.config.worker;
    let name = match part.name.clone().or_else(|| configured.name.clone()) {
        Some(name) => name,
        None => host_name()?,
    };
    let mut config = Config::new(server, token, name, cache_folder(settings, host)?);
    configured.apply(&mut config);
    config.labels.extend(part.labels.iter().cloned());
    config.queues.extend(part.queues.iter().cloned());
    if let Some(slots) = part.slots {
        config.set_slots(slots);
    }
    if let Some(memory) = part.jobs_memory {
        config.capacity.memory = memory;
    }
    config.toolchains = toolchains::resolve(settings, host)?;
    config.cgroup_parent = settings.config.cgroup.parent.clone();
    Ok(config)
}

fn host_name() -> Result<WorkerName, CliError> {
    let unknown =
        || CliError::usage("the name of this host is no name for a worker", "name the worker: --name NAME");
    let name = nix::unistd::gethostname().map_err(|errno| CliError::Runtime(errno.into()))?;
    name.to_str().and_then(|name| name.parse().ok()).ok_or_else(unknown)
}

/// Where blobs are cached: nothing that matters.
fn cache_folder(settings: &Settings, host: &Surroundings) -> Result<PathBuf, CliError> {
    let folder = settings.config.worker.cache.clone().or_else(|| Some(host.state_folder()?.join("worker")));
    folder.ok_or_else(|| {
        CliError::usage(
            "there is no home folder to cache blobs in",
            "name one in the configuration: worker.cache",
        )
    })
}

/// Runs a worker until it is told to end.
pub(crate) fn run(
    part: &WorkerPart,
    server: &ServerArgs,
    log: LogArgs,
    global: &Global,
    out: &Out,
) -> Result<u8, CliError> {
    log::service(log.log_format, global.verbose);
    let host = Surroundings::read();
    let settings = config::load(global.config.as_deref(), &host)?;
    let target = Target::find(server, &settings, &host)?;
    let mut config = config(target.server.as_str(), target.token.secret(), part, &settings, &host)?;
    out.note(&format!("worker {} for {}\n", config.name, target.server))?;
    ending::run(|Ending { shutdown, hurry }| async move {
        config.hurry = hurry;
        dayfly_worker::run(config, shutdown).await?;
        Ok(0)
    })
}

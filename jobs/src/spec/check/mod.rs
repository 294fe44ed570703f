//! From what was written to a job: fills in what was left out and refuses what cannot be. Pure.

use std::collections::BTreeSet;

use super::fault::{At, Fault};
use super::written;
use super::{
    BackendKind, Collect, JobSpec, NetworkRequest, Report, Retry, RootRequest, SandboxRequest, SecretUse,
    Timeouts,
};
use crate::Bytes;

mod files;
mod limits;
mod steps;
mod words;

use words::{Names, capped};

/// The version of the format.
const VERSION: u32 = 1;
const MAX_LABELS: usize = 32;
const MAX_SECRETS: usize = 64;
const MAX_REPORTS: usize = 8;
const MAX_ATTEMPTS: u32 = 10;
const DEFAULT_ATTEMPTS: u32 = 3;
/// The range of priorities.
const PRIORITIES: std::ops::RangeInclusive<i8> = -100..=100;

/// Checks a whole job.
pub(super) fn job(written: written::Job) -> Result<JobSpec, Fault> {
    version(written.version).at("version")?;
    let limits = limits::of_job(written.limits).at("limits")?;
    let env = words::environment(written.env).at("env")?;
    let steps = steps::steps(written.steps, &limits).at("steps")?;
    let first = steps.first().map(|step| step.name.clone()).unwrap_or_default();
    Ok(JobSpec {
        version: VERSION,
        name: written.name.map_or(Ok(first), words::title).at("name")?,
        labels: labels(written.labels).at("labels")?,
        queue: queue(written.queue).at("queue")?,
        priority: priority(written.priority).at("priority")?,
        sandbox: sandbox(written.sandbox).at("sandbox")?,
        limits,
        inputs: files::inputs(written.inputs).at("inputs")?,
        env,
        steps,
        secrets: secrets(written.secrets).at("secrets")?,
        outputs: outputs(written.outputs).at("outputs")?,
        artifacts: files::collects(written.artifacts, files::ARTIFACTS).at("artifacts")?,
        retry: retry(&written.retry).at("retry")?,
        timeouts: timeouts(written.timeouts),
        report: reports(written.report).at("report")?,
    })
}

fn version(written: Option<u32>) -> Result<(), Fault> {
    match written {
        None | Some(VERSION) => Ok(()),
        Some(other) => Err(Fault::new(
            format!("this version of Dayfly does not know version {other}"),
            "write version: 1",
        )),
    }
}

fn labels(written: Vec<super::Written<crate::Label>>) -> Result<BTreeSet<crate::Label>, Fault> {
    capped(written.len(), MAX_LABELS, "labels")?;
    Ok(written.into_iter().map(|label| label.0).collect())
}

fn queue(written: Option<super::Written<crate::QueueName>>) -> Result<crate::QueueName, Fault> {
    written.map_or_else(|| "default".parse().map_err(Fault::of), |name| Ok(name.0))
}

fn priority(written: Option<i64>) -> Result<i8, Fault> {
    match i8::try_from(written.unwrap_or_default()) {
        Ok(priority) if PRIORITIES.contains(&priority) => Ok(priority),
        Ok(_) | Err(_) => {
            Err(Fault::new("a priority is a whole number from -100 to 100", "write a number between them"))
        }
    }
}

/// Only the usual policy is known to grant a network.
fn sandbox(written: written::Sandbox) -> Result<SandboxRequest, Fault> {
    let network = match written.policy {
        None => NetworkRequest::Loopback,
        Some(_) => NetworkRequest::None,
    };
    Ok(SandboxRequest {
        backend: written.backend.unwrap_or(BackendKind::Jail),
        root: written.root.unwrap_or(RootRequest::Host),
        policy: written.policy.map_or_else(|| Ok("ci".to_owned()), words::policy).at("policy")?,
        network: written.network.unwrap_or(network),
    })
}

fn secrets(written: Vec<written::SecretUse>) -> Result<Vec<SecretUse>, Fault> {
    capped(written.len(), MAX_SECRETS, "secrets")?;
    let (mut names, mut variables) = (Names::new("secret"), Names::new("variable"));
    let checked = written.into_iter().enumerate().map(|(index, written)| {
        let secret = secret(written).at_index(index)?;
        names.add(secret.name.as_str()).at_index(index)?;
        secret.env.as_deref().map_or(Ok(()), |variable| variables.add(variable)).at_index(index)?;
        Ok(secret)
    });
    checked.collect()
}

fn secret(written: written::SecretUse) -> Result<SecretUse, Fault> {
    match written {
        written::SecretUse::Name(name) => Ok(SecretUse { name: name.0, env: None }),
        written::SecretUse::Table(table) => {
            let missing =
                || Fault::new("the key 'name' is missing", "add the name the secret has at the scheduler");
            let name = table.name.ok_or_else(missing)?.0;
            let env = table.env.map(|name| words::variable(&name).map(|()| name)).transpose().at("env")?;
            Ok(SecretUse { name, env })
        }
    }
}

/// Outputs ride in the result, so all of them together are small.
fn outputs(written: Vec<written::Collect>) -> Result<Vec<Collect>, Fault> {
    let checked = files::collects(written, files::OUTPUTS)?;
    let total = checked.iter().fold(0_u64, |sum, collect| sum.saturating_add(collect.max_size.get()));
    match Bytes::new(total) {
        total if total > files::OUTPUTS.most => {
            let what = format!("all outputs together may have {total}, more than {}", files::OUTPUTS.most);
            Err(Fault::new(what, "lower some max_size, or make them artifacts"))
        }
        _ => Ok(checked),
    }
}

fn retry(written: &written::Retry) -> Result<Retry, Fault> {
    let asked = written.max_attempts.as_ref().map_or(DEFAULT_ATTEMPTS, |count| count.0.0.get());
    let fault =
        || Fault::new(format!("{asked} attempts are too many"), format!("write at most {MAX_ATTEMPTS}"));
    match std::num::NonZeroU32::new(asked) {
        Some(max_attempts) if asked <= MAX_ATTEMPTS => Ok(Retry { max_attempts }),
        Some(_) | None => Err(fault()).at("max_attempts"),
    }
}

fn timeouts(written: written::Timeouts) -> Timeouts {
    Timeouts { queue: written.queue.map(|time| time.0), total: written.total.map(|time| time.0) }
}

fn reports(written: Vec<written::ReportTo>) -> Result<Vec<Report>, Fault> {
    capped(written.len(), MAX_REPORTS, "reports")?;
    let checked = written.into_iter().enumerate().map(|(index, report)| {
        let missing = || Fault::new("the key 'webhook' is missing", "write webhook: https://…");
        let url = report.webhook.ok_or_else(missing).and_then(|url| words::web_address(url).at("webhook"));
        url.map(Report::Webhook).at_index(index)
    });
    checked.collect()
}

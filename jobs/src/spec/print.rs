//! A checked job as a job file again, with everything spelled out. Parsing it gives the same job.

use super::notation::{Ceiling, Count, Written};
use super::{Action, Collect, Input, InputSource, JobSpec, Report, SecretUse, Step, StepInput, written};
use crate::Limits;

impl JobSpec {
    /// The job as a job file in JSON.
    pub fn to_json(&self) -> String {
        // Text, numbers and lists only: there is nothing in it that could not be written.
        serde_json::to_string(&job(self)).unwrap_or_default()
    }
}

fn job(spec: &JobSpec) -> written::Job {
    written::Job {
        version: Some(spec.version),
        name: Some(spec.name.clone()),
        labels: spec.labels.iter().cloned().map(Written).collect(),
        queue: Some(Written(spec.queue.clone())),
        priority: Some(spec.priority.into()),
        sandbox: written::Sandbox {
            backend: Some(spec.sandbox.backend),
            root: Some(spec.sandbox.root),
            policy: Some(spec.sandbox.policy.clone()),
            network: Some(spec.sandbox.network),
        },
        limits: limits(&spec.limits),
        inputs: spec.inputs.iter().map(|given| (given.path.clone(), input(given))).collect(),
        env: spec.env.clone(),
        steps: spec.steps.iter().map(step).collect(),
        secrets: spec.secrets.iter().map(secret).collect(),
        outputs: spec.outputs.iter().map(collect).collect(),
        artifacts: spec.artifacts.iter().map(collect).collect(),
        retry: written::Retry { max_attempts: Some(Written(Count(spec.retry.max_attempts))), on: Vec::new() },
        timeouts: written::Timeouts {
            queue: spec.timeouts.queue.map(Written),
            total: spec.timeouts.total.map(Written),
        },
        report: spec.report.iter().map(report).collect(),
    }
}

fn limits(limits: &Limits) -> written::Limits {
    written::Limits {
        cpu_time: Some(Written(limits.cpu_time)),
        wall_time: Some(Written(limits.wall_time)),
        idle_time: Some(Written(Ceiling::of(limits.idle_time))),
        memory: Some(Written(limits.memory)),
        processes: Some(Written(Count(limits.processes))),
        cpus: Some(Written(Ceiling::of(limits.cpus.clone()))),
        output: Some(Written(limits.output)),
        disk: Some(Written(limits.disk)),
        inodes: Some(Written(Count(limits.inodes))),
        open_files: Some(Written(Count(limits.open_files))),
        stack: Some(Written(limits.stack)),
        file_size: Some(Written(limits.file_size)),
    }
}

fn input(input: &Input) -> written::Input {
    let mut written = written::Input {
        executable: Some(input.executable),
        unpack: input.unpack,
        ..written::Input::default()
    };
    match &input.source {
        InputSource::Inline(text) => written.inline = Some(text.clone()),
        InputSource::File(file) => written.file = Some(file.clone()),
        InputSource::Blob(digest) => written.blob = Some(Written(*digest)),
    }
    written
}

fn step(step: &Step) -> written::Step {
    let mut written = written::Step {
        name: Some(step.name.clone()),
        env: step.env.clone(),
        workdir: step.workdir.clone(),
        stdin: step.stdin.as_ref().map(stdin),
        limits: limits(&step.limits),
        continue_on_error: Some(step.continue_on_error),
        always: Some(step.always),
        ..written::Step::default()
    };
    match &step.action {
        Action::Run { script, shell } => {
            written.run = Some(script.clone());
            written.shell = Some(*shell);
        }
        Action::Command(words) => written.command = words.clone(),
    }
    written
}

fn stdin(input: &StepInput) -> written::Stdin {
    match input {
        StepInput::Inline(text) => written::Stdin { inline: Some(text.clone()), file: None },
        StepInput::File(path) => written::Stdin { inline: None, file: Some(path.clone()) },
    }
}

fn secret(secret: &SecretUse) -> written::SecretUse {
    let name = Written(secret.name.clone());
    match &secret.env {
        None => written::SecretUse::Name(name),
        Some(env) => {
            written::SecretUse::Table(written::NamedSecret { name: Some(name), env: Some(env.clone()) })
        }
    }
}

fn collect(collect: &Collect) -> written::Collect {
    written::Collect {
        name: Some(collect.name.clone()),
        paths: collect.paths.clone(),
        max_size: Some(Written(collect.max_size)),
        required: Some(collect.required),
    }
}

fn report(report: &Report) -> written::ReportTo {
    match report {
        Report::Webhook(url) => written::ReportTo { webhook: Some(url.clone()) },
    }
}

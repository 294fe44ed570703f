//! `dayfly run`: one program, one sandbox, its exit code.

use dayfly_jobs::{Bytes, Outcome};
use dayfly_sandbox::{Cancel, Stdio};

use crate::args::{Global, RunArgs};
use crate::config;
use crate::engine::{self, Streams};
use crate::error::CliError;
use crate::input;
use crate::output::sink::SharedSink;
use crate::output::{Out, Stream, human, json, plan};
use crate::request::Request;
use crate::signals;
use crate::surroundings::Surroundings;

/// How much of each stream `--json` keeps unless told otherwise.
const CAPTURE: Bytes = Bytes::mib(1);

/// Runs it, or explains how it would be run.
pub(crate) fn run(args: &RunArgs, global: &Global, out: &Out) -> Result<u8, CliError> {
    let host = Surroundings::read();
    let settings = config::load(global.config.as_deref(), &host)?;
    let request = Request::new(args, &settings, &host)?;
    let span = tracing::info_span!("job", id = std::process::id());
    let _entered = span.enter();
    tracing::info!(policy = request.spec.policy.name(), command = ?request.command, "running");
    match (args.sandbox.explain, global.json) {
        (true, _) => explain(&request, global, out),
        (false, true) => captured(args, &request, out),
        (false, false) => streamed(args, &request, global, out),
    }
}

fn explain(request: &Request, global: &Global, out: &Out) -> Result<u8, CliError> {
    let enforced_by = engine::enforcement(request)?;
    match global.json {
        true => out.json(&json::Plan::of(request, &enforced_by)),
        false => out.text(&plan::text(request, &enforced_by)),
    }?;
    Ok(0)
}

/// The outcome with the program's output in it, as one object.
fn captured(args: &RunArgs, request: &Request, out: &Out) -> Result<u8, CliError> {
    let kept = Stdio::capture(args.streams.capture.unwrap_or(CAPTURE));
    let stdin = input::stdin(args.streams.stdin.as_deref())?;
    let cancel = Cancel::new()?;
    signals::watch(&cancel)?;
    let outcome = engine::run(request, Streams { stdin, stdout: kept.clone(), stderr: kept }, &cancel)?;
    out.json(&json::Report::of(&outcome))?;
    Ok(outcome.termination.exit_code())
}

/// The program's output on our own streams as it comes; what ended it, if it was not itself, after that.
fn streamed(args: &RunArgs, request: &Request, global: &Global, out: &Out) -> Result<u8, CliError> {
    let stdin = input::stdin(args.streams.stdin.as_deref())?;
    let cancel = Cancel::new()?;
    let open = |stream| SharedSink::open(stream, args.streams.raw, cancel.clone());
    let (stdout, stderr) = (open(Stream::Stdout)?, open(Stream::Stderr)?);
    let caught = signals::watch(&cancel)?;
    let streams = Streams { stdin, stdout: stdout.stdio(), stderr: stderr.stdio() };
    let outcome = engine::run(request, streams, &cancel);
    let remark = outcome.as_ref().ok().and_then(|outcome| remark(outcome, request, caught.name(), global));
    // Both are finished before either may fail: what was shown of one does not depend on the other.
    let finished = [stdout.finish(remark.is_some()), stderr.finish(remark.is_some())];
    let outcome = outcome?;
    finished.into_iter().collect::<Result<(), _>>()?;
    out.note(&remark.unwrap_or_default())?;
    Ok(outcome.termination.exit_code())
}

fn remark(outcome: &Outcome, request: &Request, signal: Option<&str>, global: &Global) -> Option<String> {
    let ending = human::ending(outcome, request, signal);
    match global.verbose {
        0 => ending,
        _ => Some(ending.unwrap_or_default() + &human::used(outcome)),
    }
}

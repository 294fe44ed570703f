//! The objects that `--json` prints. Their shape is an interface: fields are added, never changed.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ffi::OsStr;

use dayfly_jobs::{Limit, Limits, Outcome, Receipt, Termination, Timings, Usage};
use dayfly_sandbox::{Access, Bind, Network, Root};
use serde::Serialize;

use crate::config::Entry;
use crate::error::CliError;
use crate::request::{LimitOrigin, Request};

/// JSON over several lines, for people.
pub(crate) fn pretty(value: &impl Serialize) -> Result<String, CliError> {
    let text = serde_json::to_string_pretty(value);
    text.map(|text| text + "\n").map_err(|error| CliError::output("standard output", error.into()))
}

/// What `dayfly run --json` prints.
#[derive(Debug, Serialize)]
pub(crate) struct Report<'a> {
    exit_code: u8,
    termination: &'a Termination,
    usage: &'a Usage,
    limits: &'a Limits,
    enforced_by: &'a Receipt,
    timings: &'a Timings,
    /// Captured output; bytes that are not UTF-8 are replaced.
    stdout: Cow<'a, str>,
    stderr: Cow<'a, str>,
    /// More was written than `--capture` kept.
    output_truncated: bool,
}

impl<'a> Report<'a> {
    /// Of one outcome.
    pub(crate) fn of(outcome: &'a Outcome) -> Self {
        Self {
            exit_code: outcome.termination.exit_code(),
            termination: &outcome.termination,
            usage: &outcome.usage,
            limits: &outcome.limits,
            enforced_by: &outcome.enforced_by,
            timings: &outcome.timings,
            stdout: String::from_utf8_lossy(&outcome.output.stdout),
            stderr: String::from_utf8_lossy(&outcome.output.stderr),
            output_truncated: outcome.output.truncated,
        }
    }
}

/// What any command prints instead of a result.
#[derive(Debug, Serialize)]
pub(crate) struct Failure {
    error: FailureBody,
}

#[derive(Debug, Serialize)]
struct FailureBody {
    kind: &'static str,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    fix: Option<String>,
}

impl Failure {
    /// Of one error.
    pub(crate) fn of(error: &CliError) -> Self {
        Self { error: FailureBody { kind: error.kind(), message: error.to_string(), fix: error.fix() } }
    }
}

/// What `dayfly run --explain --json` prints.
#[derive(Debug, Serialize)]
pub(crate) struct Plan<'a> {
    command: Vec<Cow<'a, str>>,
    policy: &'a str,
    root: Cow<'a, str>,
    toolchains: Vec<&'a str>,
    network: &'static str,
    workdir: Cow<'a, str>,
    binds: Vec<Shown<'a>>,
    env: BTreeMap<Cow<'a, str>, Cow<'a, str>>,
    limits: &'a Limits,
    set_by: &'a BTreeMap<Limit, LimitOrigin>,
    enforced_by: &'a Receipt,
}

#[derive(Debug, Serialize)]
struct Shown<'a> {
    source: Cow<'a, str>,
    target: Cow<'a, str>,
    writable: bool,
}

impl<'a> Plan<'a> {
    /// Of one request and what would enforce it.
    pub(crate) fn of(request: &'a Request, enforced_by: &'a Receipt) -> Self {
        let spec = &request.spec;
        let (root, toolchains) = match &spec.root {
            Root::Host { toolchains } => (Cow::Borrowed("host"), toolchains.as_slice()),
            Root::Folder(folder) => (text(folder), [].as_slice()),
        };
        let shown = toolchains.iter().flat_map(|toolchain| &toolchain.binds).chain(&spec.binds);
        Self {
            command: request.command.iter().map(text).collect(),
            policy: spec.policy.name(),
            root,
            toolchains: toolchains.iter().map(|toolchain| toolchain.name.as_str()).collect(),
            network: network(spec.network),
            workdir: text(&request.workdir),
            binds: shown.map(Shown::of).collect(),
            env: request.env.iter().map(|(key, value)| (text(key), text(value))).collect(),
            limits: &request.limits,
            set_by: &request.origins,
            enforced_by,
        }
    }
}

impl<'a> Shown<'a> {
    fn of(bind: &'a Bind) -> Self {
        Self {
            source: text(&bind.source),
            target: text(&bind.target),
            writable: bind.access == Access::Writable,
        }
    }
}

/// What a network is called on the command line.
pub(crate) const fn network(network: Network) -> &'static str {
    match network {
        Network::None => "none",
        Network::Loopback => "loopback",
    }
}

fn text<T: AsRef<OsStr> + ?Sized>(text: &T) -> Cow<'_, str> {
    text.as_ref().to_string_lossy()
}

/// What `dayfly config show --json` prints.
#[derive(Debug, Serialize)]
pub(crate) struct Configuration<'a> {
    /// Every value, ordered by key.
    pub(crate) values: &'a [Entry],
}

/// What a check that found nothing wrong prints.
#[derive(Debug, Serialize)]
pub(crate) struct Checked {
    /// Always true: what is wrong is an error.
    pub(crate) ok: bool,
}

/// What `dayfly policy list --json` prints.
#[derive(Debug, Serialize)]
pub(crate) struct Policies<'a> {
    policies: Vec<PolicyLine<'a>>,
}

#[derive(Debug, Serialize)]
struct PolicyLine<'a> {
    name: &'a str,
    description: &'a str,
}

impl<'a> Policies<'a> {
    /// Of names and descriptions.
    pub(crate) fn of(rows: &'a [[String; 2]]) -> Self {
        Self { policies: rows.iter().map(|[name, description]| PolicyLine { name, description }).collect() }
    }
}

/// What `dayfly policy show --json` prints.
#[derive(Debug, Serialize)]
pub(crate) struct ShownPolicy<'a> {
    /// The policy as people read it.
    pub(crate) text: &'a str,
}

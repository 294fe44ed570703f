//! What the program needs to run: the typed words and the configuration, checked and put together.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use dayfly_jobs::{Limit, Limits};
use dayfly_policies::{Catalog, Policy};
use dayfly_sandbox::{Bind, Counted, Network, Root, SandboxSpec, Toolchain};

use crate::args::{BackendArg, RunArgs, SandboxArgs};
use crate::config::Settings;
use crate::error::CliError;
use crate::surroundings::{self, Surroundings};
use crate::toolchains;
use crate::values::{BindArg, PolicyRef, RootArg};

/// The job's home, working folder and only writable place besides `/tmp`.
const BOX: &str = "/box";
const SYSTEM_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// One run, complete. Nothing of it needs a second check.
#[derive(Debug)]
pub(crate) struct Request {
    /// The sandbox.
    pub(crate) spec: SandboxSpec,
    /// The group below which the job's is made.
    pub(crate) cgroup_parent: Option<PathBuf>,
    /// The program and its arguments; empty only with `--explain`.
    pub(crate) command: Vec<OsString>,
    /// The whole environment, ordered by name.
    pub(crate) env: BTreeMap<OsString, OsString>,
    /// Where the program starts.
    pub(crate) workdir: PathBuf,
    /// What it may use.
    pub(crate) limits: Limits,
    /// Who set each limit.
    pub(crate) origins: BTreeMap<Limit, LimitOrigin>,
}

/// Who set a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LimitOrigin {
    /// The policy's default.
    Policy,
    /// The configuration.
    Configuration,
    /// An option.
    Option,
}

impl Request {
    /// Puts a run together.
    pub(crate) fn new(args: &RunArgs, settings: &Settings, host: &Surroundings) -> Result<Self, CliError> {
        if args.sandbox.backend == BackendArg::Microvm {
            let what = "--backend microvm".to_owned();
            return Err(CliError::Unavailable { what, fix: "leave --backend away, or write --backend jail" });
        }
        if args.command.first().is_some_and(|program| program.is_empty()) {
            return Err(CliError::usage(
                "the program's name is empty",
                "dayfly run [OPTIONS] -- PROGRAM [ARGS]...",
            ));
        }
        let policy = policy(args.sandbox.policy.as_ref(), settings)?;
        let (limits, origins) = limits(args, settings, &policy)?;
        let toolchains = toolchains_of(&args.sandbox, settings, host)?;
        Ok(Self {
            env: environment(&toolchains, &args.sandbox)?,
            spec: SandboxSpec {
                policy,
                root: root(args.sandbox.root.as_ref(), toolchains)?,
                binds: args.sandbox.bind.iter().map(bind).collect::<Result<_, _>>()?,
                network: network(&args.sandbox, settings),
                counted: Counted::Each,
                waive: args.sandbox.waive.iter().copied().collect(),
            },
            cgroup_parent: settings.config.cgroup.parent.clone(),
            command: args.command.clone(),
            workdir: args.sandbox.workdir.as_ref().map_or_else(|| BOX.into(), |dir| Path::new(BOX).join(dir)),
            limits,
            origins,
        })
    }
}

/// Whether the configuration alone can be used: its policy exists, its toolchains are there.
pub(crate) fn check(settings: &Settings, host: &Surroundings) -> Result<(), CliError> {
    let policy = policy(None, settings)?;
    limits(&RunArgs::default(), settings, &policy)?;
    toolchains::resolve(settings, host).map(drop)
}

fn policy(typed: Option<&PolicyRef>, settings: &Settings) -> Result<Arc<Policy>, CliError> {
    match (typed, &settings.config.run.policy) {
        (Some(policy), _) => find_policy(policy),
        (None, Some(policy)) => find_policy(policy).map_err(|error| settings.blame("run.policy", &error)),
        (None, None) => Err(CliError::usage("there is no policy to run under", "name one with --policy")),
    }
}

/// The policy with this name or in this file.
pub(crate) fn find_policy(wanted: &PolicyRef) -> Result<Arc<Policy>, CliError> {
    match wanted {
        PolicyRef::Name(name) => Ok(Catalog::builtin().get(name)?),
        PolicyRef::File(path) => Ok(Policy::load(path)?),
    }
}

fn limits(
    args: &RunArgs,
    settings: &Settings,
    policy: &Policy,
) -> Result<(Limits, BTreeMap<Limit, LimitOrigin>), CliError> {
    let configured = &settings.config.run.limits;
    let mut limits = policy.default_limits().clone();
    configured.apply(&mut limits);
    args.limits.apply(&mut limits);
    dayfly_policies::resolve(policy, &limits)?;
    let origin = |limit| match (args.limits.sets(limit), configured.sets(limit)) {
        (true, _) => LimitOrigin::Option,
        (false, true) => LimitOrigin::Configuration,
        (false, false) => LimitOrigin::Policy,
    };
    Ok((limits, Limit::ALL.into_iter().map(|limit| (limit, origin(limit))).collect()))
}

fn network(args: &SandboxArgs, settings: &Settings) -> Network {
    args.network.or(settings.config.run.network).map_or(Network::None, |network| network.0)
}

/// Only the host's root has toolchains: a folder brings its own.
fn toolchains_of(
    args: &SandboxArgs,
    settings: &Settings,
    host: &Surroundings,
) -> Result<Vec<Toolchain>, CliError> {
    match &args.root {
        None | Some(RootArg::Host) => toolchains::resolve(settings, host),
        Some(RootArg::Folder(_)) => Ok(Vec::new()),
    }
}

fn root(typed: Option<&RootArg>, toolchains: Vec<Toolchain>) -> Result<Root, CliError> {
    let Some(RootArg::Folder(folder)) = typed else { return Ok(Root::Host { toolchains }) };
    let metadata = fs::metadata(folder).map_err(|error| CliError::path("use --root", folder, error))?;
    if !metadata.is_dir() {
        return Err(CliError::usage(
            format!("--root {} is not a folder", folder.display()),
            "name a folder with a root file system, or write --root host",
        ));
    }
    surroundings::absolute(folder).map(Root::Folder)
}

fn bind(arg: &BindArg) -> Result<Bind, CliError> {
    let fail = |error| CliError::path("bind", &arg.source, error);
    fs::symlink_metadata(&arg.source).and_then(|_| fs::metadata(&arg.source)).map_err(fail)?;
    let source = surroundings::absolute(&arg.source)?;
    let target = match &arg.target {
        Some(target) => target.clone(),
        None if source.components().any(|part| part == Component::ParentDir) => {
            fs::canonicalize(&source).map_err(fail)?
        }
        None => source.clone(),
    };
    let target = crate::values::inside_path(&target)
        .map_err(|error| CliError::usage(format!("--bind {}: {error}", arg.source.display()), error.fix))?;
    Ok(Bind { source, target, access: arg.access })
}

/// All of the program's environment: ours, the toolchains', and what was asked for, later ones winning.
fn environment(
    toolchains: &[Toolchain],
    args: &SandboxArgs,
) -> Result<BTreeMap<OsString, OsString>, CliError> {
    let mut env = BTreeMap::new();
    let mut set = |key: &str, value: &str| env.insert(OsString::from(key), OsString::from(value));
    for (key, value) in [("HOME", BOX), ("TMPDIR", "/tmp"), ("LANG", "C.UTF-8")] {
        set(key, value);
    }
    for (key, value) in toolchains.iter().flat_map(|toolchain| &toolchain.env) {
        set(key, value);
    }
    env.insert("PATH".into(), search_path(toolchains)?);
    env.extend(args.env.iter().map(|variable| (variable.key.clone(), variable.value.clone())));
    Ok(env)
}

fn search_path(toolchains: &[Toolchain]) -> Result<OsString, CliError> {
    let own = toolchains.iter().flat_map(|toolchain| &toolchain.path);
    let system = std::env::split_paths(SYSTEM_PATH).collect::<Vec<_>>();
    std::env::join_paths(own.chain(&system)).map_err(|error| {
        CliError::config(format!("a toolchain's path: {error}"), "name a folder without ':'")
    })
}

#[cfg(test)]
mod tests;

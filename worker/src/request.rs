//! From a lease to what its sandbox and its commands look like. Pure: a job that asks for more than its policy gives,
//! or for something this worker cannot make sense of, is refused here, before anything exists.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

use dayfly_jobs::wire::Lease;
use dayfly_jobs::{
    Action, BackendKind, CpuSet, Cpus, JobSpec, Limits, NetworkRequest, RootRequest, Shell, Step,
};
use dayfly_policies::Policy;
use dayfly_sandbox::{Counted, Network, Root, SandboxSpec, Toolchain, Total};

use crate::error::Halt;

/// Where the workspace is inside.
pub(crate) const WORKSPACE: &str = "/box";
/// Where the folder is that nobody collects from.
const SCRATCH: &str = "/dev/shm";
/// Folders of it.
pub(crate) const SCRIPTS: &str = "scripts";
pub(crate) const SECRETS: &str = "secrets";
const SYSTEM_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// A job that may be run here.
pub(crate) struct Request {
    /// Its sandbox.
    pub(crate) sandbox: SandboxSpec,
    /// What every step has in its environment.
    env: BTreeMap<String, String>,
    /// The processors it has to itself.
    cores: Option<CpuSet>,
}

impl Request {
    /// Checks the job against its policy.
    pub(crate) fn of(
        lease: &Lease,
        policies: &[Arc<Policy>],
        toolchains: &[Toolchain],
        cores: Option<CpuSet>,
    ) -> Result<Self, Halt> {
        let spec = &lease.spec;
        let wanted = &spec.sandbox;
        let policy = policies
            .iter()
            .find(|policy| policy.name() == wanted.policy)
            .ok_or_else(|| Halt::Bad(format!("this worker has no policy '{}'", wanted.policy)))?;
        for limits in spec.steps.iter().map(|step| &step.limits).chain([&spec.limits]) {
            dayfly_policies::resolve(policy, limits).map_err(|error| Halt::Bad(error.to_string()))?;
        }
        let network = match wanted.network {
            NetworkRequest::None => Network::None,
            NetworkRequest::Loopback => Network::Loopback,
        };
        if !policy.allows_network(network) {
            return Err(Halt::Bad(format!(
                "the policy '{}' does not allow the network {network}",
                policy.name()
            )));
        }
        let root = match (wanted.backend, wanted.root) {
            (BackendKind::Jail, RootRequest::Host) => Root::Host { toolchains: toolchains.to_vec() },
        };
        let sandbox = SandboxSpec {
            policy: Arc::clone(policy),
            root,
            binds: Vec::new(),
            network,
            counted: Counted::InTotal,
            waive: BTreeSet::new(),
        };
        Ok(Self { sandbox, env: environment(lease, toolchains)?, cores })
    }

    /// The whole environment of a step.
    pub(crate) fn env(&self, step: &Step) -> BTreeMap<String, String> {
        let mut env = self.env.clone();
        env.extend(step.env.clone());
        env.insert("DAYFLY_STEP".to_owned(), step.name.clone());
        env
    }

    /// What all steps may use together: what the job was admitted with.
    pub(crate) fn total(&self, spec: &JobSpec) -> Total {
        Total::of(&self.with_cores(spec.limits.clone()))
    }

    /// The limits of a step, with the cores the worker chose.
    pub(crate) fn limits(&self, step: &Step) -> Limits {
        self.with_cores(step.limits.clone())
    }

    fn with_cores(&self, mut limits: Limits) -> Limits {
        if let (Some(Cpus::Pinned(_)), Some(cores)) = (&limits.cpus, &self.cores) {
            limits.cpus = Some(Cpus::Pinned(cores.clone()));
        }
        limits
    }
}

/// Ours, the toolchains', the job's and its secrets', later ones winning; but nothing takes the place of what tells a
/// step which job it is.
fn environment(lease: &Lease, toolchains: &[Toolchain]) -> Result<BTreeMap<String, String>, Halt> {
    let mut env: BTreeMap<String, String> = BTreeMap::new();
    let mut set = |key: &str, value: String| env.insert(key.to_owned(), value);
    for (key, value) in [("HOME", WORKSPACE), ("TMPDIR", "/tmp"), ("LANG", "C.UTF-8"), ("CI", "true")] {
        set(key, value.to_owned());
    }
    let own = toolchains.iter().flat_map(|toolchain| &toolchain.path).map(PathBuf::as_path);
    let folders: Vec<_> =
        own.map(|path| path.display().to_string()).chain([SYSTEM_PATH.to_owned()]).collect();
    set("PATH", folders.join(":"));
    for (key, value) in toolchains.iter().flat_map(|toolchain| &toolchain.env).chain(&lease.spec.env) {
        set(key, value.clone());
    }
    for used in &lease.spec.secrets {
        let value = lease.secrets.get(&used.name);
        let value =
            value.ok_or_else(|| Halt::Bad(format!("the secret '{}' was not given to it", used.name)))?;
        if let Some(key) = &used.env {
            set(key, value.clone());
        }
    }
    for (key, value) in [
        ("DAYFLY_JOB_ID", lease.id.job.to_string()),
        ("DAYFLY_JOB_NAME", lease.spec.name.clone()),
        ("DAYFLY_ATTEMPT", lease.id.attempt.to_string()),
        ("DAYFLY_WORKSPACE", WORKSPACE.to_owned()),
        ("DAYFLY_SECRETS", format!("{SCRATCH}/{SECRETS}")),
    ] {
        set(key, value);
    }
    match env.iter().find(|(key, value)| key.is_empty() || key.contains(['=', '\0']) || value.contains('\0'))
    {
        Some((key, _)) => Err(Halt::Bad(format!("the variable '{key}' holds what no environment can hold"))),
        None => Ok(env),
    }
}

/// What a step executes: the program and its arguments.
pub(crate) fn program(place: usize, action: &Action) -> (OsString, Vec<OsString>) {
    let words = match action {
        Action::Command(words) => words.clone(),
        Action::Run { shell, .. } => {
            let script = format!("{SCRATCH}/{SCRIPTS}/{place}");
            let shell: &[&str] = match shell {
                Shell::Sh => &["sh", "-e"],
                Shell::Bash => &["bash", "--noprofile", "--norc", "-eo", "pipefail"],
                Shell::Python => &["python3"],
            };
            shell.iter().map(|word| (*word).to_owned()).chain([script]).collect()
        }
    };
    let mut words = words.into_iter().map(OsString::from);
    (words.next().unwrap_or_default(), words.collect())
}

#[cfg(test)]
mod tests;

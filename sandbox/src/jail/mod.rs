//! The Linux jail: namespaces, a cgroup, a root of its own, no rights, a system call filter.
//!
//! How its processes come about and in which order they give up what is told in `docs/ARCHITECTURE.md`;
//! `init.rs` and `child.rs` are the inside, everything else is the supervisor's side.

mod budget;
mod child;
mod classify;
mod delivery;
mod identity;
mod init;
mod measure;
mod next;
mod order;
mod plan;
mod pool;
mod receipt;
mod report;
mod root;
mod sandbox;
mod shape;
mod sink;
mod spawn;
mod streams;
mod supervise;
mod survivors;
mod template;
mod total;
mod visitor;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use dayfly_jobs::{Limit, Outcome};
use dayfly_policies::Policy;

use self::delivery::Delivery;
pub use self::pool::Pool;
use self::sandbox::JailSandbox;
use self::shape::Shape;
pub(crate) use self::spawn::NAMESPACES;
use crate::cgroup::{self, CgroupError, Wants};
use crate::slot::Slots;
use crate::{Backend, Bind, Cancel, Command, Counted, Network, Root, Sandbox, SandboxError, SandboxSpec};

/// Makes jails of one shape.
///
/// ```no_run
/// use dayfly_jobs::Bytes;
/// use dayfly_sandbox::{Cancel, Command, Jail, Stdio};
///
/// let policy = dayfly_policies::Catalog::builtin().get("strict")?;
/// let limits = policy.default_limits().clone();
/// let jail = Jail::builder(policy).build()?;
/// let command = Command::new("/bin/echo", limits).arg("hello").stdout(Stdio::capture(Bytes::mib(1)));
/// let outcome = jail.run(&command, &Cancel::never())?;
/// assert_eq!(outcome.output.stdout, b"hello\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Jail {
    shape: Arc<Shape>,
    slots: Arc<Slots>,
}

/// What a jail is to look like.
#[derive(Debug)]
pub struct JailBuilder {
    spec: SandboxSpec,
    cgroup_parent: Option<PathBuf>,
}

impl Jail {
    /// A jail under this policy, with the host's `/usr` as its root and no network, unless told otherwise.
    pub fn builder(policy: Arc<Policy>) -> JailBuilder {
        let spec = SandboxSpec {
            policy,
            root: Root::Host { toolchains: Vec::new() },
            binds: Vec::new(),
            network: Network::None,
            counted: Counted::Each,
            waive: BTreeSet::new(),
        };
        JailBuilder { spec, cgroup_parent: None }
    }

    /// Runs one command in a fresh jail and removes the jail.
    ///
    /// # Errors
    /// A fault of ours or of the host, or something that cannot be enforced here. What the program did,
    /// however bad, is `Ok`.
    pub fn run(&self, command: &Command, cancel: &Cancel) -> Result<Outcome, SandboxError> {
        let wants = Wants::of(&command.limits);
        let meanwhile = || Delivery::new(command, self.shape.counted);
        let (sandbox, delivery) = JailSandbox::create_while(&self.shape, &self.slots, wants, meanwhile)?;
        sandbox.run_last(command, delivery?, cancel)
    }

    /// Makes a jail that can run several commands.
    ///
    /// # Errors
    /// It cannot be made here; nothing of it is left.
    pub fn create(&self) -> Result<Box<dyn Sandbox>, SandboxError> {
        Ok(Box::new(JailSandbox::create(&self.shape, &self.slots, Wants::default())?))
    }

    /// What this host enforces each limit with, or the error that running under these limits would give.
    ///
    /// # Errors
    /// A limit that is not waived cannot be enforced.
    pub fn receipt(&self, limits: &dayfly_jobs::Limits) -> Result<dayfly_jobs::Receipt, SandboxError> {
        receipt::receipt(&self.shape, &self.slots, limits)
    }

    /// Every step of building the root, one in a line, for people.
    pub fn plan(&self) -> String {
        self.shape.plan.to_string()
    }
}

impl JailBuilder {
    /// What is at `/`.
    #[must_use]
    pub fn root(mut self, root: Root) -> Self {
        self.spec.root = root;
        self
    }

    /// Shows a host path inside.
    #[must_use]
    pub fn bind(mut self, bind: Bind) -> Self {
        self.spec.binds.push(bind);
        self
    }

    /// What network there is.
    #[must_use]
    pub fn network(mut self, network: Network) -> Self {
        self.spec.network = network;
        self
    }

    /// How limits count.
    #[must_use]
    pub fn counted(mut self, counted: Counted) -> Self {
        self.spec.counted = counted;
        self
    }

    /// Lets a limit go unenforced where this host cannot enforce it.
    #[must_use]
    pub fn waive(mut self, limit: Limit) -> Self {
        self.spec.waive.insert(limit);
        self
    }

    /// Makes cgroups below this one instead of finding a place for them.
    #[must_use]
    pub fn cgroup_parent(mut self, parent: Option<PathBuf>) -> Self {
        self.cgroup_parent = parent;
        self
    }

    /// Makes ready what all jails of this shape share.
    ///
    /// # Errors
    /// The host lacks something that is asked for, or a path cannot be used.
    pub fn build(self) -> Result<Jail, SandboxError> {
        JailBackend::new(self.cgroup_parent).jail(&self.spec)
    }
}

/// The jail as a [`Backend`].
#[derive(Debug, Clone, Default)]
pub struct JailBackend {
    cgroup_parent: Option<PathBuf>,
}

/// Limits that every command has and that need a cgroup.
const GROUP_LIMITS: [Limit; 3] = [Limit::CpuTime, Limit::Memory, Limit::Processes];

impl JailBackend {
    /// Makes cgroups below `cgroup_parent`, or where it finds a place for them.
    pub fn new(cgroup_parent: Option<PathBuf>) -> Self {
        Self { cgroup_parent }
    }

    /// A jail of this shape.
    ///
    /// # Errors
    /// The host lacks something that is asked for, or a path cannot be used.
    pub fn jail(&self, spec: &SandboxSpec) -> Result<Jail, SandboxError> {
        let needed: Vec<_> = GROUP_LIMITS.into_iter().filter(|limit| !spec.waive.contains(limit)).collect();
        let driver = match cgroup::detect(self.cgroup_parent.as_deref(), &spec.waive) {
            Ok(driver) => Some(driver),
            Err(_) if needed.is_empty() => None,
            Err(CgroupError::Unusable { reason, fix }) => {
                return Err(SandboxError::Unenforceable { limits: needed, reason, fix });
            }
            Err(error) => return Err(error.into()),
        };
        let shape = Arc::new(Shape::new(spec, driver)?);
        Ok(Jail { shape, slots: Arc::new(Slots::open_default()?) })
    }
}

impl Backend for JailBackend {
    fn create(&self, spec: &SandboxSpec) -> Result<Box<dyn Sandbox>, SandboxError> {
        self.jail(spec)?.create()
    }
}

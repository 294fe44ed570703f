//! What all jails of one shape share: computed once, used for any number of them.

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

use dayfly_jobs::Limit;
use dayfly_policies::Policy;

use super::plan::Plan;
use super::template::Origin;
use super::{measure, root};
use crate::cgroup::{Driver, Wants};
use crate::sys::landlock::Abi;
use crate::{Counted, SandboxError, SandboxSpec};

/// A specification made ready for this host.
#[derive(Debug, Clone)]
pub(crate) struct Shape {
    pub plan: Plan,
    pub policy: Arc<Policy>,
    /// The policy's filter in the kernel's layout.
    pub filter: Vec<libc::sock_filter>,
    pub landlock: Option<Abi>,
    /// The processors of this host, when they were counted.
    processors: OnceLock<u32>,
    pub counted: Counted,
    pub waived: BTreeSet<Limit>,
    /// How cgroups are made here; `None` where there are none to be had and every limit that needs them is
    /// waived.
    pub driver: Option<Arc<dyn Driver>>,
    /// Who makes the processes.
    pub origin: Arc<Origin>,
}

impl Shape {
    /// What a command is likely to want whose limits are not known: jobs of a worker have a share of the processors
    /// unless they say otherwise, and who wants less is served as well.
    pub(crate) fn likely_wants(&self) -> Wants {
        Wants { cpu_quota: self.counted == Counted::InTotal, cpu_set: false }
    }

    /// The processors of this host. Counted when that is first asked, which no program has to wait for.
    pub(crate) fn processors(&self) -> Result<u32, SandboxError> {
        match self.processors.get() {
            Some(count) => Ok(*count),
            None => measure::online().map(|count| *self.processors.get_or_init(|| count)),
        }
    }

    /// The same with a template of its own.
    pub(crate) fn with_template(&self) -> Self {
        Self { origin: Arc::new(Origin::template()), ..self.clone() }
    }

    pub(crate) fn new(spec: &SandboxSpec, driver: Option<Arc<dyn Driver>>) -> Result<Self, SandboxError> {
        if !spec.policy.allows_network(spec.network) {
            return Err(SandboxError::NetworkRefused {
                network: spec.network,
                policy: spec.policy.name().to_owned(),
            });
        }
        let filter = spec.policy.filter().program().iter().map(|instruction| libc::sock_filter {
            code: instruction.code,
            jt: instruction.jt,
            jf: instruction.jf,
            k: instruction.k,
        });
        Ok(Self {
            plan: root::plan(spec)?,
            policy: Arc::clone(&spec.policy),
            filter: filter.collect(),
            landlock: Abi::of_kernel(),
            processors: OnceLock::new(),
            counted: spec.counted,
            waived: spec.waive.clone(),
            driver,
            origin: Arc::default(),
        })
    }
}

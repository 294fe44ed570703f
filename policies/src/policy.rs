//! A policy that is ready for use.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use dayfly_jobs::Limits;

use crate::language::{self, Arch, Ceilings, Definition, Filter, Head, MAX_TEXT, Network, PolicyError, Rule};
use crate::resolve;

/// What a job may do: system calls, networks, limits.
#[derive(Debug)]
pub struct Policy {
    head: Head,
    filter: Filter,
    /// Of a built-in policy, whose rules are read from it when they are asked for.
    text: &'static str,
    rules: OnceLock<Vec<Rule>>,
}

impl Policy {
    /// Reads and compiles the policy in a file.
    pub fn load(path: &Path) -> Result<Arc<Self>, PolicyError> {
        let unreadable = |source| PolicyError::Unreadable { path: path.to_owned(), source };
        let mut text = String::new();
        // One byte more than is accepted, so that a longer file is told from one that just fits.
        let most = u64::try_from(MAX_TEXT).unwrap_or(u64::MAX).saturating_add(1);
        File::open(path).and_then(|file| file.take(most).read_to_string(&mut text)).map_err(unreadable)?;
        Self::parse(&text, &path.display().to_string())
    }

    /// Reads and compiles a policy. `origin` is what errors call the text.
    pub fn parse(text: &str, origin: &str) -> Result<Arc<Self>, PolicyError> {
        let definition = Definition::parse(text, origin)?;
        let rules = definition.rules()?;
        let filter = language::compile(definition.name(), &rules, Arch::NATIVE)?;
        let policy = Self { head: definition.into_head(), filter, text: "", rules: OnceLock::from(rules) };
        resolve(&policy, policy.default_limits())?;
        Ok(Arc::new(policy))
    }

    /// A policy that was compiled when Dayfly was built. Its text is not read: every process that runs a job would
    /// wait for that, and few need the rules.
    pub(crate) fn embedded(
        name: &str,
        text: &'static str,
        head: &[u8],
        program: &[u8],
    ) -> Result<Arc<Self>, PolicyError> {
        let damaged = || PolicyError::Uncompilable {
            policy: name.to_owned(),
            reason: "what was built into this program is damaged; install it again".to_owned(),
        };
        let head = serde_json::from_slice(head).map_err(|_| damaged())?;
        let filter = Filter::from_bytes(program).ok_or_else(damaged)?;
        Ok(Arc::new(Self { head, filter, text, rules: OnceLock::new() }))
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.head.name
    }

    /// What it is for, in a sentence.
    pub fn description(&self) -> &str {
        &self.head.description
    }

    /// The filter for the kernel.
    pub fn filter(&self) -> &Filter {
        &self.filter
    }

    /// The limits of a job that names none.
    pub fn default_limits(&self) -> &Limits {
        &self.head.limits
    }

    /// The most a job may ask for.
    pub fn ceilings(&self) -> &Ceilings {
        &self.head.ceilings
    }

    /// The networks a job may have.
    pub fn networks(&self) -> &[Network] {
        &self.head.networks
    }

    /// Whether a job may have this network.
    pub fn allows_network(&self, network: Network) -> bool {
        self.networks().contains(&network)
    }

    /// Every rule, with those that every policy has because starting a program needs them.
    ///
    /// For a built-in policy the rules are read on the first call; an error would be a fault of the build.
    pub fn rules(&self) -> Result<&[Rule], PolicyError> {
        if let Some(rules) = self.rules.get() {
            return Ok(rules);
        }
        let rules = Definition::parse(self.text, &format!("policy {}", self.name()))?.rules()?;
        Ok(self.rules.get_or_init(|| rules))
    }
}

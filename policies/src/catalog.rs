//! The policies that are part of the program.

use std::sync::{Arc, OnceLock};

use crate::language::{PolicyError, hint};
use crate::policy::Policy;

/// The built-in policies, by name.
#[derive(Debug)]
pub struct Catalog {
    entries: [Entry; 4],
}

#[derive(Debug)]
struct Entry {
    name: &'static str,
    text: &'static str,
    head: &'static [u8],
    program: &'static [u8],
    policy: OnceLock<Arc<Policy>>,
}

macro_rules! entry {
    ($name:literal) => {
        Entry {
            name: $name,
            text: include_str!(concat!("../profiles/", $name, ".toml")),
            head: include_bytes!(concat!(env!("OUT_DIR"), "/", $name, ".json")),
            program: include_bytes!(concat!(env!("OUT_DIR"), "/", $name, ".bpf")),
            policy: OnceLock::new(),
        }
    };
}

static BUILTIN: Catalog =
    Catalog { entries: [entry!("strict"), entry!("compile"), entry!("interpreted"), entry!("ci")] };

impl Catalog {
    /// The catalog; its policies are read when they are first asked for.
    pub fn builtin() -> &'static Self {
        &BUILTIN
    }

    /// The policy with this name.
    pub fn get(&self, name: &str) -> Result<Arc<Policy>, PolicyError> {
        let entry = self.entries.iter().find(|entry| entry.name == name).ok_or_else(|| self.unknown(name))?;
        if let Some(policy) = entry.policy.get() {
            return Ok(Arc::clone(policy));
        }
        let policy = Policy::embedded(entry.name, entry.text, entry.head, entry.program)?;
        Ok(Arc::clone(entry.policy.get_or_init(|| policy)))
    }

    /// Every name, from the tightest policy to the widest.
    pub fn names(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.entries.iter().map(|entry| entry.name)
    }

    fn unknown(&self, name: &str) -> PolicyError {
        PolicyError::UnknownPolicy {
            name: name.to_owned(),
            hint: hint(name, self.names()),
            known: self.names().collect::<Vec<_>>().join(", "),
        }
    }
}

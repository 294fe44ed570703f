//! What this host offers: facts found by doing, and the report that is made of them.
//!
//! [`HostSupport::probe`] does all the looking and [`HostSupport::report`] all the judging; the second is pure.
//! Nothing here changes the host, and nothing is left of a probe.

#[cfg(test)]
mod tests;

mod caller;
mod cgroups;
mod confinement;
mod files;
mod mounts;
mod namespaces;
mod processes;
mod proof;
mod report;
mod settings;
mod sys;
mod timing;
mod trial;

use std::env::consts::ARCH;
use std::path::Path;

pub use caller::Caller;
pub use cgroups::{Cgroups, Groups, Refusal, V2Tree};
pub use confinement::Confinement;
pub use mounts::Mounts;
pub use namespaces::Namespaces;
pub use processes::Processes;
pub use proof::prove;
pub use settings::Settings;
pub use timing::{Jitter, Timing};
pub use trial::{Failed, Step, Tried};

use files::HostFiles;
use namespaces::IdMaps;

/// What this host can do for the user who runs this process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostSupport {
    /// Kernel release, as `uname -r` prints it.
    pub kernel: String,
    /// The machine: `x86_64`.
    pub machine: &'static str,
    /// Who asks.
    pub caller: Caller,
    /// Kernel switches.
    pub settings: Settings,
    /// Namespaces.
    pub namespaces: Namespaces,
    /// Mounts.
    pub mounts: Mounts,
    /// Processes by descriptor.
    pub processes: Processes,
    /// Seccomp and Landlock.
    pub confinement: Confinement,
    /// Control groups.
    pub cgroups: Cgroups,
    /// What makes times unsteady.
    pub timing: Timing,
}

impl HostSupport {
    /// Looks at this host. Takes some ten milliseconds and a few processes, which are gone when it returns.
    /// `cgroup_parent` is the group that sandboxes are made below, if one is configured.
    pub fn probe(cgroup_parent: Option<&Path>) -> Self {
        let files = HostFiles::below("/");
        let ids = IdMaps::of_this_process();
        let mountinfo = files.text("/proc/self/mountinfo").unwrap_or_default();
        let caller = Caller::probe(&files);
        Self {
            kernel: files.text("/proc/sys/kernel/osrelease").unwrap_or_default(),
            machine: ARCH,
            settings: Settings::read(&files),
            namespaces: Namespaces::probe(&ids),
            mounts: Mounts::probe(&ids, caller.admin, &mountinfo),
            processes: Processes::probe(),
            confinement: Confinement::probe(),
            timing: Timing::read(&files),
            cgroups: Cgroups::probe(&files, &mountinfo, cgroup_parent),
            caller,
        }
    }
}

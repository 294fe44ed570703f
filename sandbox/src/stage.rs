//! Where setting up a jail failed.

use std::fmt;

/// One stage of setting up a jail or starting a command in it, in the order they happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum SetupStage {
    /// Becoming the first user of the new user namespace.
    Identity,
    /// Cutting the mount tree off from the host's.
    Propagation,
    /// Cloning a host path to show; the index tells which.
    CloneTree,
    /// Making the new root.
    Root,
    /// One step of filling it; the index tells which.
    Fill,
    /// Making the writable tree.
    Scratch,
    /// Mounting the jail's own `/proc`.
    Proc,
    /// Changing to the new root and dropping the host's.
    Pivot,
    /// Setting the host name.
    HostName,
    /// Making the jail's network namespace, and entering it.
    Network,
    /// Bringing up the loopback interface.
    Loopback,
    /// Making the jail's init harmless and unreachable.
    Harden,
    /// Entering the jail's namespaces.
    Join,
    /// Making the command's process inside the command's cgroup.
    Spawn,
    /// Entering the groups of a cgroup v1 hierarchy.
    EnterGroups,
    /// Leaving the supervisor's session, keyring and signal settings.
    Session,
    /// Receiving the command.
    Receive,
    /// Setting the size of the writable tree.
    Resize,
    /// Setting a resource limit; the index is the kernel's number of it.
    Rlimits,
    /// Putting the standard streams in place.
    Streams,
    /// Dropping capabilities and changing user.
    Credentials,
    /// Entering the working folder.
    Workdir,
    /// Restricting file access with Landlock.
    Landlock,
    /// Installing the system call filter.
    Seccomp,
    /// Executing the program.
    Exec,
}

impl SetupStage {
    const ALL: [Self; 25] = [
        Self::Identity,
        Self::Propagation,
        Self::CloneTree,
        Self::Root,
        Self::Fill,
        Self::Scratch,
        Self::Proc,
        Self::Pivot,
        Self::HostName,
        Self::Network,
        Self::Loopback,
        Self::Harden,
        Self::Join,
        Self::Spawn,
        Self::EnterGroups,
        Self::Session,
        Self::Receive,
        Self::Resize,
        Self::Rlimits,
        Self::Streams,
        Self::Credentials,
        Self::Workdir,
        Self::Landlock,
        Self::Seccomp,
        Self::Exec,
    ];

    pub(crate) fn from_number(number: u32) -> Option<Self> {
        Self::ALL.get(usize::try_from(number).ok()?).copied()
    }

    pub(crate) fn number(self) -> u32 {
        self as u32
    }

    const fn action(self) -> &'static str {
        match self {
            Self::Identity => "become the first user of the user namespace",
            Self::Propagation => "make the mount tree private",
            Self::CloneTree => "clone a host path",
            Self::Root => "make the new root",
            Self::Fill => "fill the new root",
            Self::Scratch => "make the writable tree",
            Self::Proc => "mount /proc",
            Self::Pivot => "change to the new root",
            Self::HostName => "set the host name",
            Self::Network => "make or enter the network namespace",
            Self::Loopback => "bring up the loopback interface",
            Self::Harden => "harden init",
            Self::Join => "enter the namespaces",
            Self::Spawn => "start the command's process",
            Self::EnterGroups => "enter the cgroups",
            Self::Session => "start a new session",
            Self::Receive => "receive the command",
            Self::Resize => "set the size of the writable tree",
            Self::Rlimits => "set a resource limit",
            Self::Streams => "put the standard streams in place",
            Self::Credentials => "drop privileges",
            Self::Workdir => "enter the working folder",
            Self::Landlock => "restrict file access with Landlock",
            Self::Seccomp => "install the system call filter",
            Self::Exec => "execute the program",
        }
    }
}

impl fmt::Display for SetupStage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.action())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_lead_back_to_their_stage() {
        for (number, stage) in SetupStage::ALL.into_iter().enumerate() {
            assert_eq!(usize::try_from(stage.number()), Ok(number));
            assert_eq!(SetupStage::from_number(stage.number()), Some(stage));
        }
        assert_eq!(SetupStage::from_number(25), None);
    }
}

//! What goes along with a command's process or its courier, whoever makes it.

use std::os::fd::{BorrowedFd, RawFd};

use super::JOINED;
use crate::jail::child::{self, ToNetwork};
use crate::jail::shape::Shape;

/// The descriptors of a command's process, or of its courier.
#[derive(Debug)]
pub(crate) struct Luggage<'a> {
    /// Its end of the socket to the supervisor.
    pub report: BorrowedFd<'a>,
    /// The namespaces to join, in this order; that of PIDs is the last.
    pub namespaces: [BorrowedFd<'a>; JOINED],
    /// That of mounts.
    pub mounts: BorrowedFd<'a>,
    /// That of networks, or the way to it.
    pub network: ToNetwork<'a>,
    /// The folder of the command's cgroup, where it is one of version 2.
    pub cgroup: Option<BorrowedFd<'a>>,
    /// The files through which its process enters its cgroups of version 1.
    pub tasks: &'a [BorrowedFd<'a>],
}

impl<'a> Luggage<'a> {
    pub(crate) fn descriptors(&self) -> impl Iterator<Item = BorrowedFd<'a>> {
        let fixed =
            [self.report].into_iter().chain(self.namespaces).chain([self.mounts, self.network.descriptor()]);
        fixed.chain(self.cgroup).chain(self.tasks.iter().copied())
    }

    /// What the process needs to know. One that is made in the PID namespace need not join it.
    pub(crate) fn brief(&'a self, shape: &'a Shape, keep: &'a [RawFd], ranged: bool) -> child::Brief<'a> {
        let [others @ .., _] = &self.namespaces;
        child::Brief {
            plan: &shape.plan,
            namespaces: if ranged { others } else { &self.namespaces },
            network: self.network,
            mounts: self.mounts,
            report: self.report,
            keep,
            cgroup: self.cgroup,
            tasks: self.tasks,
            filter: &shape.filter,
            landlock: shape.landlock,
            ranged,
        }
    }
}

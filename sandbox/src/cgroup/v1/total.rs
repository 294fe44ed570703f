//! The group over those of a sandbox's commands, in version 1: theirs are folders in its folders.

use std::collections::BTreeSet;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use dayfly_jobs::{CpuTime, Limit, Receipt};
use nix::errno::Errno;
use nix::sys::eventfd::EventFd;

use super::super::files::Dir;
use super::super::make::MakeError;
use super::super::{CgroupError, Group, GroupName, TotalGroup, Wants, limits, parse};
use super::group::V1Group;
use super::seats::{self, Seat};
use super::{Facts, Role, kill};
use crate::Total;

/// The group.
#[derive(Debug)]
pub(super) struct V1Total {
    name: GroupName,
    parents: Arc<[Seat]>,
    /// Of these the commands' groups are made below.
    seats: Arc<[Seat]>,
    /// `None` where a controller is missing and its limit waived, as with the next.
    usage: Option<OwnedFd>,
    oom: Option<EventFd>,
    facts: Arc<Facts>,
}

impl V1Total {
    pub(super) fn make(
        parents: &Arc<[Seat]>,
        name: &GroupName,
        facts: &Arc<Facts>,
    ) -> Result<Self, MakeError> {
        seats::make(parents, name, Role::wanted(Wants::default()), |seats| {
            seats::find(&seats, Role::Memory).map_or(Ok(()), count_groups_below)?;
            let (usage, oom) = (seats::open_usage(&seats)?, seats::arm_oom(&seats)?);
            let (name, parents, facts) = (name.clone(), parents.clone(), facts.clone());
            Ok(Self { name, parents, seats: seats.into(), usage, oom, facts })
        })
    }

    /// Sees to it that there is a folder for each of these wants. One that has to be made is below our parent's,
    /// where nobody removes it but us.
    fn extend(&mut self, wants: Wants) -> Result<(), CgroupError> {
        let held = self.seats.iter().fold(0, |roles, seat| roles | seat.roles);
        let mut missing = Role::wanted(wants) & !held;
        missing &= self.parents.iter().fold(0, |roles, parent| roles | parent.roles);
        if missing == 0 {
            return Ok(());
        }
        let made = seats::make(&self.parents, &self.name, missing, Ok);
        let mut seats = made.map_err(|error| error.into_error(&self.name))?;
        for parent in self.parents.iter().filter(|parent| parent.roles & held != 0) {
            seats.push(Seat { roles: parent.roles, dir: seats::open(&parent.dir, &self.name)? });
        }
        // In the order of the roles, so that a process that enters is counted before anything else.
        seats.sort_by_key(|seat| seat.roles.trailing_zeros());
        self.seats = seats.into();
        Ok(())
    }

    fn processes(&self) -> Result<Option<u64>, CgroupError> {
        let Ok(dir) = seats::find(&self.seats, Role::Pids) else { return Ok(None) };
        limits::processes(dir).map(Some)
    }
}

impl TotalGroup for V1Total {
    fn apply(&mut self, total: &Total, waived: &BTreeSet<Limit>) -> Result<Receipt, CgroupError> {
        self.extend(total.wants())?;
        let (seats, facts) = (&self.seats, &*self.facts);
        let mut receipt = Receipt::new();
        receipt.insert(Limit::Memory, seats::limit_memory(seats, facts, total.memory, waived)?);
        receipt.insert(Limit::Processes, seats::limit_processes(seats, facts, total.processes, waived)?);
        if let Some(cpus) = &total.cpus {
            receipt.insert(Limit::Cpus, seats::limit_cpus(seats, facts, cpus, waived)?);
        }
        Ok(receipt)
    }

    fn create(&mut self, name: &GroupName, wants: Wants) -> Result<Box<dyn Group>, CgroupError> {
        self.extend(wants)?;
        let group = V1Group::make(&self.seats, name, wants, &self.facts);
        Ok(Box::new(group.map_err(|error| error.into_error(name))?))
    }

    fn cpu_time(&self) -> Result<CpuTime, CgroupError> {
        seats::cpu_time(&self.seats, self.usage.as_ref())
    }

    fn ran_out(&mut self) -> Result<bool, CgroupError> {
        let Some(oom) = &self.oom else { return Ok(false) };
        let memory = seats::find(&self.seats, Role::Memory)?;
        match oom.read() {
            // A group above that runs out fires it as well.
            Ok(_) => {
                let full = seats::was_full(memory, &self.facts)?;
                seats::forget_full(memory, &self.facts)?;
                Ok(full)
            }
            Err(Errno::EAGAIN) => Ok(false),
            Err(errno) => Err(CgroupError::file("read the event of", memory.path(), errno)),
        }
    }

    /// Who is moved into a group is not stopped by its limit, only who forks in it: the process of a command may
    /// be the one too many.
    fn is_overfull(&self) -> Result<bool, CgroupError> {
        let Ok(dir) = seats::find(&self.seats, Role::Pids) else { return Ok(false) };
        let Some(most) = dir.parse("pids.max", "a number or max", parse::ceiling)? else { return Ok(false) };
        Ok(self.processes()?.is_some_and(|now| now > most))
    }

    /// Nobody is stopped from entering, see above.
    fn has_refused(&mut self) -> Result<bool, CgroupError> {
        Ok(false)
    }

    fn kill(&self) -> Result<(), CgroupError> {
        kill::kill_all(&groups_below(self.seats.iter().map(|seat| &seat.dir))?)?;
        match seats::find(&self.seats, Role::Pids) {
            Ok(dir) => limits::await_release(dir),
            Err(_) => Ok(()),
        }
    }

    fn remove(self: Box<Self>) -> Result<(), CgroupError> {
        seats::remove(&self.parents, &self.name)
    }
}

/// Kills and removes the groups in these folders of one group.
pub(super) fn clear(dirs: &[Dir]) -> Result<(), CgroupError> {
    let below = groups_below(dirs)?;
    kill::refuse_strangers(&below)?;
    kill::kill_all(&below)?;
    for dir in dirs {
        GroupName::all_in(dir)?.iter().try_for_each(|name| dir.remove(name.as_str()))?;
    }
    Ok(())
}

fn groups_below<'a>(dirs: impl IntoIterator<Item = &'a Dir>) -> Result<Vec<Dir>, CgroupError> {
    let mut below = Vec::new();
    for dir in dirs {
        for name in GroupName::all_in(dir)? {
            below.extend(dir.child(name.as_str())?);
        }
    }
    Ok(below)
}

/// Makes the memory of the groups below count here, which Linux before 5.11 does only when asked to, and only
/// while there are none.
fn count_groups_below(memory: &Dir) -> Result<(), CgroupError> {
    match memory.read_if_any("memory.use_hierarchy")? {
        Some(text) if text.trim_end() == "0" => memory.write("memory.use_hierarchy", "1"),
        _ => Ok(()),
    }
}

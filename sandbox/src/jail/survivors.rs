//! What earlier commands of a sandbox left running, and what it can do to the process of the next one.
//!
//! That process is ours until it executes its program, and its death before that is a fault of ours or of the host,
//! unless the job can have brought it about. The kernel lets a process signal those of its own user. So it depends on
//! whose the dead one was when it ended: as root it is the job's from when it takes the job's user, without root from
//! its first moment in the jail. Init and courier are out of reach: PID 1 takes no signal from inside, and the courier
//! is not in the PID namespace, and neither is a template.

use crate::sys::pidfd::{End, Ended};

/// Processes that earlier commands left in the background, or may have left.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Survivors {
    /// Their user, by the host's id.
    pub user: libc::uid_t,
}

impl Survivors {
    /// Whether one of them can have ended this process. By which signal it was is theirs to choose.
    pub(crate) fn can_have_ended(self, ended: Ended) -> bool {
        matches!(ended.end, End::Killed(_)) && ended.user == self.user
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_signal_to_a_process_of_their_own_user_can_be_theirs() {
        let survivors = Survivors { user: 1000 };
        for (end, user, theirs) in [
            (End::Killed(9), 1000, true),
            (End::Killed(15), 1000, true),
            (End::Killed(9), 0, false),
            (End::Exited(1), 1000, false),
            (End::Exited(0), 1000, false),
        ] {
            assert_eq!(survivors.can_have_ended(Ended { end, user }), theirs, "{end:?} of {user}");
        }
    }
}

//! Making the processes of a jail, from the supervisor's side: `of_init.rs` for its first one, `of_command.rs` for one
//! that runs a command.

mod luggage;
mod of_command;
mod of_init;

use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::socket::{setsockopt, sockopt};
use nix::sys::time::{TimeVal, TimeValLike};

pub(crate) use self::luggage::Luggage;
pub(crate) use self::of_command::{
    Arriving, CommandProcess, Process, abandon, await_parked, clone_command, clone_courier, last_words, meet,
    not_spawned, recall, start_command,
};
pub(crate) use self::of_init::{
    Built, Init, JOINED, NAMESPACES, Remains, await_built, clone_init, end, failure_of, start_init,
};
use super::report::Failure;
use super::shape::Shape;
use crate::sys::message;
use crate::{SandboxError, SetupStage};

/// How long a process of ours may take for its next step before the host is called broken.
const PATIENCE_SECS: i64 = 20;
pub(crate) const PATIENCE: Duration = Duration::from_secs(PATIENCE_SECS.unsigned_abs());

fn system(action: &'static str) -> impl Fn(Errno) -> SandboxError {
    move |errno| SandboxError::system(action, errno)
}

/// A socket pair whose first end gives up after [`PATIENCE_SECS`].
pub(super) fn patient_pair() -> Result<(OwnedFd, OwnedFd), SandboxError> {
    let (ours, theirs) = message::pair().map_err(system("make a socket pair"))?;
    set_patience(&ours, PATIENCE_SECS).map_err(system("set a socket's time limit"))?;
    Ok((ours, theirs))
}

fn set_patience(socket: &OwnedFd, seconds: i64) -> nix::Result<()> {
    setsockopt(socket, sockopt::ReceiveTimeout, &TimeVal::seconds(seconds))
}

fn ascending<'a>(fds: impl Iterator<Item = BorrowedFd<'a>>) -> Vec<RawFd> {
    let mut numbers: Vec<_> = fds.map(|fd| fd.as_raw_fd()).collect();
    numbers.sort_unstable();
    numbers
}

/// The error of a failed stage, naming what it was about where the stage has several things.
pub(crate) fn setup_error(shape: &Shape, failure: Failure) -> SandboxError {
    let Failure { stage, errno, index } = failure;
    let index = usize::try_from(index).unwrap_or(usize::MAX);
    let about = match stage {
        SetupStage::CloneTree => {
            shape.plan.sources.get(index).map(|source| source.path.to_string_lossy().into_owned())
        }
        SetupStage::Fill => shape.plan.step_text(index),
        _ => None,
    };
    SandboxError::Setup { stage, errno, about }
}

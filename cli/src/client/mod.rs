//! The side of the API that calls: finds the scheduler, sends, waits, says what was refused.
//!
//! Nothing of this exists before a command asks for it: `dayfly run` starts no runtime and sets up no TLS.

use std::future::Future;

use crate::error::CliError;

mod blob;
mod call;
mod events;
mod key;
mod paths;
mod target;

pub(crate) use blob::{Upload, send_blob};
pub(crate) use call::{Client, Repeat};
pub(crate) use events::{Events, Message};
pub(crate) use key::random_key;
pub(crate) use target::{Discovered, ServerArgs, Target};

/// Runs the whole of a command that talks to a scheduler, on this one thread.
pub(crate) fn block_on<T>(work: impl Future<Output = Result<T, CliError>>) -> Result<T, CliError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(CliError::Runtime)?.block_on(work)
}

//! Signals that reach `dayfly` end the job: the first in order, the second at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use dayfly_sandbox::Cancel;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::{flag, low_level};

use crate::error::CliError;
use crate::exit;

const WATCHED: [(i32, &str); 3] = [(SIGINT, "SIGINT"), (SIGTERM, "SIGTERM"), (SIGHUP, "SIGHUP")];

/// The signal that cancelled the job, if any did.
#[derive(Debug, Clone, Default)]
pub(crate) struct Caught(Arc<AtomicUsize>);

impl Caught {
    /// Its name.
    pub(crate) fn name(&self) -> Option<&'static str> {
        let place = self.0.load(Ordering::Acquire).checked_sub(1)?;
        WATCHED.get(place).map(|(_, name)| *name)
    }
}

/// Throws the switch on the first SIGINT, SIGTERM or SIGHUP, and leaves on the second without waiting: the
/// jail's init sees our end and the kernel kills the job. A signal that was ignored when we started (`nohup`,
/// background jobs) stays ignored. All of it happens in the handlers: one more thread would slow down every jail.
pub(crate) fn watch(cancel: &Cancel) -> Result<Caught, CliError> {
    // To write beyond a limit on the size of files is an error to be told, not our end.
    flag::register(SIGXFSZ, Arc::default()).map_err(CliError::Signals)?;
    let (caught, armed) = (Caught::default(), Arc::new(AtomicBool::new(false)));
    for (place, (signal, _)) in WATCHED.iter().enumerate() {
        if Cancel::is_ignored(*signal).map_err(CliError::Signals)? {
            continue;
        }
        // In this order: the first signal finds the way out closed, and opens it for the second.
        flag::register_conditional_shutdown(*signal, i32::from(exit::CANCELLED), Arc::clone(&armed))
            .and_then(|_| flag::register(*signal, Arc::clone(&armed)))
            .and_then(|_| flag::register_usize(*signal, Arc::clone(&caught.0), place + 1))
            .and_then(|_| low_level::pipe::register(*signal, cancel.switch()?))
            .map_err(CliError::Signals)?;
    }
    Ok(caught)
}

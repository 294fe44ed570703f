//! How a service ends: the first signal begins it, the second hurries it.

use std::future::Future;
use std::io;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::error::CliError;

/// What signals set off.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ending {
    /// SIGTERM or SIGINT came: take nothing new, finish what runs.
    pub(crate) shutdown: CancellationToken,
    /// Another one came: give back what runs.
    pub(crate) hurry: CancellationToken,
}

/// Runs a service on a runtime of its own until it has ended. Nobody may look into this process from now on: it
/// holds tokens and secrets.
pub(crate) fn run<F: Future<Output = Result<u8, CliError>>>(
    service: impl FnOnce(Ending) -> F,
) -> Result<u8, CliError> {
    nix::sys::prctl::set_dumpable(false).map_err(|errno| CliError::Runtime(errno.into()))?;
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(CliError::Runtime)?;
    let ending = Ending::default();
    let ended = runtime.block_on(async {
        let mut signals = Signals::listen().map_err(CliError::Runtime)?;
        let watched = ending.clone();
        tokio::spawn(async move {
            signals.next().await;
            tracing::info!("ending; a second signal gives back what still runs");
            watched.shutdown.cancel();
            signals.next().await;
            tracing::info!("ending at once");
            watched.hurry.cancel();
        });
        service(ending).await
    });
    // What is still blocked somewhere has nothing left to say.
    runtime.shutdown_background();
    ended
}

struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

impl Signals {
    fn listen() -> io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

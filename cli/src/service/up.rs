//! `dayfly up`: everything on this machine, in one process. The two halves talk over the loopback address as they
//! would over a network.

use dayfly_jobs::wire::Permission;
use tokio_util::sync::CancellationToken;

use super::args::UpArgs;
use super::ending::{self, Ending};
use super::scheduler::Ready;
use super::worker;
use crate::args::Global;
use crate::config;
use crate::error::CliError;
use crate::output::{Out, log};
use crate::surroundings::Surroundings;

/// Runs both until they are told to end, or one of them fails.
pub(crate) fn run(args: &UpArgs, global: &Global, out: &Out) -> Result<u8, CliError> {
    log::service(args.log.log_format, global.verbose);
    let host = Surroundings::read();
    let settings = config::load(global.config.as_deref(), &host)?;
    ending::run(|ending| async move {
        let ready = Ready::open(&args.scheduler, &settings, &host).await?;
        let token = ready.scheduler.renew_token("this-process", &[Permission::Worker]).await?;
        let mut config = worker::config(&ready.url, &token, &args.worker, &settings, &host)?;
        config.hurry = ending.hurry.clone();
        ready.scheduler.add_metrics(config.metrics.clone());
        let slots = config.capacity.slots;
        out.note(&format!("{}running {slots} job(s) at the same time\n", ready.greeting()))?;
        both(ready, config, &ending).await.map(|()| 0)
    })
}

/// The scheduler outlives the worker: it has to hear how the last jobs ended.
async fn both(ready: Ready, config: dayfly_worker::Config, ending: &Ending) -> Result<(), CliError> {
    let (stop_worker, stop_scheduler) = (ending.shutdown.child_token(), CancellationToken::new());
    let mut scheduler = Box::pin(ready.serve(stop_scheduler.clone()));
    let mut worker = Box::pin(dayfly_worker::run(config, stop_worker.clone()));
    tokio::select! {
        ended = &mut scheduler => {
            stop_worker.cancel();
            worker.await?;
            ended
        }
        ended = &mut worker => {
            if ended.is_ok() && !ending.shutdown.is_cancelled() {
                tracing::info!("the worker was drained and has ended; the scheduler goes on without it");
                tokio::select! {
                    ended = &mut scheduler => return ended,
                    () = ending.shutdown.cancelled() => {}
                }
            }
            stop_scheduler.cancel();
            scheduler.await?;
            Ok(ended?)
        }
    }
}

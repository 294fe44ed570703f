//! `dayfly logs`: what a job printed, whole, its end, or as it grows.

use dayfly_jobs::JobId;
use reqwest::Method;

use super::connect;
use crate::args::Global;
use crate::client::{Client, Repeat, ServerArgs, block_on};
use crate::error::CliError;
use crate::output::{LogSink, Out};
use crate::watch::{LogStream, Piece};
use dayfly_jobs::Bytes;

/// Which log to show.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "On a terminal, control characters of the log are shown and not obeyed; --raw changes that.\n\n\
    Examples:\n  dayfly logs 01m9x3s0d8kq3v7zj2r5t6w8ab\n  dayfly logs -f 01m9x3s0d8kq3v7zj2r5t6w8ab\n  \
    dayfly logs --tail 64k 01m9x3s0d8kq3v7zj2r5t6w8ab | grep error"
)]
pub(crate) struct LogsArgs {
    /// The job.
    #[arg(value_name = "JOB")]
    id: JobId,
    /// Go on until the job has ended.
    #[arg(long, short)]
    follow: bool,
    /// Only so many bytes of its end, such as 64k.
    #[arg(long, value_name = "SIZE")]
    tail: Option<Bytes>,
    /// Do not make the output harmless when it goes to a terminal.
    #[arg(long)]
    raw: bool,
    /// Where the scheduler is.
    #[command(flatten)]
    server: ServerArgs,
}

/// Shows it.
pub(crate) fn run(args: &LogsArgs, global: &Global, _: &Out) -> Result<u8, CliError> {
    if global.json {
        return Err(CliError::usage(
            "a log is no JSON",
            "leave --json away; 'dayfly status JOB --json' has everything else",
        ));
    }
    let client = connect(&args.server, global)?;
    let mut sink = LogSink::open(args.raw)?;
    let shown = block_on(async {
        match args.follow {
            true => follow(&client, args, &mut sink).await,
            false => whole(&client, args, &mut sink).await,
        }
    });
    sink.finish()?;
    shown.map(|()| 0)
}

fn query(args: &LogsArgs) -> Vec<(&'static str, String)> {
    args.tail.iter().map(|tail| ("tail", tail.get().to_string())).collect()
}

async fn whole(client: &Client, args: &LogsArgs, sink: &mut LogSink) -> Result<(), CliError> {
    let request = client.request(Method::GET, &["jobs", &args.id.to_string(), "logs"], &query(args));
    let mut response = client.send(request, Repeat::Safe).await?;
    while let Some(piece) = client.piece(&mut response).await? {
        sink.write(piece.as_ref())?;
    }
    Ok(())
}

async fn follow(client: &Client, args: &LogsArgs, sink: &mut LogSink) -> Result<(), CliError> {
    let mut stream = LogStream::open(client, args.id, query(args));
    loop {
        match stream.next().await? {
            Piece::Bytes { bytes, .. } => sink.write(&bytes)?,
            Piece::Restart => sink.note("dayfly: the job runs again, with a new log\n")?,
            Piece::End => return Ok(()),
        }
    }
}

//! Watching a job: its events and its log arrive on two streams, become one story, and that is shown as it happens.
//!
//! Shows only; a watcher that goes away changes nothing for the job.

use std::time::Duration;

use dayfly_jobs::wire::{Explanation, Happened, JobDetail, JobEvent, RunningStep};
use dayfly_jobs::{JobId, State};
use tokio::sync::{mpsc, watch};

use crate::args::Global;
use crate::client::{Client, Events, Message};
use crate::error::CliError;
use crate::exit;
use crate::output::Out;
use crate::output::watch::View;

mod log;
pub(crate) mod story;

pub(crate) use log::{LogStream, Piece};
use story::Story;

/// How often elapsed time is shown anew.
const TICK: Duration = Duration::from_millis(100);
/// How long a job may wait before it is asked why, and how often again.
const PATIENCE: Duration = Duration::from_secs(2);
const ASK_AGAIN: Duration = Duration::from_secs(15);
/// Messages that may wait to be shown; a stream that is read faster waits as well.
const WAITING: usize = 64;

/// Something that one of the streams brought.
enum News {
    Event(JobEvent),
    Log(Piece),
    /// What the step that runs uses.
    Usage(RunningStep),
    /// Why it waits.
    Waits(String),
}

/// Shows a job until it has ended; its exit code.
pub(crate) async fn job(client: &Client, id: JobId, global: &Global, out: &Out) -> Result<u8, CliError> {
    let path = ["jobs", &id.to_string()];
    let detail: JobDetail = client.get(&path, &[]).await?;
    let view = View::open(&detail, global)?;
    match follow(client, &detail, view).await? {
        Watched::Ended => {}
        Watched::Left => {
            out.note(&format!("dayfly: the job goes on; stop it with: dayfly cancel {id}\n"))?;
            return Ok(exit::CANCELLED);
        }
    }
    let detail: JobDetail = client.get(&path, &[]).await?;
    match global.json {
        true => out.json(&detail)?,
        false => out.text(&crate::output::watch::ending(&detail))?,
    }
    Ok(code(&detail))
}

/// How watching came to its end.
enum Watched {
    Ended,
    /// By a signal.
    Left,
}

async fn follow(client: &Client, job: &JobDetail, mut view: View) -> Result<Watched, CliError> {
    let (mut news, mut away) = open(client, job.summary.id);
    let mut story = Story::default();
    let mut tick = tokio::time::interval(TICK);
    let left = loop {
        tokio::select! {
            signal = tokio::signal::ctrl_c() => {
                signal.map_err(CliError::Signals)?;
                break Watched::Left;
            }
            next = news.recv() => match next {
                Some(Ok(News::Event(event))) => story.happened(event),
                Some(Ok(News::Log(piece))) => story.log(piece),
                Some(Ok(News::Usage(running))) => view.usage(&running),
                Some(Ok(News::Waits(why))) => view.waits(&why)?,
                Some(Err(error)) => return Err(error),
                None => break Watched::Ended,
            },
            Ok(()) = away.changed() => {
                if *away.borrow_and_update() {
                    view.away()?;
                }
            }
            _ = tick.tick() => {
                story.tick();
                view.tick()?;
            }
        }
        for scene in story.scenes() {
            view.show(scene)?;
        }
    };
    if matches!(left, Watched::Ended) {
        for scene in story.finish(job.spec.steps.len()) {
            view.show(scene)?;
        }
    }
    view.close()?;
    Ok(left)
}

/// Starts both streams, and asks about a job that waits. The channel closes when the streams have come to their end.
/// The other one tells whether the scheduler is away.
fn open(client: &Client, id: JobId) -> (mpsc::Receiver<Result<News, CliError>>, watch::Receiver<bool>) {
    let (to, from) = mpsc::channel(WAITING);
    let events = Events::new(client, &["jobs", &id.to_string(), "events"], vec![("follow", "true".into())]);
    let away = events.away();
    tokio::spawn(tell_events(events, to.clone()));
    tokio::spawn(tell_why(client.clone(), id, to.downgrade()));
    tokio::spawn(tell_log(client.clone(), id, to));
    (from, away)
}

/// Whoever no longer listens has ended the watching; then these end as well.
async fn tell_events(mut events: Events, to: mpsc::Sender<Result<News, CliError>>) {
    loop {
        let news = events.next().await.and_then(|message| told(&message));
        let Some(news) = news.transpose() else { continue };
        let ends = match &news {
            Ok(News::Event(event)) => matches!(event.what, Happened::Ended { .. }),
            Ok(News::Log(_) | News::Usage(_) | News::Waits(_)) => false,
            Err(_) => true,
        };
        if to.send(news).await.is_err() || ends {
            return;
        }
    }
}

/// What a message on the stream of events says; nothing if it is of a type that came with a later version.
fn told(message: &Message) -> Result<Option<News>, CliError> {
    match message.event.as_str() {
        "event" | "problem" => log::decoded(message).map(News::Event).map(Some),
        "usage" => log::decoded(message).map(News::Usage).map(Some),
        _ => Ok(None),
    }
}

/// Says why a job waits, as long as it does and somebody listens. That nothing can be said is no fault of the job's.
async fn tell_why(client: Client, id: JobId, to: mpsc::WeakSender<Result<News, CliError>>) {
    let path = ["jobs", &id.to_string(), "explain"];
    let mut pause = PATIENCE;
    let mut last = String::new();
    loop {
        tokio::time::sleep(pause).await;
        let Ok(told) = client.get::<Explanation>(&path, &[]).await else { return };
        let Some(to) = to.upgrade().filter(|_| told.state == State::Queued) else { return };
        if told.summary != last {
            last.clone_from(&told.summary);
            to.send(Ok(News::Waits(told.summary))).await.ok();
        }
        pause = ASK_AGAIN;
    }
}

async fn tell_log(client: Client, id: JobId, to: mpsc::Sender<Result<News, CliError>>) {
    let mut log = LogStream::open(&client, id, Vec::new());
    loop {
        let piece = log.next().await;
        let ends = !matches!(piece, Ok(Piece::Bytes { .. } | Piece::Restart));
        if to.send(piece.map(News::Log)).await.is_err() || ends {
            return;
        }
    }
}

/// The code to exit with for a job that has ended.
fn code(detail: &JobDetail) -> u8 {
    let fallback = match detail.summary.state {
        State::Cancelled => exit::CANCELLED,
        State::Queued
        | State::Leased
        | State::Running
        | State::Finished
        | State::InfrastructureError
        | State::Quarantined => exit::FAILED,
    };
    detail.summary.exit_code.unwrap_or(fallback)
}

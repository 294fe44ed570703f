//! Server-sent events: what happened to a job, and its log, as it grows. A stream holds one piece at a time and ends
//! with the job, so that a slow reader costs nothing but itself.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

use axum::http::{HeaderMap, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use dayfly_jobs::wire::{Happened, JobDetail, JobEvent, LogEvent, RunningStep};
use dayfly_jobs::{Attempt, JobId};
use futures_util::Stream;
use futures_util::stream::unfold;

use super::App;
use crate::problem::Problem;
use crate::service::Watch;

/// Bytes of log in one event.
const PIECE: u64 = 64 << 10;
/// Events that are read at once.
const PAGE: u32 = 100;
/// How long a client is to wait before it comes again.
const COME_AGAIN: Duration = Duration::from_secs(1);
const ALIVE: Duration = Duration::from_secs(15);

type Item = Result<Event, Infallible>;

/// Whether the caller wants a stream.
pub(super) fn is_wanted(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    accept.split(',').any(|kind| kind.trim().starts_with("text/event-stream"))
}

/// Where a stream that broke is to go on.
pub(super) fn last_id(headers: &HeaderMap) -> Result<Option<u64>, Problem> {
    let Some(value) = headers.get("last-event-id") else { return Ok(None) };
    let number = value.to_str().ok().and_then(|text| text.parse().ok());
    number
        .map(Some)
        .ok_or_else(|| Problem::bad("the header Last-Event-ID must hold the id of an event: a number"))
}

/// A stream that `next` feeds until it has no more.
fn stream<S: Source>(source: S) -> Sse<impl Stream<Item = Item>> {
    let items = unfold(Some(source), |source| async move {
        let mut source = source?;
        match source.next().await {
            Step::Item(event) => Some((Ok(event), Some(source))),
            Step::Last(event) => Some((Ok(event), None)),
            Step::Stop => None,
        }
    });
    Sse::new(items).keep_alive(KeepAlive::new().interval(ALIVE))
}

/// What feeds a stream.
trait Source: Send + 'static {
    fn next(&mut self) -> impl Future<Output = Step> + Send;
}

enum Step {
    Item(Event),
    Last(Event),
    Stop,
}

/// What happened to a job after `after`, and what it uses meanwhile.
pub(super) fn events(app: App, job: &JobDetail, after: u64) -> Sse<impl Stream<Item = Item> + use<>> {
    let (id, steps) = (job.summary.id, job.spec.steps.len());
    let (watch, usage) = (app.watch(id), app.watch_usage(id));
    stream(Events { app, job: id, steps, watch, usage, told: None, after, ready: VecDeque::new() })
}

struct Events {
    app: App,
    job: JobId,
    /// How many it has.
    steps: usize,
    watch: Watch,
    usage: Watch,
    /// What was said last of what it uses.
    told: Option<RunningStep>,
    after: u64,
    ready: VecDeque<JobEvent>,
}

impl Events {
    /// What it uses, unless that was said.
    fn news_of_usage(&mut self) -> Option<RunningStep> {
        let running = self.app.running(self.job, self.steps)?;
        (self.told.replace(running) != Some(running)).then_some(running)
    }
}

impl Source for Events {
    async fn next(&mut self) -> Step {
        while self.ready.is_empty() {
            match self.app.store.events(self.job, self.after, PAGE).await {
                Ok(events) => self.ready.extend(events),
                Err(error) => return failed(error),
            }
            if !self.ready.is_empty() {
                break;
            }
            if let Some(running) = self.news_of_usage() {
                // Without an id: what a stream that breaks resumes after stays as it is.
                let event = Event::default().event("usage").json_data(running);
                return event.map_or_else(|error| unwritable(&error), Step::Item);
            }
            tokio::select! {
                () = self.watch.changed() => {}
                () = self.usage.changed() => {}
                () = self.app.closing.cancelled() => return Step::Stop,
            }
        }
        let Some(event) = self.ready.pop_front() else { return Step::Stop };
        self.after = event.seq;
        let last = matches!(event.what, Happened::Ended { .. });
        match framed("event", event.seq, &event) {
            Ok(framed) if last => Step::Last(framed),
            Ok(framed) => Step::Item(framed),
            Err(step) => step,
        }
    }
}

/// The log of a job from `offset`.
pub(super) fn log(app: App, job: JobId, offset: u64) -> Sse<impl Stream<Item = Item>> {
    let watch = app.watch(job);
    stream(Log { app, job, watch, offset, attempt: None })
}

struct Log {
    app: App,
    job: JobId,
    watch: Watch,
    offset: u64,
    /// The one whose log was read last.
    attempt: Option<Attempt>,
}

impl Source for Log {
    async fn next(&mut self) -> Step {
        loop {
            let part = match self.app.store.read_log(self.job, self.offset, PIECE).await {
                Ok(part) => part,
                Err(error) => return failed(error),
            };
            let before = self.attempt.replace(part.attempt);
            let other = before.is_some_and(|before| before != part.attempt);
            if self.offset > 0 && (other || self.offset > part.length) {
                // Another attempt began, and its log with it.
                self.offset = 0;
                return framed("restart", 0, &LogEvent::default()).map_or_else(|step| step, Step::Item);
            }
            let at_end = self.offset + size(&part.bytes) >= part.length;
            let whole = whole_characters(&part.bytes, at_end && !part.open);
            if !whole.is_empty() {
                let event = log_event(self.offset, whole);
                self.offset += size(whole);
                return framed("log", self.offset, &event).map_or_else(|step| step, Step::Item);
            }
            if !part.open {
                let end = LogEvent { offset: self.offset, text: None, base64: None };
                return framed("end", self.offset, &end).map_or_else(|step| step, Step::Last);
            }
            if !wait(&self.app, &mut self.watch).await {
                return Step::Stop;
            }
        }
    }
}

/// Until something happened; false when the scheduler ends.
async fn wait(app: &App, watch: &mut Watch) -> bool {
    tokio::select! {
        () = watch.changed() => true,
        () = app.closing.cancelled() => false,
    }
}

fn failed(error: crate::store::StoreError) -> Step {
    let problem = Problem::from(error).body();
    Event::default().event("problem").json_data(problem).map_or(Step::Stop, Step::Last)
}

fn framed(name: &str, id: u64, data: &impl serde::Serialize) -> Result<Event, Step> {
    let event = Event::default().event(name).id(id.to_string()).retry(COME_AGAIN).json_data(data);
    event.map_err(|error| unwritable(&error))
}

fn unwritable(error: &axum::Error) -> Step {
    tracing::error!(%error, "cannot write an event");
    Step::Stop
}

fn size(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

/// Without a character that was cut at the end, unless nothing follows any more.
fn whole_characters(bytes: &[u8], last: bool) -> &[u8] {
    match std::str::from_utf8(bytes) {
        // `error_len` is none only for a sequence that could still become a character.
        Err(error) if error.error_len().is_none() && !last => {
            bytes.get(..error.valid_up_to()).unwrap_or(bytes)
        }
        Ok(_) | Err(_) => bytes,
    }
}

fn log_event(offset: u64, bytes: &[u8]) -> LogEvent {
    match std::str::from_utf8(bytes) {
        Ok(text) => LogEvent { offset, text: Some(text.to_owned()), base64: None },
        Err(_) => LogEvent { offset, text: None, base64: Some(STANDARD.encode(bytes)) },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_character_is_not_cut_while_more_can_come() {
        let bytes = "aé€😀".as_bytes();
        for cut in 1..bytes.len() {
            let whole = whole_characters(&bytes[..cut], false);
            assert!(std::str::from_utf8(whole).is_ok() && cut - whole.len() < 4, "{cut}");
            assert_eq!(whole_characters(&bytes[..cut], true), &bytes[..cut]);
        }
        assert_eq!(
            whole_characters(b"a\xff\xfe", false),
            b"a\xff\xfe",
            "what is no text at all is not held back"
        );
    }

    #[test]
    fn bytes_that_are_no_text_arrive_as_they_are() {
        let event = log_event(7, b"\xff\x00");
        assert_eq!((event.offset, event.base64.as_deref(), event.text), (7, Some("/wA="), None));
        assert_eq!(log_event(0, b"ok").text.as_deref(), Some("ok"));
    }
}

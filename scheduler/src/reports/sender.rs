//! Sends what is due, many at once, and sleeps until something is. Each delivery goes on by itself, and one receiver
//! has few of the places, so that one that does not answer delays nobody else's reports. The store says what is due and
//! keeps what became of it; a sender that is killed leaves nothing behind but a delivery that is due again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use reqwest::{Client, StatusCode};
use tokio::sync::{Notify, OnceCell};
use tokio::task::{self, JoinSet};

use super::payload::Payload;
use super::{Key, Rules, backoff, client};
use crate::SchedulerError;
use crate::clock::Clock;
use crate::secrets::{Vault, webhook_purpose};
use crate::store::reports::receiver;
use crate::store::{Attempted, Delivery, Room, Scope, Store};

/// Deliveries that are tried at the same time.
const AT_ONCE: u32 = 16;
/// Those to one receiver.
const EACH: u32 = 4;
/// When one is due again that was taken by a scheduler that was killed.
const AGAIN_MS: u64 = 60_000;
/// Ends of jobs that come close together are looked at together.
const GATHER: Duration = Duration::from_millis(100);
/// The longest sleep; a store that failed is asked again then.
const LONGEST: Duration = Duration::from_secs(60);

/// What sends reports.
pub(crate) struct Sender {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) vault: Arc<Vault>,
    pub(crate) clock: Clock,
    pub(crate) rules: Arc<Rules>,
    pub(crate) schedule_ms: Vec<u64>,
    pub(crate) client: OnceCell<Client>,
    /// Rung when a job ended or a delivery is to be sent again.
    pub(crate) bell: Arc<Notify>,
}

impl Sender {
    /// For ever; dropped at the end of the scheduler, with what is under way.
    pub(crate) async fn run(self: Arc<Self>) {
        let (mut under_way, mut busy) = (JoinSet::new(), BTreeMap::new());
        loop {
            let sleep = self.begin(&mut under_way, &mut busy).await;
            tokio::select! {
                Some(ended) = under_way.join_next_with_id() => leave(&mut busy, ended),
                () = tokio::time::sleep(sleep) => {}
                () = self.bell.notified() => tokio::time::sleep(GATHER).await,
            }
        }
    }

    /// Begins to send what is due and has room; tells how long nothing more will be due.
    async fn begin(self: &Arc<Self>, under_way: &mut JoinSet<()>, busy: &mut Busy) -> Duration {
        let (now, room) = (self.clock.now(), room(busy));
        if room.most == 0 {
            return LONGEST;
        }
        let due = match self.store.due(&room, now.plus_millis(AGAIN_MS), now).await {
            Ok(due) => due,
            Err(error) => {
                tracing::error!(%error, "cannot ask which reports are due");
                return LONGEST;
            }
        };
        for delivery in due.now {
            let (own, host) = (Arc::clone(self), receiver(&delivery.url));
            let task = under_way.spawn(async move { own.deliver(delivery).await });
            busy.insert(task.id(), host);
        }
        let wait = due.next.map(|next| Duration::from_millis(next.millis_since(now).max(1)));
        wait.unwrap_or(LONGEST * 60)
    }

    async fn deliver(&self, delivery: Delivery) {
        let what = match self.post(&delivery).await {
            Ok(()) => Attempted::Delivered,
            Err(Refusal { error, last: true }) => Attempted::Dead { error },
            Err(Refusal { error, last: false }) => self.later(&delivery, error),
        };
        tracing::info!(job = %delivery.id.job, report = delivery.id.report, ?what, "tried to report");
        if let Err(error) = self.store.attempted(delivery.id, what, self.clock.now()).await {
            tracing::error!(%error, job = %delivery.id.job, "cannot note what became of a report; it is sent again");
        }
    }

    fn later(&self, delivery: &Delivery, error: String) -> Attempted {
        let jitter = u64::try_from(crate::chance::number() >> 64).unwrap_or_default();
        match backoff::wait_ms(&self.schedule_ms, delivery.attempts.saturating_add(1), jitter) {
            Some(wait) => Attempted::Later { at: self.clock.now().plus_millis(wait), error },
            None => Attempted::Dead { error },
        }
    }

    async fn post(&self, delivery: &Delivery) -> Result<(), Refusal> {
        let url = self.rules.check(&delivery.url).map_err(Refusal::last)?;
        let job = self.store.job(&Scope::All, delivery.id.job).await.map_err(Refusal::again)?;
        let job = job.ok_or_else(|| Refusal::last("the job is not kept any more"))?;
        let body = serde_json::to_vec(&Payload::of(&job)).map_err(Refusal::last)?;
        let key = self.key(delivery).await?;
        let id = format!("{}.{}", delivery.id.job, delivery.id.report);
        let timestamp = Clock::time_of_day().0 / 1000;
        let client = self.client.get_or_try_init(|| async { client::make(Arc::clone(&self.rules)) }).await;
        let request = client
            .map_err(Refusal::again)?
            .post(url)
            .header("content-type", "application/json")
            .header("webhook-id", &id)
            .header("webhook-timestamp", timestamp)
            .header("webhook-signature", key.sign(&id, timestamp, &body))
            .body(body);
        judge(request.send().await)
    }

    async fn key(&self, delivery: &Delivery) -> Result<Key, Refusal> {
        let sealed = self.store.webhook_key(&delivery.tenant).await.map_err(Refusal::again)?;
        let sealed = sealed.ok_or_else(|| Refusal::again("the tenant has no webhook key"))?;
        let opened = self.vault.open_sealed(&webhook_purpose(&delivery.tenant), &sealed);
        opened.map(Key::from_bytes).map_err(Refusal::again)
    }
}

/// Whom the deliveries under way go to.
type Busy = BTreeMap<task::Id, String>;

fn room(busy: &Busy) -> Room {
    let mut room = Room { most: AT_ONCE, each: EACH, busy: BTreeMap::new() };
    for host in busy.values() {
        room.most = room.most.saturating_sub(1);
        *room.busy.entry(host.clone()).or_default() += 1;
    }
    room
}

/// One that broke off is due again by itself.
fn leave(busy: &mut Busy, ended: Result<(task::Id, ()), task::JoinError>) {
    let id = ended.map_or_else(|error| error.id(), |(id, ())| id);
    busy.remove(&id);
}

/// Why a delivery did not arrive.
struct Refusal {
    error: String,
    /// Whether there is no use in trying again.
    last: bool,
}

impl Refusal {
    fn again(error: impl ToString) -> Self {
        Self { error: error.to_string(), last: false }
    }

    fn last(error: impl ToString) -> Self {
        Self { error: error.to_string(), last: true }
    }
}

/// Any 2xx is an arrival. 410 says that nobody is there any more. Nothing else of the answer is read.
fn judge(answer: Result<reqwest::Response, reqwest::Error>) -> Result<(), Refusal> {
    match answer {
        Ok(answer) if answer.status().is_success() => Ok(()),
        Ok(answer) if answer.status() == StatusCode::GONE => {
            Err(Refusal::last("the receiver answered 410 Gone"))
        }
        Ok(answer) => Err(Refusal::again(format!("the receiver answered {}", answer.status()))),
        Err(error) => Err(Refusal::again(in_full(&error))),
    }
}

/// An error with all that caused it, which is where the address rules speak.
fn in_full(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

impl From<SchedulerError> for Refusal {
    fn from(error: SchedulerError) -> Self {
        Self::again(error)
    }
}

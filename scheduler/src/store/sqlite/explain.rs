//! Why a job waits, and how much waits where.

use std::collections::BTreeMap;

use dayfly_jobs::wire::WorkerInfo;
use dayfly_jobs::{JobId, QueueName, State, TenantName, Timestamp};
use sqlx::sqlite::SqliteConnection;

use super::job::Job;
use super::rows::Columns;
use super::{lanes, workers};
use crate::dispatch::Offer;
use crate::store::{Census, LaneCount, StoreError, Waiting};

/// Jobs before one in its lane are counted up to here.
const AHEAD: u32 = 10_000;

/// Why a job waits, if it does.
pub(super) async fn waiting(
    db: &mut SqliteConnection,
    id: JobId,
    now: Timestamp,
) -> Result<Option<Waiting>, StoreError> {
    let job = Job::get(db, id).await?;
    if job.standing.state != State::Queued {
        return Ok(None);
    }
    let workers = workers::list(db, None, now).await?;
    let offers: Vec<Offer> =
        workers.into_iter().filter(|worker| worker.alive && !worker.draining).map(offer).collect();
    let ahead = ahead(db, &job).await?;
    Ok(lanes::board(db, now).await?.why(job.lane, job.rank, ahead, &offers))
}

fn offer(worker: WorkerInfo) -> Offer {
    let said = worker.registration;
    Offer {
        worker: said.name,
        labels: said.labels,
        queues: said.queues,
        policies: said.policies,
        free: said.capacity,
        whole: said.capacity,
    }
}

async fn ahead(db: &mut SqliteConnection, job: &Job) -> Result<u64, StoreError> {
    let count: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM (SELECT 1 FROM jobs WHERE lane = ?1 AND state = 'queued' \
         AND (rank < ?2 OR rank = ?2 AND id < ?3) LIMIT ?4)",
    )
    .bind(job.lane)
    .bind(job.rank)
    .bind(job.id.to_string())
    .bind(AHEAD)
    .fetch_one(db)
    .await?;
    Ok(u64::try_from(count).unwrap_or(0))
}

/// How much waits and runs.
pub(super) async fn census(db: &mut SqliteConnection) -> Result<Census, StoreError> {
    let rows = sqlx::query(
        "SELECT queue, tenant, queued, running, (SELECT submitted_ms FROM jobs WHERE lane = lanes.id \
         AND state = 'queued' ORDER BY submitted_ms LIMIT 1) AS oldest \
         FROM lanes WHERE queued > 0 OR running > 0",
    )
    .fetch_all(db)
    .await?;
    let mut counts: BTreeMap<(QueueName, TenantName), LaneCount> = BTreeMap::new();
    for row in &rows {
        let row = Columns(row);
        let (queue, tenant): (QueueName, TenantName) = (row.parsed("queue")?, row.parsed("tenant")?);
        let count = counts.entry((queue.clone(), tenant.clone()));
        let count = count.or_insert(LaneCount { queue, tenant, queued: 0, oldest: None, running: 0 });
        count.queued += row.number::<u64>("queued")?;
        count.running += row.number::<u64>("running")?;
        count.oldest = [count.oldest, row.moment_if("oldest")?].into_iter().flatten().min();
    }
    Ok(Census { lanes: counts.into_values().collect() })
}

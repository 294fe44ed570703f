//! Lanes: joining the right one, keeping their counts, and putting them on the board of dispatch.

use std::collections::BTreeMap;

use dayfly_jobs::{QueueName, State, TenantName, Timestamp};
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use super::job::{Job, is_held};
use super::rows::{Columns, json, moment};
use crate::dispatch::{Account, Board, Head, Lane, Line, Needs, Usage};
use crate::store::StoreError;

/// How many lanes of one tenant may have jobs at once. Every claim looks at all lanes.
pub(super) const MOST: u64 = 500;

/// Adds one waiting job to the lane for these needs, and tells its number.
pub(super) async fn join(
    db: &mut SqliteConnection,
    tenant: &TenantName,
    queue: &QueueName,
    needs: &Needs,
) -> Result<i64, StoreError> {
    let needs = json(needs)?;
    let used = sqlx::query_scalar(
        "UPDATE lanes SET queued = queued + 1, newcomer = newcomer OR queued = 0 WHERE tenant = ? AND queue = ? AND needs = ? \
         AND (queued > 0 OR running > 0) RETURNING id",
    )
    .bind(tenant.as_str())
    .bind(queue.as_str())
    .bind(&needs)
    .fetch_optional(&mut *db)
    .await?;
    if let Some(lane) = used {
        return Ok(lane);
    }
    refuse_too_many(db, tenant).await?;
    let added = sqlx::query_scalar(
        "INSERT INTO lanes (tenant, queue, needs, queued) VALUES (?, ?, ?, 1) \
         ON CONFLICT DO UPDATE SET queued = queued + 1, newcomer = 1 RETURNING id",
    );
    Ok(added.bind(tenant.as_str()).bind(queue.as_str()).bind(needs).fetch_one(db).await?)
}

async fn refuse_too_many(db: &mut SqliteConnection, tenant: &TenantName) -> Result<(), StoreError> {
    let active: u32 =
        sqlx::query_scalar("SELECT count(*) FROM lanes WHERE tenant = ? AND (queued > 0 OR running > 0)")
            .bind(tenant.as_str())
            .fetch_one(db)
            .await?;
    if u64::from(active) >= MOST {
        return Err(StoreError::TooManyLanes { tenant: tenant.clone(), most: MOST });
    }
    Ok(())
}

/// What a job that moved changes of the counts of its lane.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Moved {
    pub(super) queued: i64,
    pub(super) running: i64,
    pub(super) leased_sum_ms: i64,
}

/// What it changes that a job was in state `before` and is in another now. A lane begins to wait with its first job,
/// and has its turn when one is leased.
pub(super) fn moved(job: &Job, before: State, now: Timestamp) -> Moved {
    let after = job.standing.state;
    let change = |before: bool, after: bool| i64::from(after) - i64::from(before);
    let leased_sum_ms = match (is_held(before), is_held(after)) {
        (false, true) => moment(now),
        (true, false) => -job.leased.map_or(0, moment),
        (true, true) | (false, false) => 0,
    };
    let queued = change(before == State::Queued, after == State::Queued);
    Moved { queued, running: change(is_held(before), is_held(after)), leased_sum_ms }
}

/// What the tenant has used with an attempt that ended.
pub(super) async fn charge(
    db: &mut SqliteConnection,
    job: &Job,
    now: Timestamp,
) -> Result<Usage, StoreError> {
    let (cpus, amount, at): (u32, f64, i64) = sqlx::query_as(
        "SELECT lanes.needs ->> 'cpus_milli', usage, usage_ms FROM lanes JOIN tenants ON tenants.name = tenant \
         WHERE lanes.id = ?",
    )
    .bind(job.lane)
    .fetch_one(db)
    .await?;
    let usage = Usage { amount, at: Timestamp(u64::try_from(at).unwrap_or(0)) };
    Ok(usage.after(cpus, job.leased.unwrap_or(now), now))
}

/// Everything dispatch looks at, in one statement: each costs as much as the reading.
pub(super) async fn board(db: &mut SqliteConnection, now: Timestamp) -> Result<Board, StoreError> {
    let rows = sqlx::query(
        "SELECT lanes.*, head.rank, head.waits_ms, coalesce(part, 0.0) AS part, coalesce(at_ms, 0) AS at_ms, \
         weight, tenants.max_running AS tenant_running, usage, usage_ms, \
         queues.max_running AS queue_running, furthest, furthest_ms \
         FROM lanes CROSS JOIN tenants ON tenants.name = lanes.tenant CROSS JOIN queues ON queues.name = lanes.queue \
         LEFT JOIN handicaps ON handicaps.tenant = lanes.tenant AND handicaps.queue = lanes.queue \
         LEFT JOIN jobs AS head ON head.id = \
         (SELECT id FROM jobs WHERE lane = lanes.id AND state = 'queued' ORDER BY rank, id LIMIT 1) \
         WHERE queued > 0 OR running > 0",
    )
    .fetch_all(db)
    .await?;
    let (mut lanes, mut tenants, mut queues) = (Vec::new(), BTreeMap::new(), BTreeMap::new());
    for row in &rows {
        let lane = lane(row)?;
        tenants.insert(lane.tenant.clone(), account(row)?);
        queues.insert(lane.queue.clone(), line(row)?);
        lanes.push(lane);
    }
    Ok(Board::new(now, lanes, tenants, queues))
}

fn lane(row: &SqliteRow) -> Result<Lane, StoreError> {
    let handicap = usage(row, "part", "at_ms")?;
    let row = Columns(row);
    let held: Option<_> = row.parsed_if("held_by")?;
    let until = row.moment("held_ms")?;
    Ok(Lane {
        id: row.number("id")?,
        tenant: row.parsed("tenant")?,
        queue: row.parsed("queue")?,
        needs: row.json("needs")?,
        head: head(&row, "rank", "waits_ms")?,
        running: row.number("running")?,
        leased_sum_ms: row.number("leased_sum_ms")?,
        held: held.map(|worker| (worker, until)),
        newcomer: row.number::<u8>("newcomer")? > 0,
        handicap,
    })
}

/// The job that comes in these columns, if one does.
pub(super) fn head(row: &Columns<'_>, rank: &str, waits: &str) -> Result<Option<Head>, StoreError> {
    let (rank, waits) = (row.number_if(rank)?, row.moment_if(waits)?);
    Ok(rank.zip(waits).map(|(rank, waits)| Head { rank, waits }))
}

fn account(row: &SqliteRow) -> Result<Account, StoreError> {
    let columns = Columns(row);
    let (weight, max_running) = (columns.number("weight")?, columns.number("tenant_running")?);
    Ok(Account { weight, max_running, usage: usage(row, "usage", "usage_ms")? })
}

fn line(row: &SqliteRow) -> Result<Line, StoreError> {
    let furthest = usage(row, "furthest", "furthest_ms")?;
    Ok(Line { max_running: Columns(row).number("queue_running")?, furthest })
}

fn usage(row: &SqliteRow, amount: &str, at: &str) -> Result<Usage, StoreError> {
    Ok(Usage { amount: sqlx::Row::try_get(row, amount)?, at: Columns(row).moment(at)? })
}

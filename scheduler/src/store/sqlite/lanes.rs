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

/// Counts a job that was in state `before` and is in another now. A lane begins to wait with its first job, and has
/// its turn when one is leased.
pub(super) async fn moved(
    db: &mut SqliteConnection,
    job: &Job,
    before: State,
    now: Timestamp,
) -> Result<(), StoreError> {
    let after = job.standing.state;
    let change = |before: bool, after: bool| i64::from(after) - i64::from(before);
    let leased = match (is_held(before), is_held(after)) {
        (false, true) => moment(now),
        (true, false) => -job.leased.map_or(0, moment),
        (true, true) | (false, false) => 0,
    };
    sqlx::query(
        "UPDATE lanes SET queued = queued + ?2, running = running + ?3, leased_sum_ms = leased_sum_ms + ?4, \
         newcomer = (newcomer OR queued = 0 AND ?2 > 0) AND NOT (?2 < 0 AND ?3 > 0) WHERE id = ?1",
    )
    .bind(job.lane)
    .bind(change(before == State::Queued, after == State::Queued))
    .bind(change(is_held(before), is_held(after)))
    .bind(leased)
    .execute(db)
    .await?;
    Ok(())
}

/// Charges the tenant for an attempt that ended.
pub(super) async fn charge(db: &mut SqliteConnection, job: &Job, now: Timestamp) -> Result<(), StoreError> {
    let (cpus, amount, at): (u32, f64, i64) = sqlx::query_as(
        "SELECT lanes.needs ->> 'cpus_milli', usage, usage_ms FROM lanes JOIN tenants ON tenants.name = tenant \
         WHERE lanes.id = ?",
    )
    .bind(job.lane)
    .fetch_one(&mut *db)
    .await?;
    let usage = Usage { amount, at: Timestamp(u64::try_from(at).unwrap_or(0)) };
    let usage = usage.after(cpus, job.leased.unwrap_or(now), now);
    sqlx::query("UPDATE tenants SET usage = ?2, usage_ms = ?3 WHERE name = ?1")
        .bind(job.tenant.as_str())
        .bind(usage.amount)
        .bind(moment(usage.at))
        .execute(db)
        .await?;
    Ok(())
}

/// Everything dispatch looks at.
pub(super) async fn board(db: &mut SqliteConnection, now: Timestamp) -> Result<Board, StoreError> {
    let lanes = sqlx::query(
        "SELECT lanes.*, head.rank, head.waits_ms, coalesce(part, 0.0) AS part, coalesce(at_ms, 0) AS at_ms \
         FROM lanes LEFT JOIN handicaps USING (tenant, queue) LEFT JOIN jobs AS head ON head.id = \
         (SELECT id FROM jobs WHERE lane = lanes.id AND state = 'queued' ORDER BY rank, id LIMIT 1) \
         WHERE queued > 0 OR running > 0",
    )
    .fetch_all(&mut *db)
    .await?;
    let lanes = lanes.iter().map(lane).collect::<Result<_, _>>()?;
    Ok(Board::new(now, lanes, accounts(db).await?, queues(db).await?))
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
        head: head(&row)?,
        running: row.number("running")?,
        leased_sum_ms: row.number("leased_sum_ms")?,
        held: held.map(|worker| (worker, until)),
        newcomer: row.number::<u8>("newcomer")? > 0,
        handicap,
    })
}

fn head(row: &Columns<'_>) -> Result<Option<Head>, StoreError> {
    let (rank, waits) = (row.number_if("rank")?, row.moment_if("waits_ms")?);
    Ok(rank.zip(waits).map(|(rank, waits)| Head { rank, waits }))
}

/// The job that is next in a lane.
pub(super) async fn next(db: &mut SqliteConnection, lane: i64) -> Result<Option<Head>, StoreError> {
    let row = sqlx::query(
        "SELECT rank, waits_ms FROM jobs WHERE lane = ? AND state = 'queued' ORDER BY rank, id LIMIT 1",
    )
    .bind(lane)
    .fetch_optional(db)
    .await?;
    row.map_or(Ok(None), |row| head(&Columns(&row)))
}

/// The tenants that wait or run.
async fn accounts(db: &mut SqliteConnection) -> Result<BTreeMap<TenantName, Account>, StoreError> {
    let rows = sqlx::query(
        "SELECT name, weight, max_running, usage, usage_ms FROM tenants \
         WHERE name IN (SELECT tenant FROM lanes WHERE queued > 0 OR running > 0)",
    )
    .fetch_all(db)
    .await?;
    let account = |row: &SqliteRow| {
        let columns = Columns(row);
        let (weight, max_running) = (columns.number("weight")?, columns.number("max_running")?);
        Ok((
            columns.parsed("name")?,
            Account { weight, max_running, usage: usage(row, "usage", "usage_ms")? },
        ))
    };
    rows.iter().map(account).collect()
}

async fn queues(db: &mut SqliteConnection) -> Result<BTreeMap<QueueName, Line>, StoreError> {
    let rows =
        sqlx::query("SELECT name, max_running, furthest, furthest_ms FROM queues").fetch_all(db).await?;
    let queue = |row: &SqliteRow| {
        let columns = Columns(row);
        let furthest = usage(row, "furthest", "furthest_ms")?;
        Ok((columns.parsed("name")?, Line { max_running: columns.number("max_running")?, furthest }))
    };
    rows.iter().map(queue).collect()
}

fn usage(row: &SqliteRow, amount: &str, at: &str) -> Result<Usage, StoreError> {
    Ok(Usage { amount: sqlx::Row::try_get(row, amount)?, at: Columns(row).moment(at)? })
}

//! Giving jobs to a worker.

use dayfly_jobs::state::Event;
use dayfly_jobs::wire::{Capacity, Happened};
use dayfly_jobs::{JobSpec, LeaseId, Timestamp, WorkerName};
use sqlx::sqlite::SqliteConnection;

use super::job::{Job, job_columns};
use super::rows::{Columns, moment};
use super::writer::Change;
use super::{lanes, starts, workers};
use crate::dispatch::{Board, Choice, HOLD_MS, Head, Offer};
use crate::store::{self, Claimed, StoreError};

/// Give a worker what fits.
pub(super) struct Claim {
    pub(super) claim: store::Claim,
    pub(super) now: Timestamp,
}

impl Change for Claim {
    type Answer = Vec<Claimed>;

    async fn apply(&self, db: &mut SqliteConnection) -> Result<Self::Answer, StoreError> {
        let worker = workers::heard(db, &self.claim.worker, self.now).await?;
        if worker.draining || self.claim.max == 0 || !worker.work {
            return Ok(Vec::new());
        }
        let mut offer = offer(&self.claim, worker.capacity);
        let mut board = lanes::board(db, self.now).await?;
        let mut claimed = Vec::new();
        for _ in 0..self.claim.max {
            match board.choose(&offer) {
                Choice::Take(place) => claimed.push(self.take(db, &mut board, place, &mut offer).await?),
                Choice::Hold(place) => {
                    hold(db, board.lanes()[place].id, &offer.worker, self.now).await?;
                    break;
                }
                Choice::Nothing => break,
            }
        }
        Ok(claimed)
    }
}

fn offer(claim: &store::Claim, whole: Capacity) -> Offer {
    let store::Claim { worker, labels, queues, policies, free, max: _, until: _ } = claim.clone();
    Offer { worker, labels, queues, policies, free, whole }
}

impl Claim {
    async fn take(
        &self,
        db: &mut SqliteConnection,
        board: &mut Board,
        place: usize,
        offer: &mut Offer,
    ) -> Result<Claimed, StoreError> {
        let lane = board.lanes()[place].clone();
        offer.take(&lane.needs);
        let (mut job, spec, next) = first(db, lane.id).await?;
        self.lease(db, &mut job).await?;
        if let Some(turned) = board.leased(place, next, offer) {
            starts::keep(db, &lane, turned).await?;
        }
        let lease = LeaseId { job: job.id, attempt: job.standing.attempt };
        Ok(Claimed { lease, tenant: job.tenant, spec, submitted: job.submitted })
    }

    async fn lease(&self, db: &mut SqliteConnection, job: &mut Job) -> Result<(), StoreError> {
        job.happen(db, Event::Lease, self.now).await?;
        job.worker = Some(self.claim.worker.clone());
        job.leased = Some(self.now);
        job.started = None;
        job.due = Some(self.claim.until);
        job.patience_ms = job.patience_ms.map(|left| left.saturating_sub(self.now.millis_since(job.waits)));
        (job.noted, job.log_bytes) = (0, 0);
        job.note(&Happened::Leased { worker: self.claim.worker.clone() }, self.now)?;
        job.save(db).await
    }
}

/// The first job of a lane with its spec, and the one behind it.
async fn first(db: &mut SqliteConnection, lane: i64) -> Result<(Job, JobSpec, Option<Head>), StoreError> {
    let row = sqlx::query(concat!(
        "SELECT ",
        job_columns!(),
        ", spec, next_rank, next_waits_ms FROM (SELECT * FROM jobs WHERE lane = ?1 AND state = 'queued' \
         ORDER BY rank, id LIMIT 1) JOIN specs ON specs.job = id LEFT JOIN (SELECT rank AS next_rank, \
         waits_ms AS next_waits_ms FROM jobs WHERE lane = ?1 AND state = 'queued' ORDER BY rank, id LIMIT 1 OFFSET 1) \
         ON TRUE"
    ));
    let row = row.bind(lane).fetch_one(db).await?;
    let next = lanes::head(&Columns(&row), "next_rank", "next_waits_ms")?;
    Ok((Job::from_row(&row)?, Columns(&row).json("spec")?, next))
}

async fn hold(
    db: &mut SqliteConnection,
    lane: i64,
    worker: &WorkerName,
    now: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE lanes SET held_by = ?2, held_ms = ?3 WHERE id = ?1")
        .bind(lane)
        .bind(worker.as_str())
        .bind(moment(now.plus_millis(HOLD_MS)))
        .execute(db)
        .await?;
    Ok(())
}

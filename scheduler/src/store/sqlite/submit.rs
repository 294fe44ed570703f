//! Queuing jobs. A thousand of them are a handful of statements: what is the same for many is looked up once, and the
//! rows go in as one JSON array for each table.

use std::collections::BTreeMap;

use dayfly_jobs::wire::Submitted;
use dayfly_jobs::{Digest, InputSource, JobId, JobSpec, QueueName, TenantName, Timestamp};
use serde_json::{Value, json};
use sqlx::sqlite::SqliteConnection;

use super::rows::{self, int, moment};
use super::writer::Change;
use super::{blobs, lanes, secrets, tenants};
use crate::dispatch::{Needs, rank};
use crate::store::{NewJob, StoreError};

/// Queue jobs, all or none.
pub(super) struct Submit {
    pub(super) jobs: Vec<NewJob>,
    pub(super) now: Timestamp,
}

/// What was looked up or gathered so far.
#[derive(Default)]
struct Batch {
    lanes: BTreeMap<(TenantName, QueueName, String), Waiting>,
    room: BTreeMap<Whose, Room>,
    keys: BTreeMap<(TenantName, String), (JobId, String)>,
    jobs: Vec<Value>,
    specs: Vec<Value>,
    submitted: Vec<Value>,
}

/// A lane, and how many jobs wait in it beyond the first one.
struct Waiting {
    lane: i64,
    more: u64,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Whose {
    Tenant(TenantName),
    Queue(QueueName),
}

/// How many jobs wait and may wait.
pub(super) struct Room {
    pub(super) waiting: u64,
    pub(super) most: u64,
}

impl Change for Submit {
    type Answer = Vec<Submitted>;
    const ADDS: bool = true;

    async fn apply(&self, db: &mut SqliteConnection) -> Result<Self::Answer, StoreError> {
        let mut batch = Batch::default();
        let mut answers = Vec::with_capacity(self.jobs.len());
        let mut named = Vec::new();
        for job in &self.jobs {
            let spec = rows::json(&job.spec)?;
            if let Some(id) = batch.known(db, job, &spec).await? {
                answers.push(Submitted { id, created: false });
                continue;
            }
            let lane = batch.place(db, job).await?;
            secrets::check(db, &job.tenant, &job.spec.secrets).await?;
            named.extend(blobs_of(&job.spec).map(|digest| (job, digest)));
            batch.add(job, spec, lane, self.now);
            answers.push(Submitted { id: job.id, created: true });
        }
        batch.insert(db, self.now).await?;
        for (job, digest) in named {
            blobs::name(db, job.id, Some(&job.tenant), digest, self.now).await?;
        }
        Ok(answers)
    }
}

fn blobs_of(spec: &JobSpec) -> impl Iterator<Item = Digest> + '_ {
    spec.inputs.iter().filter_map(|input| match &input.source {
        InputSource::Blob(digest) => Some(*digest),
        InputSource::Inline(_) | InputSource::File(_) => None,
    })
}

impl Batch {
    /// The job that was submitted with the same key before.
    async fn known(
        &mut self,
        db: &mut SqliteConnection,
        job: &NewJob,
        spec: &str,
    ) -> Result<Option<JobId>, StoreError> {
        let Some(key) = &job.key else { return Ok(None) };
        let place = (job.tenant.clone(), key.clone());
        let before = match self.keys.get(&place) {
            Some(before) => Some(before.clone()),
            None => stored_key(db, &place).await?,
        };
        match before {
            Some((id, same)) if same == spec => Ok(Some(id)),
            Some(_) => Err(StoreError::KeyReused { key: key.clone() }),
            None => {
                self.keys.insert(place, (job.id, spec.to_owned()));
                Ok(None)
            }
        }
    }

    /// The lane of a job, if its tenant and queue have room for it.
    async fn place(&mut self, db: &mut SqliteConnection, job: &NewJob) -> Result<i64, StoreError> {
        let both = [Whose::Tenant(job.tenant.clone()), Whose::Queue(job.spec.queue.clone())];
        if !both.iter().all(|whose| self.room.contains_key(whose)) {
            let rooms = tenants::rooms(db, &job.tenant, &job.spec.queue).await?;
            for (whose, room) in both.iter().zip(rooms) {
                self.room.entry(whose.clone()).or_insert(room);
            }
        }
        for whose in both {
            if let Some(room) = self.room.get_mut(&whose) {
                room.take(&whose)?;
            }
        }
        let needs = Needs::of(&job.spec);
        let place = (job.tenant.clone(), job.spec.queue.clone(), rows::json(&needs)?);
        if let Some(waiting) = self.lanes.get_mut(&place) {
            waiting.more += 1;
            return Ok(waiting.lane);
        }
        let lane = lanes::join(db, &job.tenant, &job.spec.queue, &needs).await?;
        self.lanes.insert(place, Waiting { lane, more: 0 });
        Ok(lane)
    }

    fn add(&mut self, job: &NewJob, spec: String, lane: i64, now: Timestamp) {
        let (id, patience_ms) =
            (job.id.to_string(), job.spec.timeouts.queue.map(|most| most.as_micros() / 1000));
        self.jobs.push(json!([
            id,
            job.tenant,
            job.spec.queue,
            job.spec.name,
            job.spec.priority,
            job.spec.retry.max_attempts,
            job.retry_of,
            lane,
            rank(now, job.spec.priority),
            patience_ms,
            job.spec.report.len(),
            job.spec.steps.len(),
        ]));
        self.specs.push(json!([id, spec]));
        self.submitted.push(Value::String(id));
    }

    async fn insert(self, db: &mut SqliteConnection, now: Timestamp) -> Result<(), StoreError> {
        self.insert_rows(db, now).await?;
        for ((tenant, key), (job, _)) in self.keys {
            sqlx::query("INSERT INTO keys (tenant, key, job, used_ms) VALUES (?, ?, ?, ?)")
                .bind(tenant.as_str())
                .bind(key)
                .bind(job.to_string())
                .bind(moment(now))
                .execute(&mut *db)
                .await?;
        }
        for waiting in self.lanes.into_values().filter(|waiting| waiting.more > 0) {
            sqlx::query("UPDATE lanes SET queued = queued + ?2 WHERE id = ?1")
                .bind(waiting.lane)
                .bind(int(waiting.more))
                .execute(&mut *db)
                .await?;
        }
        Ok(())
    }

    async fn insert_rows(&self, db: &mut SqliteConnection, now: Timestamp) -> Result<(), StoreError> {
        if self.jobs.is_empty() {
            return Ok(());
        }
        sqlx::query(INSERT)
            .bind(moment(now))
            .bind(moment(now))
            .bind(moment(now))
            .bind(rows::json(&self.jobs)?)
            .bind(rows::json(&self.specs)?)
            .bind(moment(now))
            .bind(rows::json(&self.submitted)?)
            .execute(db)
            .await?;
        Ok(())
    }
}

impl Room {
    fn take(&mut self, whose: &Whose) -> Result<(), StoreError> {
        if self.waiting >= self.most {
            let of = match whose {
                Whose::Tenant(name) => format!("tenant {name}"),
                Whose::Queue(name) => format!("queue {name}"),
            };
            return Err(StoreError::QueueFull { of, most: self.most });
        }
        self.waiting += 1;
        Ok(())
    }
}

async fn stored_key(
    db: &mut SqliteConnection,
    (tenant, key): &(TenantName, String),
) -> Result<Option<(JobId, String)>, StoreError> {
    let row = sqlx::query("SELECT job, spec FROM keys JOIN specs USING (job) WHERE tenant = ? AND key = ?")
        .bind(tenant.as_str())
        .bind(key)
        .fetch_optional(db)
        .await?;
    row.map(|row| {
        let row = rows::Columns(&row);
        Ok((row.parsed("job")?, row.text("spec")?))
    })
    .transpose()
}

/// The rows of jobs, of their specs, and of their first events.
const INSERT: &str = "INSERT INTO jobs (id, tenant, queue, name, priority, state, max_attempts, submitted_ms, \
     retry_of, lane, rank, due_ms, waits_ms, patience_ms, reports, steps, events) \
     SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, 'queued', value ->> 5, ?, value ->> 6, \
     value ->> 7, value ->> 8, ? + (value ->> 9), ?, value ->> 9, value ->> 10, value ->> 11, 1 FROM json_each(?); \
     INSERT INTO specs (job, spec) SELECT value ->> 0, value ->> 1 FROM json_each(?); \
     INSERT INTO events (job, seq, at_ms, attempt, what) \
     SELECT value, 1, ?, 0, '{\"event\":\"submitted\"}' FROM json_each(?)";

#[cfg(test)]
mod tests {
    use dayfly_jobs::wire::Happened;

    use super::*;

    #[test]
    fn the_event_that_is_written_by_hand_is_the_one_of_the_api() {
        let event = rows::json(&Happened::Submitted).unwrap();
        assert!(INSERT.contains(&event), "{event}");
    }
}

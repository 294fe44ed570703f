//! What a job asks of a worker, and whether a worker has it.

use std::collections::BTreeSet;

use dayfly_jobs::wire::Capacity;
use dayfly_jobs::{Bytes, JobSpec, Label, QueueName, WorkerName};
use serde::{Deserialize, Serialize};

/// What a worker must have to run a job. Jobs of one lane have the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Needs {
    /// Labels.
    pub labels: BTreeSet<Label>,
    /// The policy.
    pub policy: String,
    /// Thousandths of a processor.
    pub cpus_milli: u32,
    /// Memory.
    #[serde(rename = "memory_bytes")]
    pub memory: Bytes,
}

/// A worker with room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// Who.
    pub worker: WorkerName,
    /// What it has.
    pub labels: BTreeSet<Label>,
    /// The queues it serves; all when empty.
    pub queues: BTreeSet<QueueName>,
    /// The policies it has.
    pub policies: BTreeSet<String>,
    /// The room it has now.
    pub free: Capacity,
    /// The room it has when nothing runs.
    pub whole: Capacity,
}

impl Needs {
    /// Those of a job.
    pub fn of(spec: &JobSpec) -> Self {
        let demand = spec.demand();
        Self {
            labels: spec.labels.clone(),
            policy: spec.sandbox.policy.clone(),
            cpus_milli: demand.cpus_milli,
            memory: demand.memory,
        }
    }

    fn fit(&self, room: Capacity) -> bool {
        room.slots > 0 && self.cpus_milli <= room.cpus_milli && self.memory <= room.memory
    }
}

impl Offer {
    /// Whether it could run such a job if nothing else ran.
    pub fn could_run(&self, needs: &Needs, queue: &QueueName) -> bool {
        (self.queues.is_empty() || self.queues.contains(queue))
            && self.policies.contains(&needs.policy)
            && needs.labels.is_subset(&self.labels)
            && needs.fit(self.whole)
    }

    /// Whether there is room for such a job now.
    pub fn has_room(&self, needs: &Needs) -> bool {
        needs.fit(self.free)
    }

    /// Itself after it took such a job.
    pub fn take(&mut self, needs: &Needs) {
        self.free.slots = self.free.slots.saturating_sub(1);
        self.free.cpus_milli = self.free.cpus_milli.saturating_sub(needs.cpus_milli);
        self.free.memory = Bytes::new(self.free.memory.get().saturating_sub(needs.memory.get()));
    }

    /// What it lacks for such a job, in words; nothing when it could run it.
    pub fn lacks(&self, needs: &Needs, queue: &QueueName) -> Vec<String> {
        let labels = needs.labels.difference(&self.labels).map(|label| format!("label {label}"));
        let mut lacks: Vec<String> = labels.collect();
        if !self.queues.is_empty() && !self.queues.contains(queue) {
            lacks.push(format!("queue {queue}"));
        }
        if !self.policies.contains(&needs.policy) {
            lacks.push(format!("policy {}", needs.policy));
        }
        if needs.cpus_milli > self.whole.cpus_milli {
            lacks.push(of("processors (thousandths)", self.whole.cpus_milli, needs.cpus_milli));
        }
        if needs.memory > self.whole.memory {
            lacks.push(of("memory", self.whole.memory, needs.memory));
        }
        if self.whole.slots == 0 {
            lacks.push("a slot".to_owned());
        }
        lacks
    }
}

fn of(what: &str, has: impl std::fmt::Display, asked: impl std::fmt::Display) -> String {
    format!("{what}: {asked} asked for, {has} there")
}

//! What bodies hold, as JSON schemas made from the types. The job file's schema is the one that `dayfly schema job`
//! prints, with its parts under names of their own.

use dayfly_jobs::wire::{
    BlobInfo, Completed, Completion, Delivery, Explanation, JobDetail, JobEvent, JobSummary, LeaseRequest,
    Leases, LogEvent, LogPosition, Page, Problem, Progress, Queue, Registered, Registration, RenewRequest,
    Renewed, RunningStep, SecretInfo, Submitted, Tenant, TokenCreated, TokenInfo, TokenRequest, WebhookKey,
    WorkerInfo,
};
use dayfly_jobs::{Artifact, JobSpec};
use schemars::generate::{SchemaGenerator, SchemaSettings};
use serde_json::{Map, Value};

const PLACE: &str = "/components/schemas";

macro_rules! under {
    ($generator:ident, $schemas:ident: $($name:literal $type:ty),* $(,)?) => {
        $($schemas.insert($name.to_owned(), $generator.subschema_for::<$type>().to_value());)*
    };
}

/// Every schema by the name that routes refer to it by.
pub(super) fn all() -> Map<String, Value> {
    let settings = SchemaSettings::draft2020_12().with(|settings| settings.definitions_path = PLACE.into());
    let mut generator = SchemaGenerator::new(settings);
    let mut schemas = Map::new();
    under!(generator, schemas:
        "PageOfJobs" Page<JobSummary>, "PageOfSubmitted" Page<Submitted>, "PageOfEvents" Page<JobEvent>,
        "PageOfArtifacts" Page<Artifact>, "PageOfWorkers" Page<WorkerInfo>, "PageOfTenants" Page<Tenant>,
        "PageOfQueues" Page<Queue>, "PageOfTokens" Page<TokenInfo>, "PageOfSecrets" Page<SecretInfo>,
        "PageOfDeliveries" Page<Delivery>, "ManyProgress" Vec<Progress>,
    );
    // Each of these comes to lie under its own name.
    let mut named = Map::new();
    under!(generator, named:
        "" JobDetail, "" JobSummary, "" Submitted, "" RunningStep, "" Explanation, "" LogEvent, "" BlobInfo, "" Problem,
        "" Registration, "" Registered, "" LeaseRequest, "" Leases, "" RenewRequest, "" Renewed,
        "" LogPosition, "" Completion, "" Completed, "" TokenRequest, "" TokenCreated, "" WebhookKey,
        "" super::super::workers::Drain, "" super::super::admin::Share, "" super::super::admin::Room, "" super::super::admin::SecretValue,
    );
    schemas.extend(generator.take_definitions(true));
    schemas.extend(job_file());
    schemas
}

/// The job file as `Job`, its parts as `Job…`.
fn job_file() -> Map<String, Value> {
    let mut job = JobSpec::schema();
    rename(&mut job);
    let mut schemas = Map::new();
    if let Some(job) = job.as_object_mut() {
        job.remove("$schema");
        job.remove("$id");
        let parts = job.remove("$defs");
        for (name, part) in parts.as_ref().and_then(Value::as_object).into_iter().flatten() {
            schemas.insert(format!("Job{name}"), part.clone());
        }
    }
    schemas.insert("Job".to_owned(), job);
    schemas
}

fn rename(value: &mut Value) {
    match value {
        Value::Object(object) => {
            if let Some(Value::String(target)) = object.get_mut("$ref")
                && let Some(name) = target.strip_prefix("#/$defs/")
            {
                *target = format!("#{PLACE}/Job{name}");
            }
            object.values_mut().for_each(rename);
        }
        Value::Array(items) => items.iter_mut().for_each(rename),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

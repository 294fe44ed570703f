//! A worker of paper: speaks the protocol and runs nothing, so that a test can say the wrong thing at any moment.

use serde_json::{Value, json};

use super::{Call, Client, block_on};

/// A worker that has registered.
#[derive(Debug, Clone)]
pub struct PaperWorker {
    client: Client,
}

impl PaperWorker {
    /// Registers with a join token.
    pub fn join(client: &Client, name: &str, slots: u32) -> Self {
        block_on(Self::joined(client, name, slots))
    }

    /// Registers while others do.
    pub async fn joined(client: &Client, name: &str, slots: u32) -> Self {
        let who = json!({
            "name": name, "labels": [], "policies": ["ci"], "version": "0.0.0",
            "capacity": { "slots": slots, "cpus_milli": slots * 1000, "memory_bytes": 64_u64 << 30 },
            "report": { "kernel": "paper", "checks": [] },
        });
        let registered = client.send(Call::post("/v1/workers", &who)).await.unwrap().good();
        Self { client: client.with_token(registered["token"].as_str().unwrap()) }
    }

    /// Its own client.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The call for one job, waiting so long.
    pub fn poll(wait_ms: u64) -> Call {
        let free = json!({ "slots": 1, "cpus_milli": 1000, "memory_bytes": 64_u64 << 30 });
        Call::post("/v1/leases", &json!({ "free": free, "max": 1, "wait_ms": wait_ms }))
    }

    /// Takes a job that must be there soon; gives its lease, `JOB.ATTEMPT`.
    #[track_caller]
    pub fn lease(&self) -> String {
        let leases = self.client.call(Self::poll(20_000)).good();
        leases["leases"][0]["id"].as_str().unwrap_or_else(|| panic!("no job: {leases}")).to_owned()
    }

    /// Renews a lease; gives what became of it.
    #[track_caller]
    pub fn renew(&self, lease: &str) -> Value {
        let renewed = self.client.call(Call::post("/v1/leases/renew", &json!({ "leases": [lease] }))).good();
        renewed["leases"][0].clone()
    }

    /// The call that ends an attempt as passed, with one step and no log.
    pub fn end(lease: &str) -> Call {
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let step = json!({ "name": "step", "outcome": null, "log_start": 0, "log_end": 0, "begin_us": 0 });
        let result = json!({
            "verdict": { "kind": "passed" }, "steps": [step.clone()], "log": { "bytes": 0, "digest": empty },
        });
        let events = [json!({ "event": "step_ended", "step": 0, "result": step })];
        let end = json!({ "end": "finished", "result": result, "rest": { "events": events } });
        Call::post(format!("/v1/leases/{lease}/complete"), &end)
    }
}

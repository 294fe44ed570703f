//! What a job uses while it runs: told with the renewal, shown, and gone with the lease.

use dayfly_jobs::wire::{JobDetail, LeaseSample, Progress, RenewRequest, Renewed, RunningStep};
use dayfly_jobs::{Attempt, CpuTime, Sample, Timestamp, WallTime};

use super::*;

fn sample(memory: u64) -> Sample {
    let (wall_time, cpu_time) = (WallTime::secs(3), CpuTime::secs(2));
    Sample { wall_time, cpu_time, memory: Bytes::new(memory), processes: 4 }
}

/// Renews with a sample of a step.
fn renew(worker: &Worker<'_>, lease: LeaseId, step: usize, sample: Sample) -> RequestBuilder {
    let samples = vec![LeaseSample { lease, step, sample }];
    worker.call(Method::POST, "/v1/leases/renew").json(&RenewRequest { leases: vec![lease], samples })
}

async fn running(server: &Server, id: JobId) -> Option<RunningStep> {
    server.get::<JobDetail>(&format!("/v1/jobs/{id}")).await.running
}

#[tokio::test]
async fn what_a_step_uses_is_shown_until_the_job_ends() {
    let server = Server::start().await;
    let id = server.submit(&job("a")).await;
    let worker = server.worker("w1").await;
    let lease = worker.lease().await.id;
    assert_eq!(running(&server, id).await, None);
    let renewed: Renewed = json_of(renew(&worker, lease, 0, sample(7)), StatusCode::OK).await;
    assert!(!renewed.watched);
    let shown = running(&server, id).await.unwrap();
    assert_eq!((shown.attempt, shown.step, shown.sample), (Attempt(1), 0, sample(7)));
    let _: Value = json_of(worker.complete(lease, &passed(b"")), StatusCode::OK).await;
    assert_eq!(running(&server, id).await, None);
}

#[tokio::test]
async fn no_sample_of_a_lost_attempt_counts() {
    let server = Server::start().await;
    let id = server.submit(&job("a")).await;
    let worker = server.worker("w1").await;
    let first = worker.lease().await.id;
    let _: Renewed = json_of(renew(&worker, first, 0, sample(7)), StatusCode::OK).await;
    let _: Value = json_of(worker.complete(first, &Completion::HandedBack), StatusCode::OK).await;
    assert_eq!(running(&server, id).await, None, "gone with the lease");
    let second = worker.lease().await.id;
    let _: Renewed = json_of(renew(&worker, first, 0, sample(8)), StatusCode::OK).await;
    assert_eq!(running(&server, id).await, None, "a word of the first attempt");
    let _: Renewed = json_of(renew(&worker, second, 0, sample(9)), StatusCode::OK).await;
    assert_eq!(running(&server, id).await.unwrap().attempt, Attempt(2));
    let other = server.worker("w2").await;
    let _: Renewed = json_of(renew(&other, second, 0, sample(10)), StatusCode::OK).await;
    assert_eq!(running(&server, id).await.unwrap().sample, sample(9), "a word of somebody else");
}

#[tokio::test]
async fn what_no_machine_can_have_measured_is_refused() {
    let server = Server::start().await;
    let id = server.submit(&job("a")).await;
    let worker = server.worker("w1").await;
    let lease = worker.lease().await.id;
    refused(renew(&worker, lease, 0, sample(u64::MAX)), 400, "bad-request").await;
    let crowd = Sample { processes: u32::MAX, ..sample(7) };
    refused(renew(&worker, lease, 0, crowd), 400, "bad-request").await;
    let _: Renewed = json_of(renew(&worker, lease, 1, sample(7)), StatusCode::OK).await;
    assert_eq!(running(&server, id).await, None, "the job has one step");
}

#[tokio::test]
async fn a_renewal_of_as_many_leases_as_may_be_fits_and_a_larger_one_is_refused() {
    let server = Server::start().await;
    let worker = server.worker("w1").await;
    let renewal = |number: u128, padding: usize| {
        let lease =
            LeaseId { job: JobId::new(Timestamp(u64::MAX >> 16), number), attempt: Attempt(u32::MAX) };
        let most = i64::MAX.unsigned_abs();
        let (wall_time, cpu_time) = (WallTime::micros(most), CpuTime::micros(most));
        let sample = Sample { wall_time, cpu_time, memory: Bytes::new(most), processes: 1 << 22 };
        let samples = vec![LeaseSample { lease, step: usize::MAX, sample }; 1024];
        let request = RenewRequest { leases: vec![lease; 1024], samples };
        let body = serde_json::to_string(&request).unwrap() + &" ".repeat(padding);
        let call = worker.call(Method::POST, "/v1/leases/renew").header("content-type", "application/json");
        call.body(body)
    };
    let _: Renewed = json_of(renewal(1, 0), StatusCode::OK).await;
    refused(renewal(1, 512 << 10), 413, "too-large").await;
}

#[tokio::test]
async fn who_follows_events_hears_of_usage_and_resumes_where_it_was() {
    let server = Server::start().await;
    let id = server.submit(&job("a")).await;
    let worker = server.worker("w1").await;
    let lease = worker.lease().await.id;
    let path = format!("/v1/jobs/{id}/events");
    let follow = server.call(Method::GET, &path).header("accept", "text/event-stream");
    let mut stream = follow.send().await.unwrap();
    let mut text = String::new();
    for memory in [7, 8] {
        let renewed: Renewed = json_of(renew(&worker, lease, 0, sample(memory)), StatusCode::OK).await;
        assert!(renewed.watched);
        while !text.contains(&format!("\"memory_bytes\":{memory}")) {
            text += std::str::from_utf8(&stream.chunk().await.unwrap().unwrap()).unwrap();
        }
    }
    let started = [Progress::StepStarted { step: 0, log_start: 0 }];
    worker.call(Method::POST, &format!("/v1/leases/{lease}/events")).json(&started).send().await.unwrap();
    let _: Value = json_of(worker.complete(lease, &passed(b"")), StatusCode::OK).await;
    while let Some(piece) = stream.chunk().await.unwrap() {
        text += std::str::from_utf8(&piece).unwrap();
    }
    let usage: Vec<&str> = text.split("\n\n").filter(|event| event.contains("event: usage")).collect();
    assert_eq!(usage.len(), 2, "{text}");
    assert!(usage.iter().all(|event| !event.contains("id:")), "{text}");
    let numbers: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("id: ")).collect();
    assert_eq!(numbers, ["1", "2", "3", "4"], "{text}");
    let page: Value = server.get(&path).await;
    assert_eq!(page["items"].as_array().unwrap().len(), 4, "usage is no event that is kept");
}

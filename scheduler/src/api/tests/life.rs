//! The life of a job, as a client and a worker see it.

use dayfly_jobs::wire::{Completed, Explanation, JobDetail, JobSummary, Page, Progress};
use dayfly_jobs::{Attempt, State};

use super::*;

#[tokio::test]
async fn a_job_goes_from_its_file_to_its_result() {
    let server = Server::start().await;
    let yaml = "version: 1\nname: demo\nsteps:\n- name: greet\n  run: echo hello\n";
    let call = server.call(Method::POST, "/v1/jobs").header("content-type", "application/yaml").body(yaml);
    let submitted: Submitted = json_of(call, StatusCode::CREATED).await;
    assert!(submitted.created);

    let worker = server.worker("w1").await;
    let lease = worker.lease().await;
    assert_eq!((lease.id.job, lease.id.attempt), (submitted.id, Attempt(1)));
    assert_eq!(lease.spec.steps[0].name, "greet");
    let events = format!("/v1/leases/{}/events", lease.id);
    let started = Progress::StepStarted { step: 0, log_start: 0 };
    for _ in 0..2 {
        let answer = worker.call(Method::POST, &events).json(&[&started]).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::NO_CONTENT);
    }
    let position: Value = json_of(worker.log(lease.id, 0, "hello\n"), StatusCode::OK).await;
    assert_eq!(position["next"], 6);
    let completion = passed(b"hello\n");
    let completed: Completed = json_of(worker.complete(lease.id, &completion), StatusCode::OK).await;
    assert_eq!((completed.state, completed.repeated), (State::Finished, false));
    let again: Completed = json_of(worker.complete(lease.id, &completion), StatusCode::OK).await;
    assert_eq!((again.state, again.repeated), (State::Finished, true));

    let job: JobDetail = server.get(&format!("/v1/jobs/{}", submitted.id)).await;
    assert_eq!((job.summary.state, job.summary.exit_code), (State::Finished, Some(0)));
    let log = server.call(Method::GET, &format!("/v1/jobs/{}/logs", submitted.id)).send().await.unwrap();
    assert_eq!(log.headers()["dayfly-log-open"], "false");
    assert_eq!(log.text().await.unwrap(), "hello\n");
    let told: Explanation = server.get(&format!("/v1/jobs/{}/explain", submitted.id)).await;
    assert_eq!(told.summary, "It ran on worker w1: it passed.");
}

#[tokio::test]
async fn a_late_result_is_refused_and_the_story_tells_it() {
    let server = Server::start().await;
    let id = server.submit(&job("a")).await;
    let first = server.worker("w1").await;
    let lease = first.lease().await;
    // Forgetting a worker is losing its leases, without the wait.
    let answer = server.call(Method::DELETE, "/v1/workers/w1").send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::NO_CONTENT);
    refused(first.complete(lease.id, &passed(b"")), 401, "unauthorized").await;

    let second = server.worker("w2").await;
    let next = second.lease().await;
    assert_eq!((next.id.job, next.id.attempt), (id, Attempt(2)));
    let problem = refused(second.complete(lease.id, &passed(b"")), 409, "stale-attempt").await;
    assert!(problem.fix.unwrap().contains("stop the job"));
    refused(second.log(lease.id, 0, "late"), 409, "stale-attempt").await;
    let _: Completed = json_of(second.complete(next.id, &passed(b"")), StatusCode::OK).await;

    let told: Explanation = server.get(&format!("/v1/jobs/{id}/explain")).await;
    let story: Vec<String> = told.story.into_iter().map(|line| line.text).collect();
    let story = story.join("\n");
    for part in
        ["worker w1 took it", "its lease is lost", "worker w2 took it", "refused", "ended as finished"]
    {
        assert!(story.contains(part), "{part}: {story}");
    }
}

#[tokio::test]
async fn the_same_key_is_the_same_job() {
    let server = Server::start().await;
    let call =
        |name: &str| server.call(Method::POST, "/v1/jobs").header("idempotency-key", "k1").json(&job(name));
    let first: Submitted = json_of(call("a"), StatusCode::CREATED).await;
    let again: Submitted = json_of(call("a"), StatusCode::OK).await;
    assert_eq!((again.id, again.created), (first.id, false));
    refused(call("b"), 422, "key-reused").await;
    let bad =
        server.call(Method::POST, "/v1/jobs").header("idempotency-key", "x".repeat(201)).json(&job("a"));
    refused(bad, 400, "bad-request").await;
}

#[tokio::test]
async fn a_job_is_cancelled_and_run_again() {
    let server = Server::start().await;
    let id = server.submit(&job("a")).await;
    let retry = format!("/v1/jobs/{id}/retry");
    refused(server.call(Method::POST, &retry), 409, "not-ended").await;
    let cancel = || server.call(Method::POST, &format!("/v1/jobs/{id}/cancel"));
    let cancelled: JobSummary = json_of(cancel(), StatusCode::OK).await;
    assert_eq!(cancelled.state, State::Cancelled);
    let again: Submitted = json_of(server.call(Method::POST, &retry), StatusCode::CREATED).await;
    let job: JobDetail = server.get(&format!("/v1/jobs/{}", again.id)).await;
    assert_eq!((job.summary.retry_of, job.summary.state), (Some(id), State::Queued));
}

#[tokio::test]
async fn a_listing_is_read_page_by_page() {
    let server = Server::start().await;
    let mut ids = Vec::new();
    for number in 0..5 {
        ids.push(server.submit(&job(&format!("j{number}"))).await);
    }
    ids.reverse();
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    for _ in 0..3 {
        let page: Page<JobSummary> = server.get(&format!("/v1/jobs?limit=2&state=queued{cursor}")).await;
        seen.extend(page.items.into_iter().map(|job| job.id));
        let Some(next) = page.next else { break };
        cursor = format!("&cursor={next}");
    }
    seen.sort();
    seen.reverse();
    ids.sort();
    ids.reverse();
    assert_eq!(seen, ids);
    let none: Page<JobSummary> = server.get("/v1/jobs?state=finished,cancelled").await;
    assert_eq!(none.items, []);
}

#[tokio::test]
async fn what_was_accepted_is_there_after_a_restart() {
    let server = Server::start().await;
    let id = server.submit(&job("a")).await;
    let server = server.restart().await;
    let job: JobDetail = server.get(&format!("/v1/jobs/{id}")).await;
    assert_eq!(job.summary.state, State::Queued);
    let waits: Explanation = server.get(&format!("/v1/jobs/{id}/explain")).await;
    assert!(waits.summary.contains("no worker was heard of"), "{}", waits.summary);
}

#[tokio::test]
async fn a_job_that_waits_too_long_is_ended_by_the_clockwork() {
    let server = Server::start().await;
    let mut job = job("a");
    job["timeouts"] = json!({"queue": "300ms"});
    let id = server.submit(&job).await;
    let events = server.call(Method::GET, &format!("/v1/jobs/{id}/events?follow=true"));
    let story = events.send().await.unwrap().text().await.unwrap();
    assert!(story.contains("\"state\":\"cancelled\""), "{story}");
}

//! Long polls: who is woken, and what becomes of a job whose worker is gone.

use std::time::Instant;

use dayfly_jobs::wire::{JobDetail, RenewRequest, Renewal, Renewed};
use dayfly_jobs::{Attempt, State};
use futures_util::future::join_all;

use super::*;

#[tokio::test]
async fn one_job_goes_to_one_of_many_polls_at_once() {
    let server = Server::start().await;
    let mut workers = Vec::new();
    for number in 0..12 {
        workers.push(server.worker(&format!("w{number}")).await);
    }
    let polls = join_all(workers.iter().map(|worker| json_of::<Leases>(worker.poll(1500), StatusCode::OK)));
    let submit = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        (Instant::now(), server.submit(&job("a")).await)
    };
    let (answers, (_, id)) = tokio::join!(polls, submit);
    let leased: Vec<JobId> =
        answers.into_iter().flat_map(|answer| answer.leases).map(|lease| lease.id.job).collect();
    assert_eq!(leased, [id]);
}

#[tokio::test]
async fn a_poll_is_answered_as_soon_as_there_is_a_job() {
    let server = Server::start().await;
    let worker = server.worker("w1").await;
    let poll = async {
        let lease = worker.lease().await;
        (lease.id.job, Instant::now())
    };
    let submit = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let begin = Instant::now();
        (server.submit(&job("a")).await, begin)
    };
    let ((leased, at), (id, begin)) = tokio::join!(poll, submit);
    assert_eq!(leased, id);
    assert!(at.duration_since(begin) < Duration::from_secs(5), "the poll was not woken");
}

#[tokio::test]
async fn a_poll_without_a_job_ends_when_it_said() {
    let server = Server::start().await;
    let worker = server.worker("w1").await;
    let begin = Instant::now();
    let leases: Leases = json_of(worker.poll(200), StatusCode::OK).await;
    assert!(leases.leases.is_empty() && !leases.drain);
    assert!(begin.elapsed() >= Duration::from_millis(200) && begin.elapsed() < Duration::from_secs(8));
}

#[tokio::test]
async fn a_job_does_not_go_to_a_poll_whose_worker_hung_up() {
    let server = Server::start().await;
    let (gone, there) = (server.worker("w1").await, server.worker("w2").await);
    assert!(tokio::time::timeout(Duration::from_millis(300), gone.poll(15_000).send()).await.is_err());
    let id = server.submit(&job("a")).await;
    let lease = there.lease().await;
    assert_eq!(lease.id.job, id);
    // Whether the first got it and gave it back, or never did: no attempt counts as lost.
    let job: JobDetail = server.get(&format!("/v1/jobs/{id}")).await;
    assert_eq!(job.summary.strikes, 0);
}

#[tokio::test]
async fn a_worker_that_is_to_drain_hears_of_it_at_once() {
    let server = Server::start().await;
    let worker = server.worker("w1").await;
    let drain = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let call = server.call(Method::PUT, "/v1/workers/w1/drain").json(&json!({"draining": true}));
        assert_eq!(call.send().await.unwrap().status(), StatusCode::NO_CONTENT);
    };
    let poll = json_of::<Leases>(worker.poll(15_000), StatusCode::OK);
    let (leases, ()) = tokio::join!(poll, drain);
    assert!(leases.drain && leases.leases.is_empty());
    server.submit(&job("a")).await;
    let leases: Leases = json_of(worker.poll(100), StatusCode::OK).await;
    assert!(leases.drain && leases.leases.is_empty());
    let call = worker
        .call(Method::POST, "/v1/leases/renew")
        .json(&RenewRequest { leases: Vec::new(), samples: Vec::new() });
    let renewed: Renewed = json_of(call, StatusCode::OK).await;
    assert!(renewed.drain);
}

#[tokio::test]
async fn renewing_brings_the_wish_to_cancel_and_tells_what_is_lost() {
    let server = Server::start().await;
    let id = server.submit(&job("a")).await;
    let worker = server.worker("w1").await;
    let lease = worker.lease().await.id;
    let stranger = LeaseId { job: id, attempt: Attempt(9) };
    let renew = || async {
        let request = RenewRequest { leases: vec![lease, stranger], samples: Vec::new() };
        let call = worker.call(Method::POST, "/v1/leases/renew").json(&request);
        json_of::<Renewed>(call, StatusCode::OK).await.leases
    };
    assert_eq!(renew().await[0], Renewal::Kept { lasts_ms: 15_000, cancel: false });
    server.call(Method::POST, &format!("/v1/jobs/{id}/cancel")).send().await.unwrap();
    let renewed = renew().await;
    assert_eq!(renewed[0], Renewal::Kept { lasts_ms: 15_000, cancel: true });
    assert_eq!(renewed[1], Renewal::Lost { latest: Attempt(1) });
    let ended: dayfly_jobs::wire::Completed =
        json_of(worker.complete(lease, &Completion::Stopped), StatusCode::OK).await;
    assert_eq!(ended.state, State::Cancelled);
}

#[tokio::test]
async fn a_lease_that_is_not_renewed_runs_out_and_the_job_goes_elsewhere() {
    let server = Server::start_with(|config| config.lease_ms = 700).await;
    let id = server.submit(&job("a")).await;
    let lost = server.worker("w1").await;
    let first = lost.lease().await;
    let other = server.worker("w2").await;
    let begin = Instant::now();
    let second = other.lease().await;
    assert_eq!((second.id.job, second.id.attempt), (id, Attempt(2)));
    assert!(begin.elapsed() < Duration::from_secs(5), "nobody woke the poll");
    refused(lost.complete(first.id, &passed(b"")), 409, "stale-attempt").await;
}

#[tokio::test]
async fn a_job_that_is_handed_back_wakes_another() {
    let server = Server::start().await;
    server.submit(&job("a")).await;
    let (one, two) = (server.worker("w1").await, server.worker("w2").await);
    let lease = one.lease().await;
    let hand_back = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let _: Value = json_of(one.complete(lease.id, &Completion::HandedBack), StatusCode::OK).await;
        Instant::now()
    };
    let poll = async { (two.lease().await, Instant::now()) };
    let ((next, at), begin) = tokio::join!(poll, hand_back);
    assert_eq!(next.id.attempt, Attempt(2));
    assert!(at.saturating_duration_since(begin) < Duration::from_secs(5));
}

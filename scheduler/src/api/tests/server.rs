//! The server itself: health, pages, and its end.

use std::time::Instant;

use super::*;

#[tokio::test]
async fn it_tells_how_it_is_and_what_it_counts() {
    let server = Server::start().await;
    server.submit(&job("a")).await;
    server.worker("w1").await;
    let get = |path: &str| server.client.get(format!("{}{path}", server.url)).send();
    assert_eq!(get("/healthz").await.unwrap().text().await.unwrap(), "ok\n");
    assert_eq!(get("/readyz").await.unwrap().text().await.unwrap(), "ready\n");
    let metrics = get("/metrics").await.unwrap().text().await.unwrap();
    for line in [
        "dayfly_jobs_queued{queue=\"default\",tenant=\"default\"} 1",
        "dayfly_jobs_submitted_total 1",
        "dayfly_workers{standing=\"alive\"} 1",
        "dayfly_http_call_seconds_count{method=\"POST\",route=\"/v1/jobs\",status=\"201\"} 1",
    ] {
        assert!(metrics.contains(line), "{line}: {metrics}");
    }
}

#[tokio::test]
async fn verdicts_and_all_of_the_log_are_counted() {
    let server = Server::start().await;
    server.submit(&job("a")).await;
    let worker = server.worker("w1").await;
    let lease = worker.lease().await.id;
    let _: Value = json_of(worker.log(lease, 0, "four"), StatusCode::OK).await;
    let Completion::Finished { mut result, mut rest } = passed(b"four and more") else { panic!("a result") };
    result.verdict = Verdict::BadOutput { reason: "nothing there".to_owned() };
    rest.log = Some(dayfly_jobs::wire::LogChunk { offset: 4, base64: "IGFuZCBtb3Jl".to_owned() });
    let end = || worker.complete(lease, &Completion::Finished { result: result.clone(), rest: rest.clone() });
    let _: Value = json_of(end(), StatusCode::OK).await;
    let _: Value = json_of(end(), StatusCode::OK).await;
    let metrics =
        server.client.get(format!("{}/metrics", server.url)).send().await.unwrap().text().await.unwrap();
    for line in [
        "dayfly_verdicts_total{verdict=\"bad_output\"} 1",
        "dayfly_attempts_ended_total{state=\"finished\"} 1",
        "dayfly_log_bytes_total 13",
    ] {
        assert!(metrics.contains(line), "{line}: {metrics}");
    }
}

#[tokio::test]
async fn the_description_is_served_to_programs_and_people() {
    let server = Server::start().await;
    let described: Value =
        server.client.get(format!("{}/openapi.json", server.url)).send().await.unwrap().json().await.unwrap();
    assert!(described["paths"]["/v1/jobs"]["post"].is_object());
    let page = server.client.get(format!("{}/docs", server.url)).send().await.unwrap();
    assert!(page.headers()["content-security-policy"].to_str().unwrap().starts_with("default-src 'none'"));
    assert!(page.text().await.unwrap().contains("Dayfly API"));
}

#[tokio::test]
async fn an_end_does_not_wait_for_polls_and_followers() {
    let server = Server::start().await;
    let worker = server.worker("w1").await;
    let polls = tokio::spawn(worker.poll(30_000).send());
    let mut job = job("a");
    job["labels"] = json!(["nowhere"]);
    let id = server.submit(&job).await;
    let follow = server.call(Method::GET, &format!("/v1/jobs/{id}/logs?follow=true")).send().await.unwrap();
    let begin = Instant::now();
    server.stop.cancel();
    server.task.await.unwrap();
    assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
    assert_eq!(polls.await.unwrap().unwrap().status(), StatusCode::OK);
    follow.text().await.unwrap();
    drop(store_in(&server.folder).await);
}

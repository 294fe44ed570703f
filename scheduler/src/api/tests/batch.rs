//! Many jobs in one call.

use super::*;

fn batch(server: &Server, lines: impl IntoIterator<Item = String>) -> RequestBuilder {
    let body: Vec<String> = lines.into_iter().collect();
    server
        .call(Method::POST, "/v1/jobs/batch")
        .header("content-type", "application/x-ndjson")
        .body(body.join("\n"))
}

fn lines(count: usize) -> impl Iterator<Item = String> {
    (0..count).map(|number| job(&format!("j{number}")).to_string())
}

#[tokio::test]
async fn a_thousand_jobs_are_one_call_and_repeating_it_changes_nothing() {
    let server = Server::start().await;
    let call = || batch(&server, lines(1000)).header("idempotency-key", "load-1");
    let first: Value = json_of(call(), StatusCode::CREATED).await;
    assert_eq!(first["items"].as_array().unwrap().len(), 1000);
    assert!(first["items"].as_array().unwrap().iter().all(|item| item["created"] == true));
    let again: Value = json_of(call(), StatusCode::CREATED).await;
    for (before, now) in first["items"].as_array().unwrap().iter().zip(again["items"].as_array().unwrap()) {
        assert_eq!((before["id"].clone(), now["created"].clone()), (now["id"].clone(), json!(false)));
    }
}

#[tokio::test]
async fn a_batch_is_all_or_nothing() {
    let server = Server::start().await;
    refused(batch(&server, lines(1001)), 413, "too-large").await;
    refused(batch(&server, []), 400, "bad-request").await;
    let broken = lines(3).chain(["{\"version\": 1, \"nam\": \"x\"}".to_owned()]);
    let problem = refused(batch(&server, broken), 422, "bad-job").await;
    assert!(problem.detail.contains("line 4"), "{}", problem.detail);
    let list: Value = server.get("/v1/jobs").await;
    assert_eq!(list["items"], json!([]));
}

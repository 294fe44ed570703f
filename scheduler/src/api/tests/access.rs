//! Tokens and secrets.

use super::*;

#[tokio::test]
async fn a_token_is_shown_once_and_ends_at_once() {
    let server = Server::start().await;
    let token = server.token("ci", "team", &["read"]).await;
    assert_eq!(
        server.call_as(&token, Method::GET, "/v1/jobs").send().await.unwrap().status(),
        StatusCode::OK
    );
    let list = server.call(Method::GET, "/v1/tokens").send().await.unwrap().text().await.unwrap();
    assert!(list.contains("\"ci\"") && !list.contains("dfy_"), "{list}");
    let again = json!({"name": "ci", "tenant": "team", "permits": ["read"]});
    refused(server.call(Method::POST, "/v1/tokens").json(&again), 409, "taken").await;
    let revoke = server.call(Method::DELETE, "/v1/tokens/ci").send().await.unwrap();
    assert_eq!(revoke.status(), StatusCode::NO_CONTENT);
    refused(server.call_as(&token, Method::GET, "/v1/jobs"), 401, "unauthorized").await;
}

#[tokio::test]
async fn a_token_is_good_for_as_long_as_was_said() {
    let server = Server::start().await;
    let request = json!({"name": "short", "tenant": "team", "permits": ["read"], "lasts_ms": 0});
    let made: Value =
        json_of(server.call(Method::POST, "/v1/tokens").json(&request), StatusCode::CREATED).await;
    tokio::time::sleep(Duration::from_millis(5)).await;
    refused(server.call_as(made["token"].as_str().unwrap(), Method::GET, "/v1/jobs"), 401, "unauthorized")
        .await;
    for bad in [
        json!({"name": "a b", "tenant": "team", "permits": ["read"]}),
        json!({"name": "ab", "tenant": "team", "permits": []}),
        json!({"name": "ab", "tenant": "team", "permits": ["fly"]}),
    ] {
        refused(server.call(Method::POST, "/v1/tokens").json(&bad), 400, "bad-request").await;
    }
}

#[tokio::test]
async fn the_first_token_is_made_once() {
    let folder = tempfile::tempdir().unwrap();
    let config = || Config::new(folder.path().join("data"));
    let scheduler = Scheduler::open(config()).await.unwrap();
    let first = scheduler.first_token().await.unwrap().unwrap();
    assert!(first.starts_with("dfy_"));
    assert_eq!(scheduler.first_token().await.unwrap(), None);
}

#[tokio::test]
async fn a_secret_reaches_its_job_and_nobody_else() {
    let server = Server::start().await;
    let put = server.call(Method::PUT, "/v1/secrets/deploy").json(&json!({"value": "correct horse battery"}));
    assert_eq!(put.send().await.unwrap().status(), StatusCode::NO_CONTENT);
    let list = server.call(Method::GET, "/v1/secrets").send().await.unwrap().text().await.unwrap();
    assert!(list.contains("deploy") && !list.contains("horse"), "{list}");
    refused(server.call(Method::GET, "/v1/secrets/deploy"), 405, "method-not-allowed").await;

    let mut with_secret = job("a");
    with_secret["secrets"] = json!([{"name": "deploy"}]);
    let id = server.submit(&with_secret).await;
    let worker = server.worker("w1").await;
    let lease = worker.lease().await;
    assert_eq!(lease.secrets[&"deploy".parse().unwrap()], "correct horse battery");
    let shown =
        server.call(Method::GET, &format!("/v1/jobs/{id}")).send().await.unwrap().text().await.unwrap();
    assert!(!shown.contains("horse"), "{shown}");

    with_secret["secrets"] = json!([{"name": "unknown"}]);
    let problem = refused(server.call(Method::POST, "/v1/jobs").json(&with_secret), 422, "no-secret").await;
    assert!(problem.fix.unwrap().contains("/v1/secrets/unknown"));
    let folder = server.folder.path().join("data");
    for file in ["dayfly.db", "dayfly.db-wal"] {
        let bytes = std::fs::read(folder.join(file)).unwrap_or_default();
        assert!(!bytes.windows(5).any(|part| part == b"horse"), "{file} has the secret in the clear");
    }
}

#[tokio::test]
async fn tenants_and_queues_have_parts_and_caps() {
    let server = Server::start().await;
    let caps = json!({"max_running": 1, "max_queued": 2});
    let _: Value = json_of(server.call(Method::PUT, "/v1/queues/small").json(&caps), StatusCode::OK).await;
    let share = json!({"weight": 300, "max_running": 5, "max_queued": 1000});
    let tenant: Value =
        json_of(server.call(Method::PUT, "/v1/tenants/team").json(&share), StatusCode::OK).await;
    assert_eq!(tenant["weight"], 300);
    let bad = json!({"weight": 0, "max_running": 5, "max_queued": 1000});
    refused(server.call(Method::PUT, "/v1/tenants/team").json(&bad), 400, "bad-request").await;
    let queues: Value = server.get("/v1/queues").await;
    assert!(queues["items"].as_array().unwrap().iter().any(|queue| queue["name"] == "small"));

    let mut waiting = job("a");
    waiting["queue"] = json!("small");
    server.submit(&waiting).await;
    server.submit(&waiting).await;
    refused(server.call(Method::POST, "/v1/jobs").json(&waiting), 429, "queue-full").await;
    waiting["queue"] = json!("nowhere");
    refused(server.call(Method::POST, "/v1/jobs").json(&waiting), 404, "not-found").await;
}

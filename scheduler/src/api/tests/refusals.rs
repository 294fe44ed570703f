//! Every way to be refused, as a table.

use super::*;

struct Case {
    method: Method,
    path: &'static str,
    token: &'static str,
    kind: &'static str,
    body: Vec<u8>,
    status: u16,
    name: &'static str,
}

fn case(
    call: (&str, &'static str),
    token: &'static str,
    body: (&'static str, &[u8]),
    end: (u16, &'static str),
) -> Case {
    let method = Method::from_bytes(call.0.as_bytes()).unwrap();
    Case { method, path: call.1, token, kind: body.0, body: body.1.to_vec(), status: end.0, name: end.1 }
}

const JSON: &str = "application/json";
const NO_JOB: &str = "00000000000000000000000000";

fn table() -> Vec<Case> {
    let good = job("a").to_string();
    let good = good.as_bytes();
    vec![
        case(("GET", "/v1/jobs"), "", ("", b""), (401, "unauthorized")),
        case(("GET", "/v1/jobs"), "nonsense", ("", b""), (401, "unauthorized")),
        case(("GET", "/v1/jobs"), "unknown", ("", b""), (401, "unauthorized")),
        case(("POST", "/v1/jobs"), "", (JSON, good), (401, "unauthorized")),
        case(("POST", "/v1/leases"), "", (JSON, b"{}"), (401, "unauthorized")),
        case(("POST", "/v1/jobs"), "reader", (JSON, good), (403, "forbidden")),
        case(("GET", "/v1/jobs"), "submitter", ("", b""), (403, "forbidden")),
        case(("GET", "/v1/workers"), "reader", ("", b""), (403, "forbidden")),
        case(("GET", "/v1/tokens"), "submitter", ("", b""), (403, "forbidden")),
        case(("POST", "/v1/workers"), "submitter", (JSON, b"{}"), (403, "forbidden")),
        case(("POST", "/v1/leases"), "admin", (JSON, b"{}"), (403, "forbidden")),
        case(("GET", "/v1/nothing"), "admin", ("", b""), (404, "not-found")),
        case(("GET", "/"), "", ("", b""), (404, "not-found")),
        case(("GET", "/v1/jobs/00000000000000000000000000"), "admin", ("", b""), (404, "not-found")),
        case(("POST", "/v1/jobs/00000000000000000000000000/cancel"), "admin", ("", b""), (404, "not-found")),
        case(("DELETE", "/v1/tokens/nobody"), "admin", ("", b""), (404, "not-found")),
        case(("DELETE", "/v1/workers/nobody"), "admin", ("", b""), (404, "not-found")),
        case(("DELETE", "/v1/jobs"), "admin", ("", b""), (405, "method-not-allowed")),
        case(("PATCH", "/v1/tokens"), "", ("", b""), (405, "method-not-allowed")),
        case(("GET", "/v1/jobs/abc"), "admin", ("", b""), (400, "bad-request")),
        case(("GET", "/v1/blobs/abc"), "admin", ("", b""), (400, "bad-request")),
        case(("GET", "/v1/jobs?state=asleep"), "admin", ("", b""), (400, "bad-request")),
        case(("GET", "/v1/jobs?limit=0"), "admin", ("", b""), (400, "bad-request")),
        case(("GET", "/v1/jobs?limit=501"), "admin", ("", b""), (400, "bad-request")),
        case(("GET", "/v1/jobs?colour=red"), "admin", ("", b""), (400, "bad-request")),
        case(("GET", "/v1/jobs?cursor=x"), "admin", ("", b""), (400, "bad-request")),
        case(("POST", "/v1/tokens"), "admin", (JSON, b"{\"name\": "), (400, "bad-request")),
        case(("POST", "/v1/tokens"), "admin", (JSON, b"{\"nam\":\"x\"}"), (400, "bad-request")),
        case(("PUT", "/v1/queues/x"), "admin", (JSON, b"[]"), (400, "bad-request")),
        case(("POST", "/v1/jobs"), "admin", (JSON, b"\xff\xfe"), (400, "bad-request")),
        case(("POST", "/v1/jobs"), "admin", ("", good), (415, "unsupported-type")),
        case(("POST", "/v1/jobs"), "admin", ("text/plain", good), (415, "unsupported-type")),
        case(("POST", "/v1/tokens"), "admin", ("application/yaml", b"a: b"), (415, "unsupported-type")),
        case(("POST", "/v1/jobs/batch"), "admin", (JSON, good), (415, "unsupported-type")),
        case(("POST", "/v1/jobs"), "admin", (JSON, b"{}"), (422, "bad-job")),
        case(("POST", "/v1/jobs"), "admin", ("application/yaml", b"steps: [\n"), (422, "bad-job")),
        case(("POST", "/v1/jobs"), "admin", ("application/toml", b"= 1\n"), (422, "bad-job")),
        case(("POST", "/v1/jobs"), "admin", (JSON, &[b' '; (1 << 20) + 1]), (413, "too-large")),
        case(("POST", "/v1/tokens"), "admin", (JSON, &[b' '; (64 << 10) + 1]), (413, "too-large")),
    ]
}

#[tokio::test]
async fn every_refusal_is_a_problem_that_says_what_it_is() {
    let server = Server::start_with(|config| config.http.failures_per_second = 1000).await;
    let reader = server.token("reader", "default", &["read"]).await;
    let submitter = server.token("submitter", "default", &["submit"]).await;
    let unknown = format!("dfy_{}", "a".repeat(43));
    for case in table() {
        let what = format!("{} {} as '{}' ({})", case.method, case.path, case.token, case.kind);
        let mut call =
            server.client.request(case.method, format!("{}{}", server.url, case.path)).body(case.body);
        call = match case.token {
            "" => call,
            "admin" => call.bearer_auth(&server.admin),
            "reader" => call.bearer_auth(&reader),
            "submitter" => call.bearer_auth(&submitter),
            "unknown" => call.bearer_auth(&unknown),
            other => call.bearer_auth(other),
        };
        if !case.kind.is_empty() {
            call = call.header("content-type", case.kind);
        }
        let answer = call.send().await.unwrap();
        let has_challenge = answer.headers().contains_key("www-authenticate");
        let problem = problem_of(answer).await;
        assert_eq!((problem.status, problem.name()), (case.status, case.name), "{what}: {}", problem.detail);
        assert_eq!(has_challenge, case.status == 401, "{what}");
        if matches!(case.status, 401 | 403 | 415) {
            assert!(problem.fix.is_some(), "{what} says nothing of a fix");
        }
    }
}

#[tokio::test]
async fn one_without_permission_learns_nothing_of_the_body() {
    let server = Server::start().await;
    let reader = server.token("reader", "default", &["read"]).await;
    let call = server.call_as(&reader, Method::POST, "/v1/tokens").body("nonsense");
    refused(call, 403, "forbidden").await;
}

#[tokio::test]
async fn heads_that_are_too_long_are_refused() {
    let server = Server::start().await;
    let long = server.call(Method::GET, "/v1/jobs").header("x-long", "x".repeat(17 << 10));
    refused(long, 431, "headers-too-large").await;
    let long = server.call(Method::GET, &format!("/v1/jobs?name={}", "x".repeat(5 << 10)));
    refused(long, 414, "uri-too-long").await;
}

#[tokio::test]
async fn who_calls_too_often_is_told_when_to_come_again() {
    let server =
        Server::start_with(|config| (config.http.calls_per_second, config.http.calls_burst) = (1, 5)).await;
    let mut last = None;
    for _ in 0..8 {
        last = Some(server.call(Method::GET, "/v1/jobs").send().await.unwrap());
    }
    let problem = problem_of(last.unwrap()).await;
    assert_eq!((problem.status, problem.name()), (429, "rate-limited"));
}

#[tokio::test]
async fn who_guesses_tokens_is_slowed_down() {
    let server = Server::start_with(|config| config.http.failures_per_second = 1).await;
    let mut statuses = Vec::new();
    for number in 0..8 {
        let token = format!("dfy_{number:043}");
        statuses
            .push(server.call_as(&token, Method::GET, "/v1/jobs").send().await.unwrap().status().as_u16());
    }
    assert_eq!(statuses[..5], [401; 5]);
    assert_eq!(statuses[7], 429);
}

#[tokio::test]
async fn a_job_of_another_tenant_does_not_exist() {
    let server = Server::start().await;
    let id = server.submit(&job("a")).await;
    let other = server.token("other", "other", &["read", "cancel", "submit"]).await;
    for (method, path) in [
        (Method::GET, format!("/v1/jobs/{id}")),
        (Method::GET, format!("/v1/jobs/{id}/logs")),
        (Method::GET, format!("/v1/jobs/{id}/events")),
        (Method::GET, format!("/v1/jobs/{id}/explain")),
        (Method::GET, format!("/v1/jobs/{id}/artifacts")),
        (Method::POST, format!("/v1/jobs/{id}/cancel")),
        (Method::POST, format!("/v1/jobs/{id}/retry")),
    ] {
        refused(server.call_as(&other, method, &path), 404, "not-found").await;
    }
    let list: Value = json_of(server.call_as(&other, Method::GET, "/v1/jobs"), StatusCode::OK).await;
    assert_eq!(list["items"], json!([]));
    assert_eq!(NO_JOB.parse::<JobId>().unwrap().to_string(), NO_JOB);
}

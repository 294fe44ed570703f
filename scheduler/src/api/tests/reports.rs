//! Webhooks to a receiver on this machine.

use std::sync::Mutex;

use axum::Router;
use axum::http::HeaderMap;
use axum::routing::post;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::*;

/// What a receiver got, and what it answers.
#[derive(Clone)]
struct Receiver {
    got: Arc<Mutex<Vec<(HeaderMap, String)>>>,
    answers: Arc<Mutex<Vec<u16>>>,
    url: String,
}

impl Receiver {
    async fn start(answers: &[u16]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let answers = Arc::new(Mutex::new(answers.iter().rev().copied().collect()));
        let own = Self { got: Arc::default(), answers, url };
        let receiver = own.clone();
        let hook = post(move |headers: HeaderMap, body: String| async move {
            receiver.got.lock().unwrap().push((headers, body));
            let status = receiver.answers.lock().unwrap().pop().unwrap_or(200);
            let mut answer = HeaderMap::new();
            answer.insert("location", "http://127.0.0.1:1/".parse().unwrap());
            (StatusCode::from_u16(status).unwrap(), answer)
        });
        tokio::spawn(async move { axum::serve(listener, Router::new().route("/hook", hook)).await.unwrap() });
        own
    }

    async fn wait_for(&self, count: usize) -> Vec<(HeaderMap, String)> {
        tokio::time::timeout(LONG, async {
            loop {
                let got = self.got.lock().unwrap().clone();
                if got.len() >= count {
                    return got;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        })
        .await
        .expect("the receiver was not called")
    }
}

fn allowed(config: &mut Config) {
    config.webhooks.allow = vec!["127.0.0.0/8".parse().unwrap()];
    config.webhooks.schedule_ms = vec![20, 20, 20];
}

async fn key(server: &Server) -> Vec<u8> {
    let made: Value = json_of(server.call(Method::POST, "/v1/webhook-key"), StatusCode::CREATED).await;
    STANDARD.decode(made["key"].as_str().unwrap().strip_prefix("whsec_").unwrap()).unwrap()
}

async fn cancelled(server: &Server, url: &str) -> JobId {
    let mut job = job("a");
    job["report"] = json!([{"webhook": url}]);
    let id = server.submit(&job).await;
    let _: Value = json_of(server.call(Method::POST, &format!("/v1/jobs/{id}/cancel")), StatusCode::OK).await;
    id
}

/// Until the delivery of a job stands like this.
async fn delivery(server: &Server, id: JobId, state: &str) -> Value {
    tokio::time::timeout(LONG, async {
        loop {
            let list: Value = server.get(&format!("/v1/jobs/{id}/deliveries")).await;
            if list["items"][0]["state"] == state {
                return list["items"][0].clone();
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await
    .expect("the delivery did not come to stand so")
}

#[tokio::test]
async fn a_report_is_signed_and_tried_until_it_arrives() {
    let server = Server::start_with(allowed).await;
    let key = key(&server).await;
    let receiver = Receiver::start(&[500, 302]).await;
    let id = cancelled(&server, &receiver.url).await;
    let got = receiver.wait_for(3).await;
    let done = delivery(&server, id, "delivered").await;
    assert_eq!(done["attempts"], 3);

    let (headers, body) = &got[2];
    let header = |name: &str| headers[name].to_str().unwrap();
    assert_eq!(header("webhook-id"), format!("{id}.0"));
    assert_eq!(got[0].0["webhook-id"], got[2].0["webhook-id"], "the id is the same each time");
    let signed = format!("{}.{}.{body}", header("webhook-id"), header("webhook-timestamp"));
    let tag = ring::hmac::sign(&ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &key), signed.as_bytes());
    assert_eq!(header("webhook-signature"), format!("v1,{}", STANDARD.encode(tag.as_ref())));
    let body: Value = serde_json::from_str(body).unwrap();
    assert_eq!(
        (body["type"].clone(), body["data"]["id"].clone()),
        (json!("job.cancelled"), json!(id.to_string()))
    );
    assert!(body["timestamp"].as_str().unwrap().ends_with('Z'));
}

#[tokio::test]
async fn a_report_that_is_given_up_can_be_sent_again() {
    let server = Server::start_with(allowed).await;
    key(&server).await;
    let receiver = Receiver::start(&[410]).await;
    let id = cancelled(&server, &receiver.url).await;
    let dead = delivery(&server, id, "dead").await;
    assert!(dead["error"].as_str().unwrap().contains("410"), "{dead}");
    let again =
        server.call(Method::POST, &format!("/v1/jobs/{id}/deliveries/0/redeliver")).send().await.unwrap();
    assert_eq!(again.status(), StatusCode::ACCEPTED);
    receiver.wait_for(2).await;
    delivery(&server, id, "delivered").await;
}

#[tokio::test]
async fn a_receiver_that_never_answers_well_is_given_up() {
    let server = Server::start_with(allowed).await;
    key(&server).await;
    let receiver = Receiver::start(&[500; 10]).await;
    let id = cancelled(&server, &receiver.url).await;
    let dead = delivery(&server, id, "dead").await;
    assert_eq!((dead["attempts"].clone(), receiver.got.lock().unwrap().len()), (json!(4), 4));
}

#[tokio::test]
async fn a_receiver_that_never_answers_delays_nobody_elses_reports() {
    let server = Server::start_with(allowed).await;
    key(&server).await;
    // It takes calls and says nothing; their time limit is longer than this test waits.
    let silent = TcpListener::bind("127.0.0.2:0").await.unwrap();
    let url = format!("http://{}/hook", silent.local_addr().unwrap());
    for _ in 0..20 {
        cancelled(&server, &url).await;
    }
    let (first, _) = tokio::time::timeout(LONG, silent.accept()).await.unwrap().unwrap();
    let begin = std::time::Instant::now();
    let receiver = Receiver::start(&[]).await;
    for _ in 0..6 {
        cancelled(&server, &receiver.url).await;
    }
    receiver.wait_for(6).await;
    assert!(begin.elapsed() < Duration::from_secs(8), "{:?}", begin.elapsed());
    drop(first);
}

#[tokio::test]
async fn the_own_network_is_out_of_reach() {
    let server = Server::start_with(|config| config.webhooks.schedule_ms = vec![]).await;
    key(&server).await;
    let receiver = Receiver::start(&[]).await;
    let mut direct = job("a");
    direct["report"] = json!([{"webhook": receiver.url}]);
    let problem = refused(server.call(Method::POST, "/v1/jobs").json(&direct), 422, "bad-job").await;
    assert!(problem.detail.contains("public internet"), "{}", problem.detail);
    // A name is judged when it is called, by what it stands for then.
    let by_name = receiver.url.replace("127.0.0.1", "localhost");
    let id = cancelled(&server, &by_name).await;
    let dead = delivery(&server, id, "dead").await;
    assert!(dead["error"].as_str().unwrap().contains("public internet"), "{dead}");
    assert!(receiver.got.lock().unwrap().is_empty());
}

#[tokio::test]
async fn without_a_key_no_report_is_promised() {
    let server = Server::start().await;
    let mut job = job("a");
    job["report"] = json!([{"webhook": "https://example.org/hook"}]);
    let problem = refused(server.call(Method::POST, "/v1/jobs").json(&job), 422, "bad-job").await;
    assert!(problem.fix.unwrap().contains("/v1/webhook-key"));
}

//! What the description says against what is answered, for every call that is in it.

use std::collections::BTreeMap;

use super::*;

/// Who calls: tokens that permit one thing each, the administrator and a worker.
type Callers = BTreeMap<&'static str, String>;

async fn callers(server: &Server) -> Callers {
    let mut callers = BTreeMap::from([("admin", server.admin.clone())]);
    for permission in ["submit", "read", "cancel", "worker"] {
        callers.insert(permission, server.token(permission, "default", &[permission]).await);
    }
    callers.insert("a worker", server.worker("w1").await.token);
    callers
}

/// One call of the description.
struct Described {
    method: Method,
    path: String,
    call: Value,
}

impl Described {
    async fn all(server: &Server) -> Vec<Self> {
        let whole: Value = server.get("/openapi.json").await;
        let paths = whole["paths"].as_object().unwrap().iter();
        let calls = paths.flat_map(|(path, methods)| {
            methods.as_object().unwrap().iter().map(move |(method, call)| Self {
                method: method.to_uppercase().parse().unwrap(),
                path: path.clone(),
                call: call.clone(),
            })
        });
        calls.collect()
    }

    fn needs_token(&self) -> bool {
        self.call["security"].is_null()
    }

    fn has(&self, place: &str) -> bool {
        self.call["parameters"].as_array().into_iter().flatten().any(|parameter| parameter["in"] == place)
    }

    fn kind(&self) -> Option<&str> {
        let kinds = self.call["requestBody"]["content"].as_object()?;
        kinds.keys().map(String::as_str).next()
    }

    /// The path with something in it that is not there.
    fn nowhere(&self) -> String {
        let nothing = "0".repeat(26);
        let path = self.path.replace("{id}", &nothing).replace("{lease}", &format!("{nothing}.1"));
        let path = path.replace("{sha256}", &"0".repeat(64)).replace("{name}", "nobody");
        let path = path.replace("{place}", "0").replace("{report}", "0");
        if self.path.ends_with("/log") { path + "?offset=0" } else { path }
    }

    fn call(&self, server: &Server, path: &str) -> RequestBuilder {
        let call = server.client.request(self.method.clone(), format!("{}{path}", server.url));
        match self.kind() {
            Some(kind) => call.header("content-type", kind),
            None => call,
        }
    }

    /// Whoever may make this call.
    fn caller<'a>(&self, callers: &'a Callers) -> &'a str {
        let worker = self.call["tags"] == json!(["worker protocol"]);
        &callers[if worker { "a worker" } else { "admin" }]
    }

    /// Checks that an answer is one of those that are described.
    async fn check(&self, answer: Response, what: &str) -> u16 {
        let status = answer.status();
        let described = &self.call["responses"][status.as_str()];
        let name = format!("{} {} {what}: {status}", self.method, self.path);
        assert!(described.is_object(), "{name} is not described");
        if status.is_client_error() || status.is_server_error() {
            assert!(described["content"]["application/problem+json"].is_object(), "{name}");
            problem_of(answer).await;
        } else if let Some(kinds) = described["content"].as_object() {
            let kind =
                answer.headers()["content-type"].to_str().unwrap().split(';').next().unwrap().to_owned();
            assert!(kinds.contains_key(&kind), "{name} is {kind}");
        }
        status.as_u16()
    }
}

fn generous(config: &mut Config) {
    config.http.failures_per_second = 10_000;
}

#[tokio::test]
async fn a_call_without_a_good_token_is_answered_as_described() {
    let server = Server::start_with(generous).await;
    for call in Described::all(&server).await.iter().filter(|call| call.needs_token()) {
        let path = call.nowhere();
        let answer = call.call(&server, &path).body("{}").send().await.unwrap();
        assert_eq!(call.check(answer, "without a token").await, 401);
        let unknown = format!("dfy_{}", "a".repeat(43));
        let answer = call.call(&server, &path).bearer_auth(unknown).body("{}").send().await.unwrap();
        assert_eq!(call.check(answer, "with a token that is not known").await, 401);
    }
}

#[tokio::test]
async fn a_token_that_does_not_permit_a_call_is_answered_as_described() {
    let server = Server::start_with(generous).await;
    for call in Described::all(&server).await.iter().filter(|call| call.needs_token()) {
        let (callers, mut refused) = (callers(&server).await, Vec::new());
        for (name, token) in &callers {
            let answer =
                call.call(&server, &call.nowhere()).bearer_auth(token).body("{}").send().await.unwrap();
            if call.check(answer, name).await == 403 {
                refused.push(*name);
            }
        }
        assert!(!refused.is_empty(), "{} {} is for everybody", call.method, call.path);
        for name in ["submit", "read", "cancel", "worker"] {
            // Made anew for the next call, which may have ended one of them.
            server.call(Method::DELETE, &format!("/v1/tokens/{name}")).send().await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_malformed_call_is_answered_as_described() {
    let server = Server::start_with(generous).await;
    let callers = callers(&server).await;
    for call in Described::all(&server).await {
        let token = call.caller(&callers);
        let path = call.nowhere();
        let send =
            |path: String, body: &'static str| call.call(&server, &path).bearer_auth(token).body(body).send();
        if call.has("path") {
            let bad =
                path.replace("nobody", "%20").replace(&"0".repeat(26), "!").replace(&"0".repeat(64), "!");
            let status = call.check(send(bad, "{}").await.unwrap(), "of a bad path").await;
            assert!(status == 400 || status == 404, "{} {}: {status}", call.method, call.path);
        }
        if call.has("query") {
            let glue = if path.contains('?') { '&' } else { '?' };
            let bad = format!("{path}{glue}colour=red");
            assert_eq!(call.check(send(bad, "{}").await.unwrap(), "of a bad query").await, 400);
        }
        if call.kind().is_some_and(|kind| kind != "application/octet-stream") {
            let status = call.check(send(path.clone(), "{\"x\":").await.unwrap(), "of a broken body").await;
            assert!(status == 400 || status == 422, "{} {}: {status}", call.method, call.path);
            let odd = server.client.request(call.method.clone(), format!("{}{path}", server.url));
            let odd = odd.header("content-type", "image/png").bearer_auth(token).body("{}");
            assert_eq!(call.check(odd.send().await.unwrap(), "of an odd type").await, 415);
            let unknown = send(path.clone(), "{\"nonsense\":1}").await.unwrap();
            let status = call.check(unknown, "with an unknown key").await;
            assert!(status == 400 || status == 422, "{} {}: {status}", call.method, call.path);
        }
    }
}

#[tokio::test]
async fn a_body_that_is_too_large_is_answered_as_described_before_it_is_sent() {
    let server = Server::start_with(generous).await;
    let callers = callers(&server).await;
    for call in Described::all(&server).await {
        let Some(kind) = call.kind() else { continue };
        let head = format!(
            "{} {} HTTP/1.1\r\nHost: here\r\nAuthorization: Bearer {}\r\nContent-Type: {kind}\r\n\
             Content-Length: 99999999999\r\n\r\n",
            call.method,
            call.nowhere(),
            call.caller(&callers)
        );
        let answer = super::connections::said(&server, &head).await;
        assert!(answer.starts_with("HTTP/1.1 413 "), "{} {}: {answer}", call.method, call.path);
        assert!(answer.contains("problem:too-large"), "{answer}");
    }
}

#[tokio::test]
async fn a_method_that_is_not_described_is_refused() {
    let server = Server::start_with(generous).await;
    let all = Described::all(&server).await;
    for call in &all {
        let odd = server.client.patch(format!("{}{}", server.url, call.nowhere())).bearer_auth(&server.admin);
        let answer = odd.send().await.unwrap();
        let allowed = answer.headers()["allow"].to_str().unwrap().to_owned();
        assert_eq!(problem_of(answer).await.name(), "method-not-allowed", "{}", call.path);
        let here = all.iter().filter(|other| other.path == call.path);
        for method in here.map(|other| other.method.as_str()) {
            assert!(allowed.split(',').any(|allowed| allowed == method), "{}: {allowed}", call.path);
        }
    }
}

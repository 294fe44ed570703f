//! Clients that do not keep pace: real sockets, whose other end reads or writes slowly or not at all.

use std::time::Instant;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use super::*;

const MIB: usize = 1 << 20;

/// A connection whose end holds little, so that what it does not read stays at the scheduler.
async fn socket(server: &Server) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(16 << 10).unwrap();
    socket.connect(server.url.trim_start_matches("http://").parse().unwrap()).await.unwrap()
}

fn head(server: &Server, call: &str, headers: &str) -> String {
    format!("{call} HTTP/1.1\r\nHost: here\r\nAuthorization: Bearer {}\r\n{headers}\r\n", server.admin)
}

async fn asked(server: &Server, path: &str) -> TcpStream {
    let mut stream = socket(server).await;
    stream.write_all(head(server, &format!("GET {path}"), "").as_bytes()).await.unwrap();
    stream
}

/// What still comes, up to the end or the break of the connection.
async fn rest(stream: &mut TcpStream) -> (Vec<u8>, std::io::Result<()>) {
    let mut all = Vec::new();
    let read =
        tokio::time::timeout(LONG, stream.read_to_end(&mut all)).await.expect("an end of the connection");
    (all, read.map(drop))
}

async fn text(stream: &mut TcpStream) -> String {
    String::from_utf8(rest(stream).await.0).unwrap()
}

/// The answer to what is said on a connection of its own.
pub(super) async fn said(server: &Server, words: &str) -> String {
    let mut stream = socket(server).await;
    stream.write_all(words.as_bytes()).await.unwrap();
    text(&mut stream).await
}

/// Connections that are open, without the one that asks.
async fn open(server: &Server) -> u64 {
    let call = server.client.get(format!("{}/metrics", server.url)).header("connection", "close").send();
    let metrics = call.await.unwrap().text().await.unwrap();
    let line = metrics.lines().find_map(|line| line.strip_prefix("dayfly_http_connections ")).unwrap();
    line.parse::<u64>().unwrap() - 1
}

async fn until_open(server: &Server, expected: u64) {
    let begin = Instant::now();
    while open(server).await > expected {
        assert!(begin.elapsed() < LONG, "{} connections are open", open(server).await);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The address of a blob of 16 MiB.
async fn large(server: &Server) -> String {
    let content = vec![7_u8; 16 * MIB];
    let path = format!("/v1/blobs/{}", digest(&content));
    let call = server.call(Method::PUT, &path).header("connection", "close").body(content);
    let _: Value = json_of(call, StatusCode::CREATED).await;
    path
}

/// A job with a log of 8 MiB that may still grow.
async fn talkative(server: &Server) -> JobId {
    let id = server.submit(&job("a")).await;
    let worker = server.worker("w1").await;
    let lease = worker.lease().await.id;
    for piece in 0..8 {
        let _: Value = json_of(worker.log(lease, piece << 20, vec![b'x'; MIB]), StatusCode::OK).await;
    }
    id
}

#[tokio::test]
async fn a_reader_that_stalls_is_dropped_and_others_go_on() {
    let server = Server::start_with(|config| config.http.stall = Duration::from_secs(1)).await;
    let (blob, id) = (large(&server).await, talkative(&server).await);
    let idle = open(&server).await;
    let paths = [blob.clone(), format!("/v1/jobs/{id}/logs"), format!("/v1/jobs/{id}/logs?follow=true")];
    let mut stalled = Vec::new();
    for path in &paths {
        let mut stream = asked(&server, path).await;
        stream.read_exact(&mut [0; 12]).await.unwrap();
        stalled.push(stream);
    }
    assert_eq!(open(&server).await, idle + 3);
    let other = server.call(Method::GET, &blob).header("connection", "close").send().await.unwrap();
    assert_eq!(other.bytes().await.unwrap().len(), 16 * MIB, "who reads is served meanwhile");
    until_open(&server, idle).await;
    for stream in &mut stalled {
        let (bytes, end) = rest(stream).await;
        assert!(end.is_err() && bytes.len() < 4 * MIB, "{} bytes, {end:?}", bytes.len());
    }
}

#[tokio::test]
async fn a_slow_reader_and_one_who_is_told_nothing_stay() {
    let server = Server::start_with(|config| config.http.stall = Duration::from_secs(1)).await;
    let blob = large(&server).await;
    let id = server.submit(&job("a")).await;
    let follow =
        server.call(Method::GET, &format!("/v1/jobs/{id}/events")).header("accept", "text/event-stream");
    let follower = follow.send().await.unwrap();
    let (mut slow, begin) = (asked(&server, &blob).await, Instant::now());
    let (mut read, mut buffer) = (0, vec![0; 32 << 10]);
    while read < 16 * MIB {
        if begin.elapsed() < Duration::from_secs(4) {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        let count = slow.read(&mut buffer).await.unwrap();
        assert!(count > 0, "the connection ended after {read} bytes");
        read += count;
    }
    let _: Value = json_of(server.call(Method::POST, &format!("/v1/jobs/{id}/cancel")), StatusCode::OK).await;
    assert!(follower.text().await.unwrap().contains("\"event\":\"ended\""));
}

#[tokio::test]
async fn a_head_that_does_not_come_to_its_end_is_not_waited_for() {
    let server = Server::start_with(|config| config.http.head = Duration::from_secs(1)).await;
    let mut stream = socket(&server).await;
    let head = head(&server, "GET /v1/jobs", "");
    let begin = Instant::now();
    for byte in head.bytes() {
        if stream.write_all(&[byte]).await.is_err() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(begin.elapsed() < Duration::from_secs(6), "{:?}", begin.elapsed());
    assert!(!text(&mut stream).await.contains("200 OK"));
}

#[tokio::test]
async fn a_body_that_drips_is_refused() {
    let server = Server::start_with(|config| config.http.pause = Duration::from_millis(500)).await;
    let blob = format!("/v1/blobs/{}", digest(b"x"));
    let kind = "Content-Type: application/json\r\n";
    for (call, kind) in
        [("POST /v1/jobs", kind), ("PUT /v1/queues/default", kind), (&*format!("PUT {blob}"), "")]
    {
        let mut stream = socket(&server).await;
        let head = head(&server, call, &format!("{kind}Content-Length: 1000\r\n"));
        stream.write_all(head.as_bytes()).await.unwrap();
        for _ in 0..9 {
            // It may be refused by now.
            stream.write_all(b"x").await.ok();
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let answer = text(&mut stream).await;
        assert!(answer.starts_with("HTTP/1.1 408 "), "{call}: {answer}");
        assert!(answer.contains("urn:dayfly:problem:timeout"), "{answer}");
    }
    assert_eq!(std::fs::read_dir(server.folder.path().join("data/blobs/new")).unwrap().count(), 0);
}

#[tokio::test]
async fn a_batch_that_keeps_just_the_pace_is_refused_in_the_end() {
    let server = Server::start_with(|config| config.http.pause = Duration::from_millis(500)).await;
    let mut stream = socket(&server).await;
    let headers = "Content-Type: application/x-ndjson\r\nContent-Length: 1000000\r\n";
    stream.write_all(head(&server, "POST /v1/jobs/batch", headers).as_bytes()).await.unwrap();
    for _ in 0..12 {
        // It may be refused by now.
        stream.write_all(&[b' '; 17 << 10]).await.ok();
        tokio::time::sleep(Duration::from_millis(430)).await;
    }
    let answer = text(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("the body took longer than"), "{answer}");
}

#[tokio::test]
async fn one_connection_too_many_is_told_so() {
    let server = Server::start_with(|config| config.http.connections = 2).await;
    let held = [socket(&server).await, socket(&server).await];
    let mut third = asked(&server, "/v1/jobs").await;
    let answer = text(&mut third).await;
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("retry-after: 5\r\n"), "{answer}");
    assert!(answer.contains("application/problem+json") && answer.contains("problem:crowded"), "{answer}");
    drop(held);
    until_served(&server).await;
    let metrics = server.client.get(format!("{}/metrics", server.url)).send().await.unwrap();
    assert!(!metrics.text().await.unwrap().contains("http_connections_refused_total 0\n"));
}

#[tokio::test]
async fn one_address_does_not_take_all_the_room() {
    let server = Server::start_with(|config| config.http.connections = 8).await;
    let mut held = Vec::new();
    for _ in 0..6 {
        held.push(socket(&server).await);
    }
    let mut seventh = socket(&server).await;
    let begin = Instant::now();
    let (bytes, _) = rest(&mut seventh).await;
    assert!(bytes.is_empty() && begin.elapsed() < Duration::from_secs(3), "{:?}: {bytes:?}", begin.elapsed());
    drop(held.pop());
    until_served(&server).await;
}

#[tokio::test]
async fn who_is_refused_and_stays_silent_is_not_waited_for() {
    let server = Server::start_with(|config| config.http.connections = 2).await;
    let mut held = Vec::new();
    // Two that are served, and as many as are told at the same time that there are too many.
    for _ in 0..2 + 64 {
        held.push(socket(&server).await);
    }
    let mut next = socket(&server).await;
    let begin = Instant::now();
    let (bytes, _) = rest(&mut next).await;
    assert!(bytes.is_empty() && begin.elapsed() < Duration::from_secs(3), "{:?}: {bytes:?}", begin.elapsed());
    drop(held);
    until_served(&server).await;
}

/// Until a call is answered again.
async fn until_served(server: &Server) {
    let begin = Instant::now();
    let served = || async {
        server.call(Method::GET, "/v1/jobs").send().await.is_ok_and(|answer| answer.status() == 200)
    };
    while !served().await {
        assert!(begin.elapsed() < LONG, "there is room again and nobody is let in");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_token_has_so_many_streams_and_small_calls_beside_them() {
    let server = Server::start_with(|config| config.http.streams = 2).await;
    let id = server.submit(&job("a")).await;
    let follow = |token: &str| {
        let call = server.call_as(token, Method::GET, &format!("/v1/jobs/{id}/events"));
        call.header("accept", "text/event-stream")
    };
    let first = follow(&server.admin).send().await.unwrap();
    let second = follow(&server.admin).send().await.unwrap();
    assert_eq!((first.status(), second.status()), (StatusCode::OK, StatusCode::OK));
    refused(follow(&server.admin), 429, "busy").await;
    refused(server.call(Method::POST, "/v1/jobs").body(vec![b' '; 65 << 10]), 429, "busy").await;
    let _: Value = server.get("/v1/jobs").await;
    let other = server.token("other", "default", &["read"]).await;
    assert_eq!(follow(&other).send().await.unwrap().status(), StatusCode::OK);
    drop(first);
    let begin = Instant::now();
    while follow(&server.admin).send().await.unwrap().status() != StatusCode::OK {
        assert!(begin.elapsed() < LONG, "the place of a stream that ended is not given back");
    }
}

/// A batch of which 700 KiB of 3 MiB have come.
async fn half(server: &Server, token: &str) -> TcpStream {
    let mut stream = socket(server).await;
    let headers = "Content-Type: application/x-ndjson\r\nContent-Length: 3145728\r\n";
    let head = head(server, "POST /v1/jobs/batch", headers).replace(&server.admin, token);
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&vec![b' '; 700 << 10]).await.unwrap();
    stream
}

/// Sends a batch of 700 KiB without jobs.
async fn batch(server: &Server, token: &str) -> reqwest::Response {
    let call = server.call_as(token, Method::POST, "/v1/jobs/batch");
    call.header("content-type", "application/x-ndjson").body(vec![b' '; 700 << 10]).send().await.unwrap()
}

/// Sends batches until one is taken, which has no jobs.
async fn until_taken(server: &Server, token: &str) {
    let begin = Instant::now();
    while batch(server, token).await.status() != StatusCode::BAD_REQUEST {
        assert!(begin.elapsed() < LONG, "what was kept is not given back");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Keeps half a batch of `holder`, and sends batches until one has no room beside it.
async fn until_full(server: &Server, holder: &str, token: &str) -> (TcpStream, reqwest::Response) {
    let begin = Instant::now();
    let mut held = half(server, holder).await;
    loop {
        let answer = batch(server, token).await;
        if answer.status() == StatusCode::TOO_MANY_REQUESTS {
            return (held, answer);
        }
        // The batch may have come before all of the half, which was refused for it then.
        if held.try_read(&mut [0]).is_ok() {
            held = half(server, holder).await;
        }
        assert!(begin.elapsed() < LONG, "{} beside what is kept", answer.status());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn bodies_that_come_slowly_take_bounded_memory_of_a_token_and_of_all() {
    let server = Server::start_with(|config| {
        (config.http.token_bytes, config.http.memory_bytes) = (MIB, 2 * MIB - 1);
    })
    .await;
    let others =
        [server.token("b", "default", &["submit"]).await, server.token("c", "default", &["submit"]).await];
    let (first, answer) = until_full(&server, &server.admin, &server.admin).await;
    assert_eq!(answer.headers()["retry-after"], "2");
    assert!(answer.text().await.unwrap().contains("the calls of the token keep"));
    until_taken(&server, &others[0]).await;
    let (second, answer) = until_full(&server, &others[0], &others[1]).await;
    assert!(answer.text().await.unwrap().contains("all calls together keep"));
    drop((first, second));
    for token in [&server.admin, &others[0], &others[1]] {
        until_taken(&server, token).await;
    }
}

#[tokio::test]
async fn one_who_is_refused_while_still_sending_can_read_why() {
    let server = Server::start().await;
    let strangers = head(&server, "POST /v1/tokens", "").replace(&server.admin, "dfy_none");
    let job =
        head(&server, "POST /v1/jobs", "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n");
    let tokens = strangers.replace("\r\n\r\n", "\r\nContent-Length: 8388608\r\n\r\n");
    for (head, expected) in [(job + "800000\r\n", "413"), (tokens, "401")] {
        let mut stream = socket(&server).await;
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(&vec![b' '; 8 * MIB]).await.unwrap();
        let answer = text(&mut stream).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {expected} ")), "{answer}");
    }
}

//! Logs and events as they grow, and resuming them.

use super::*;

/// The data of every event of a name.
fn data(stream: &str, name: &str) -> Vec<Value> {
    let events = stream.split("\n\n").filter(|event| event.contains(&format!("event: {name}\n")));
    events
        .map(|event| {
            let line = event.lines().find_map(|line| line.strip_prefix("data: ")).unwrap();
            serde_json::from_str(line).unwrap()
        })
        .collect()
}

fn text(stream: &str) -> String {
    data(stream, "log").iter().map(|event| event["text"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_log_is_followed_to_its_end_and_resumed_in_the_middle() {
    let server = Server::start().await;
    let id = server.submit(&job("a")).await;
    let worker = server.worker("w1").await;
    let lease = worker.lease().await.id;
    let follow =
        || server.call(Method::GET, &format!("/v1/jobs/{id}/logs")).header("accept", "text/event-stream");
    let write = async {
        for (offset, part) in [(0, "one\n"), (4, "two €"), (11, "\nthree\n")] {
            tokio::time::sleep(Duration::from_millis(50)).await;
            let _: Value = json_of(worker.log(lease, offset, part), StatusCode::OK).await;
        }
        let _: Value =
            json_of(worker.complete(lease, &passed("one\ntwo €\nthree\n".as_bytes())), StatusCode::OK).await;
    };
    let read = async { follow().send().await.unwrap().text().await.unwrap() };
    let (stream, ()) = tokio::join!(read, write);
    assert_eq!(text(&stream), "one\ntwo €\nthree\n");
    assert_eq!(data(&stream, "end")[0]["offset"], 18);
    assert_eq!(data(&stream, "restart"), [json!(null); 0]);
    assert!(stream.contains("id: 4\n"), "{stream}");

    let rest = follow().header("last-event-id", "4").send().await.unwrap().text().await.unwrap();
    assert_eq!(text(&rest), "two €\nthree\n");
    refused(follow().header("last-event-id", "x"), 400, "bad-request").await;
}

#[tokio::test]
async fn a_character_cut_in_two_pieces_of_log_arrives_whole() {
    let server = Server::start().await;
    let id = server.submit(&job("a")).await;
    let worker = server.worker("w1").await;
    let lease = worker.lease().await.id;
    let euro = "€".as_bytes();
    let write = async {
        let _: Value = json_of(worker.log(lease, 0, euro[..2].to_vec()), StatusCode::OK).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        let _: Value = json_of(worker.log(lease, 2, euro[2..].to_vec()), StatusCode::OK).await;
        let _: Value = json_of(worker.complete(lease, &passed(euro)), StatusCode::OK).await;
    };
    let call = server.call(Method::GET, &format!("/v1/jobs/{id}/logs?follow=true"));
    let (answer, ()) = tokio::join!(async { call.send().await.unwrap().text().await.unwrap() }, write);
    assert_eq!(text(&answer), "€");
}

#[tokio::test]
async fn a_follower_hears_that_another_attempt_began() {
    let server = Server::start().await;
    let id = server.submit(&job("a")).await;
    let worker = server.worker("w1").await;
    let first = worker.lease().await.id;
    let _: Value = json_of(worker.log(first, 0, "first, and longer\n"), StatusCode::OK).await;
    let call = server.call(Method::GET, &format!("/v1/jobs/{id}/logs?follow=true"));
    let work = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let _: Value = json_of(worker.complete(first, &Completion::HandedBack), StatusCode::OK).await;
        let second = worker.lease().await.id;
        let _: Value = json_of(worker.log(second, 0, "second\n"), StatusCode::OK).await;
        let _: Value = json_of(worker.complete(second, &passed(b"second\n")), StatusCode::OK).await;
    };
    let (stream, ()) = tokio::join!(async { call.send().await.unwrap().text().await.unwrap() }, work);
    assert_eq!(data(&stream, "restart").len(), 1, "{stream}");
    assert_eq!(text(&stream), "first, and longer\nsecond\n");
}

#[tokio::test]
async fn events_are_followed_and_resumed_by_their_number() {
    let server = Server::start().await;
    let id = server.submit(&job("a")).await;
    let worker = server.worker("w1").await;
    let path = format!("/v1/jobs/{id}/events");
    let follow = || server.call(Method::GET, &path).header("accept", "text/event-stream");
    let work = async {
        let lease = worker.lease().await;
        let _: Value = json_of(worker.complete(lease.id, &passed(b"")), StatusCode::OK).await;
    };
    let (stream, ()) = tokio::join!(async { follow().send().await.unwrap().text().await.unwrap() }, work);
    let names: Vec<Value> = data(&stream, "event").iter().map(|event| event["event"].clone()).collect();
    assert_eq!(names.first(), Some(&json!("submitted")));
    assert_eq!(names.last(), Some(&json!("ended")));
    let rest = follow().header("last-event-id", "1").send().await.unwrap().text().await.unwrap();
    assert_eq!(data(&rest, "event").len(), names.len() - 1);
    let last = follow().header("last-event-id", names.len().to_string()).send().await.unwrap();
    assert_eq!(last.status(), StatusCode::NO_CONTENT);
    let page: Value = server.get(&format!("{path}?limit=1&after=1")).await;
    assert_eq!((page["items"][0]["seq"].clone(), page["next"].clone()), (json!(2), json!("2")));
}

#[tokio::test]
async fn parts_of_a_log_are_read_and_gaps_refused() {
    let server = Server::start().await;
    let id = server.submit(&job("a")).await;
    let worker = server.worker("w1").await;
    let lease = worker.lease().await.id;
    let large: String = (0..40_000).map(|number| format!("{number:07}\n")).collect();
    let _: Value = json_of(worker.log(lease, 0, large.clone()), StatusCode::OK).await;
    refused(worker.log(lease, 400_000, "x"), 409, "log-gap").await;
    let repeated: Value = json_of(worker.log(lease, 0, large.clone()), StatusCode::OK).await;
    assert_eq!(repeated["next"], 320_000);
    refused(worker.log(lease, 320_000, vec![0; (1 << 20) + 1]), 413, "too-large").await;

    let path = format!("/v1/jobs/{id}/logs");
    let whole = server.call(Method::GET, &path).send().await.unwrap();
    assert_eq!(
        (whole.status().as_u16(), &whole.headers()["content-length"]),
        (200, &"320000".parse().unwrap())
    );
    assert_eq!(whole.text().await.unwrap(), large);
    let tail = server.call(Method::GET, &format!("{path}?tail=8")).send().await.unwrap();
    assert_eq!(tail.text().await.unwrap(), "0039999\n");
    let part = server.call(Method::GET, &path).header("range", "bytes=8-15").send().await.unwrap();
    assert_eq!(
        (part.status().as_u16(), &part.headers()["content-range"]),
        (206, &"bytes 8-15/320000".parse().unwrap())
    );
    assert_eq!(part.text().await.unwrap(), "0000001\n");
    refused(server.call(Method::GET, &path).header("range", "bytes=320000-"), 416, "bad-range").await;
}

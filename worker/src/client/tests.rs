//! What answers mean for a worker.

use super::*;

fn kind(status: u16, name: &str) -> &'static str {
    let problem = Problem { kind: format!("urn:dayfly:problem:{name}"), detail: String::new() };
    match refusal(StatusCode::from_u16(status).unwrap(), None, problem) {
        CallError::Away { .. } => "away",
        CallError::Unauthorized { .. } => "unauthorized",
        CallError::Lost { .. } => "lost",
        CallError::Missing { .. } => "missing",
        CallError::Unreadable { .. } => "unreadable",
        CallError::Refused { .. } => "refused",
    }
}

#[test]
fn every_answer_has_a_meaning() {
    for (status, name, expected) in [
        (409, "stale-attempt", "lost"),
        (409, "ended", "lost"),
        (409, "log-gap", "refused"),
        (409, "wrong-state", "refused"),
        (401, "unauthorized", "unauthorized"),
        (403, "forbidden", "refused"),
        (404, "not-found", "missing"),
        (408, "timeout", "away"),
        (413, "too-large", "refused"),
        (429, "busy", "away"),
        (500, "internal", "away"),
        (502, "", "away"),
        (507, "disk-full", "away"),
    ] {
        assert_eq!(kind(status, name), expected, "{status} {name}");
    }
}

#[test]
fn addresses_are_checked_and_keep_their_path() {
    for bad in ["", "localhost:7070", "ftp://host", "mailto:a@b"] {
        assert!(matches!(Client::new(bad), Err(WorkerError::BadServer { .. })), "{bad}");
    }
    for (server, expected) in [
        ("http://host:7070", "http://host:7070/v1/leases"),
        ("https://host/dayfly/", "https://host/dayfly/v1/leases"),
    ] {
        assert_eq!(Client::new(server).unwrap().url("v1/leases").as_str(), expected);
    }
}

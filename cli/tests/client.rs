//! The client's commands as a user meets them, against a scheduler of paper.
#![expect(clippy::unwrap_used, reason = "a test says what it expects by failing")]

mod paper;

use std::path::Path;
use std::process::{Command, Output, Stdio};

use paper::{Answer, Paper, events, json, problem};
use serde_json::Value;
use tempfile::TempDir;

const JOB: &str = "01m9x3s0d8kq3v7zj2r5t6w8ab";
const TOKEN: &str = "dfy_paper";

/// Runs `dayfly` in a folder, with that scheduler.
fn dayfly(paper: &Paper, folder: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dayfly"));
    command.args(args).env_clear().env("HOME", folder).current_dir(folder).stdin(Stdio::null());
    command.env("DAYFLY_SERVER", &paper.url).env("DAYFLY_TOKEN", TOKEN).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    files.iter().for_each(|(name, text)| std::fs::write(folder.path().join(name), text).unwrap());
    folder
}

fn submitted() -> Answer {
    json(&format!(r#"{{"id":"{JOB}","created":true}}"#))
}

#[test]
fn a_job_is_queued_once_however_often_its_answer_is_lost() {
    let paper = Paper::new(|_, before| if before < 2 { Answer::Nothing } else { submitted() });
    let folder = folder(&[("job.yaml", "steps: [{run: x}]")]);
    let output = dayfly(&paper, folder.path(), &["submit", "job.yaml", "--set", "limits.memory=64M"]);
    assert_eq!((text(&output.stdout), output.status.code()), (format!("{JOB}\n"), Some(0)));
    let calls = paper.heard("POST /v1/jobs");
    let keys: Vec<_> = calls.iter().map(|call| call.header("idempotency-key").unwrap()).collect();
    assert!(keys.len() == 3 && keys[0].len() == 32 && keys.iter().all(|key| *key == keys[0]), "{keys:?}");
    assert_eq!(calls[0].header("authorization"), Some("Bearer dfy_paper"));
    let body: Value = serde_json::from_slice(&calls[0].body).unwrap();
    assert_eq!(body["limits"]["memory"], "64M");
}

#[test]
fn files_of_a_job_become_blobs_and_what_is_there_is_not_sent_again() {
    let known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    let paper = Paper::new(move |call, _| match call.what.split_once(' ').unwrap() {
        ("HEAD", path) if path.ends_with(known) => json(""),
        ("HEAD", _) => Answer::With("404 Not Found", String::new(), String::new()),
        ("PUT", _) => json("{}"),
        _ => submitted(),
    });
    let job = "inputs: {a: {file: abc}, b: {file: new}}\nsteps: [{run: x}]";
    let folder = folder(&[("job.yaml", job), ("abc", "abc"), ("new", "other")]);
    assert!(dayfly(&paper, folder.path(), &["submit", "job.yaml"]).status.success());
    let uploads = paper.heard("PUT");
    assert_eq!(uploads.iter().map(|call| text(&call.body)).collect::<Vec<_>>(), ["other"]);
    let body: Value = serde_json::from_slice(&paper.heard("POST")[0].body).unwrap();
    assert_eq!(body["inputs"]["a"]["blob"], known);
}

#[test]
fn a_bad_job_file_is_told_without_any_call() {
    let paper = Paper::new(|_, _| submitted());
    let folder = folder(&[("job.yaml", "steps: [{run: x}]\nlimits:\n  memroy: 1G\n"), ("job.txt", "")]);
    let output = dayfly(&paper, folder.path(), &["submit", "job.yaml"]);
    let said = "dayfly: job.yaml:3:3: limits.memroy: there is no such key\n  fix: did you mean 'memory'?\n";
    assert_eq!((text(&output.stderr).as_str(), output.status.code()), (said, Some(125)));
    let unknown = text(&dayfly(&paper, folder.path(), &["submit", "job.txt"]).stderr);
    assert!(unknown.contains("name it .yaml, .json or .toml"), "{unknown}");
    assert!(paper.heard("").is_empty());
}

#[test]
fn a_refusal_is_shown_with_its_fix() {
    let refuse = |_: &paper::Call, _| {
        problem("403 Forbidden", "", "forbidden", "not with this token", "ask for another")
    };
    let (paper, folder) = (Paper::new(refuse), folder(&[]));
    let output = dayfly(&paper, folder.path(), &["token", "list"]);
    assert_eq!(text(&output.stderr), "dayfly: not with this token\n  fix: ask for another\n");
    let output = dayfly(&paper, folder.path(), &["cancel", JOB, "--json"]);
    let error: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&error["error"]["kind"], output.status.code()), (&Value::from("refused"), Some(125)));
}

#[test]
fn a_call_that_was_put_off_is_made_again() {
    let paper = Paper::new(|_, before| match before {
        0 => problem("429 Too Many Requests", "Retry-After: 0\r\n", "busy", "later", "wait"),
        _ => json(r#"{"items":[]}"#),
    });
    let folder = folder(&[]);
    let output = dayfly(&paper, folder.path(), &["status", "--state", "queued,running", "--limit", "3"]);
    assert_eq!(text(&output.stdout), "there are no such jobs\n");
    assert_eq!(paper.heard("GET /v1/jobs?limit=3&state=queued%2Crunning").len(), 2);
}

#[test]
fn nobody_there_is_told_at_once() {
    let folder = folder(&[]);
    let mut paper = Paper::new(|_, _| Answer::Nothing);
    paper.url = "http://127.0.0.1:1".into();
    let error = text(&dayfly(&paper, folder.path(), &["status"]).stderr);
    assert!(error.contains("no scheduler answers at http://127.0.0.1:1/"), "{error}");
    assert!(error.contains("dayfly up") && !error.contains(TOKEN), "{error}");
}

fn detail(state: &str, more: &str) -> Answer {
    let spec =
        dayfly_jobs::JobSpec::parse("steps: [{run: make}, {run: test}]", dayfly_jobs::Format::Yaml).unwrap();
    json(&format!(
        r#"{{"id":"{JOB}","name":"n","tenant":"t","queue":"q","priority":0,"state":"{state}","attempt":1,"strikes":0,
            "cancel":false,"submitted_ms":0{more},"spec":{}}}"#,
        serde_json::to_string(&spec).unwrap()
    ))
}

fn event(seq: u64, what: &str) -> String {
    format!(r#"{{"seq":{seq},"at_ms":0,"attempt":1,{what}}}"#)
}

const USAGE: &str = r#"{"attempt":1,"step":0,"at_ms":9,"wall_time_us":1200000,"cpu_time_us":7,"memory_bytes":8,"processes":9}"#;

#[test]
fn one_job_that_cannot_be_cancelled_keeps_no_other_from_it() {
    let other = "01m9x3s0d8kq3v7zj2r5t6w8zz";
    let paper = Paper::new(move |call, _| match call.what.contains(other) {
        true => problem("409 Conflict", "", "ended", "the job has ended as finished", ""),
        false => detail("cancelled", ""),
    });
    let folder = folder(&[]);
    let output = dayfly(&paper, folder.path(), &["cancel", other, JOB]);
    let (shown, said) = (text(&output.stdout), text(&output.stderr));
    assert!(shown.contains(JOB) && !shown.contains(other), "{shown}");
    assert_eq!(said, format!("dayfly: {other}: the job has ended as finished\n"));
    assert_eq!(output.status.code(), Some(125));
    let output = dayfly(&paper, folder.path(), &["cancel", other, JOB, "--json"]);
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&answer["items"][0]["id"], &answer["refused"][0]["id"]), (&JOB.into(), &other.into()));
}

#[test]
fn watching_tells_the_story_and_ends_with_the_jobs_code() {
    let result = |start: u64, end: u64| {
        format!(r#""result":{{"name":"x","outcome":null,"log_start":{start},"log_end":{end},"begin_us":1}}"#)
    };
    let told = [
        event(1, r#""event":"submitted""#),
        event(2, r#""event":"leased","worker":"w1""#),
        event(3, r#""event":"step_started","step":0,"log_start":0"#),
        event(4, &format!(r#""event":"step_ended","step":0,{}"#, result(0, 3))),
        event(5, &format!(r#""event":"step_ended","step":1,{}"#, result(3, 3))),
        event(6, r#""event":"ended","state":"finished""#),
    ];
    let paper = Paper::new(move |call, before| {
        let mut story: Vec<_> = (1..).zip(&told).map(|(id, data)| ("event", id, data.as_str())).collect();
        // What moves on a terminal, and what a later version may send, is nothing to a program that reads.
        story.insert(3, ("usage", 3, USAGE));
        story.insert(3, ("novelty", 3, "?"));
        match call.what.split('?').next().unwrap().rsplit('/').next().unwrap() {
            // The stream breaks once, and is taken up where it was.
            "events" if call.header("last-event-id").is_none() => events(&story[..5]),
            "events" if call.header("last-event-id") == Some("3") => events(&story[5..]),
            "logs" => events(&[("log", 3, r#"{"offset":0,"text":"hi\n"}"#), ("end", 3, r#"{"offset":3}"#)]),
            _ if before == 0 => detail("queued", ""),
            _ => detail("finished", r#","exit_code":3"#),
        }
    });
    let folder = folder(&[]);
    let output = dayfly(&paper, folder.path(), &["status", JOB, "--watch"]);
    let expected = format!(
        "dayfly: queued\ndayfly: runs on w1\n> make\nhi\n- make: skipped\n- test: skipped\ndayfly: job {JOB} 'n' finished\n"
    );
    assert_eq!((text(&output.stdout), output.status.code()), (expected, Some(3)), "{}", text(&output.stderr));
}

#[test]
fn a_job_that_waits_is_asked_why() {
    let paper =
        Paper::new(|call, before| match call.what.split('?').next().unwrap().rsplit('/').next().unwrap() {
            // Nothing happens until the answer came.
            "events" if before < 8 => events(&[]),
            "events" => events(&[("event", 1, &event(1, r#""event":"ended","state":"cancelled""#))]),
            "logs" => events(&[("end", 0, r#"{"offset":0}"#)]),
            "explain" => json(&format!(
                r#"{{"id":"{JOB}","state":"queued","summary":"no worker has gpu","story":[]}}"#
            )),
            _ if before == 0 => detail("queued", ""),
            _ => detail("cancelled", ""),
        });
    let output = dayfly(&paper, folder(&[]).path(), &["status", JOB, "--watch"]);
    let expected = format!("dayfly: no worker has gpu\ndayfly: job {JOB} 'n' cancelled\n");
    assert_eq!(
        (text(&output.stdout), output.status.code()),
        (expected, Some(120)),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn a_scheduler_that_is_away_is_told_of_once() {
    let paper =
        Paper::new(|call, before| match call.what.split('?').next().unwrap().rsplit('/').next().unwrap() {
            "events" if before == 0 => events(&[("event", 1, &event(1, r#""event":"submitted""#))]),
            "events" if before < 4 => Answer::With("500 Internal Server Error", String::new(), String::new()),
            "events" => events(&[("event", 2, &event(2, r#""event":"ended","state":"cancelled""#))]),
            "logs" => events(&[("end", 0, r#"{"offset":0}"#)]),
            _ if before == 0 => detail("queued", ""),
            _ => detail("cancelled", ""),
        });
    let output = dayfly(&paper, folder(&[]).path(), &["status", JOB, "--watch"]);
    let expected = format!(
        "dayfly: queued\ndayfly: the scheduler does not answer; trying again\ndayfly: job {JOB} 'n' cancelled\n"
    );
    assert_eq!(text(&output.stdout), expected, "{}", text(&output.stderr));
}

#[test]
fn a_log_that_is_followed_arrives_byte_by_byte() {
    let pieces = [
        ("log", 2, r#"{"offset":0,"base64":"/wA="}"#),
        ("restart", 0, "{\"offset\":0}"),
        ("log", 2, r#"{"offset":0,"text":"ok"}"#),
        ("end", 2, r#"{"offset":2}"#),
    ];
    let paper = Paper::new(move |_, _| events(&pieces));
    let output = dayfly(&paper, folder(&[]).path(), &["logs", "-f", JOB]);
    assert_eq!(output.stdout, b"\xff\x00ok");
    assert_eq!(text(&output.stderr), "dayfly: the job runs again, with a new log\n");
}

#[test]
fn artifacts_are_saved_below_the_folder_and_never_over_anything() {
    let digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    let list = move |path: &str| {
        json(&format!(r#"{{"items":[{{"name":"a","path":"{path}","size":3,"digest":"{digest}"}}]}}"#))
    };
    for (path, content, error) in [
        ("sub/x.txt", "abc", None),
        ("../x.txt", "abc", Some("would not be saved below the folder")),
        ("x.txt", "damaged", Some("it arrived damaged")),
        ("there", "abc", Some("File exists")),
    ] {
        let paper = Paper::new(move |call, _| match call.what.ends_with("/artifacts") {
            true => list(path),
            false => Answer::With("200 OK", String::new(), content.into()),
        });
        let folder = folder(&[("there", "mine")]);
        let output = dayfly(&paper, folder.path(), &["artifacts", "get", JOB]);
        let said = text(&output.stderr);
        match error {
            None => assert_eq!(std::fs::read_to_string(folder.path().join(path)).unwrap(), "abc", "{said}"),
            Some(error) => assert!(said.contains(error) && output.status.code() == Some(125), "{said}"),
        }
        assert_eq!(std::fs::read_to_string(folder.path().join("there")).unwrap(), "mine");
        assert!(!folder.path().join("x.txt").exists());
    }
}

#[test]
fn a_secret_comes_by_a_pipe_and_is_in_no_output() {
    let paper = Paper::new(|_, _| Answer::With("204 No Content", String::new(), String::new()));
    let folder = folder(&[("key", "s3cret\n")]);
    let mut command = Command::new(env!("CARGO_BIN_EXE_dayfly"));
    command.args(["secret", "set", "KEY", "-vvv"]).env_clear().env("HOME", folder.path());
    command.env("DAYFLY_SERVER", &paper.url).env("DAYFLY_TOKEN", TOKEN);
    let output = command.stdin(std::fs::File::open(folder.path().join("key")).unwrap()).output().unwrap();
    let said = text(&output.stdout) + &text(&output.stderr);
    assert!(output.status.success() && !said.contains("s3cret") && !said.contains(TOKEN), "{said}");
    assert_eq!(text(&paper.heard("PUT /v1/secrets/KEY")[0].body), r#"{"value":"s3cret\n"}"#);
}

//! What somebody sees who watches a job in a terminal.

use dayfly_tests::service::{Service, Terminal};
use dayfly_tests::{jail, needs, soon};
use serde_json::json;

/// Narrower than what the steps are called and print.
const COLUMNS: u16 = 60;
/// With it a line is longer than the terminal is wide.
const LONG: &str = "whose name is much longer than any line of this terminal could be";

fn up() -> Service {
    let mut service = Service::start(&[]);
    service.scheduler().terminate(soon(20));
    service.restart_with_worker("a-worker-whose-name-alone-takes-most-of-the-columns");
    service.ready();
    service
}

/// Watches a job whose second step runs until it is stopped, and waits until that is seen.
fn watch(service: &Service, folder: &std::path::Path) -> (String, Terminal) {
    let script = format!("for n in 1 2 3 4 5 6 7 8 9; do echo \"line $n {LONG}\"; done; sleep 60");
    let steps = json!([
        { "name": format!("first {LONG}"), "command": ["true"] },
        { "name": format!("second {LONG}"), "command": ["/bin/sh", "-c", script] },
    ]);
    let file = folder.join("job.json");
    std::fs::write(&file, json!({ "name": "watched", "steps": steps }).to_string()).unwrap();
    let terminal = service.in_terminal(COLUMNS, &["submit", file.to_str().unwrap(), "--watch"]);
    // Seconds are counted, so that the line was written anew several times.
    terminal.shows(soon(30), |screen| screen.contains("line 9 ") && screen.contains("  1."));
    let jobs = service.client().list("/v1/jobs?name=watched");
    (jobs[0]["id"].as_str().unwrap().to_owned(), terminal)
}

/// What stands before the line that is written anew: dots that turn.
fn turns(mark: char) -> bool {
    ('\u{2800}'..='\u{28ff}').contains(&mark)
}

fn assert_shown(screen: &str, lines: &[&str]) {
    let shown: Vec<&str> = screen.lines().filter(|line| !line.is_empty()).collect();
    let same =
        shown.len() == lines.len() && shown.iter().zip(lines).all(|(shown, line)| shown.starts_with(line));
    assert!(same && !screen.contains(turns), "{screen}");
}

#[test]
fn whoever_stops_watching_with_a_key_finds_no_line_that_moved() {
    let _host = jail!();
    needs!("script", "stty");
    let (mut service, folder) = (up(), tempfile::tempdir().unwrap());
    let (id, mut terminal) = watch(&service, folder.path());
    terminal.type_in("\x03");
    let (code, screen) = terminal.ended(soon(10));
    let first = format!("✓ first {LONG}: passed in ");
    let left = format!("dayfly: the job goes on; stop it with: dayfly cancel {id}");
    assert_shown(&screen, &["  queued", "  runs on a-worker-whose-name-alone", &first, &left]);
    assert_eq!(code, Some(120), "{screen}");
    assert_eq!(service.job(&id)["state"], "running");
    assert!(service.cli(&["cancel", &id]).status.success());
    service.ended(&id, soon(20));
    service.scheduler().terminate(soon(20));
}

#[test]
fn a_job_that_is_cancelled_leaves_lines_that_say_so_and_no_other() {
    let _host = jail!();
    needs!("script", "stty");
    let (mut service, folder) = (up(), tempfile::tempdir().unwrap());
    let (id, terminal) = watch(&service, folder.path());
    assert!(service.cli(&["cancel", &id]).status.success());
    let (code, screen) = terminal.ended(soon(20));
    let [first, second] = [format!("✓ first {LONG}: passed in "), format!("✗ second {LONG}: stopped")];
    let end = format!("dayfly: job {id} 'watched' cancelled by its owner");
    let said =
        ["  queued", "  runs on a-worker-whose-name-alone", &first, "  to be cancelled", &second, &end];
    assert_shown(&screen, &said);
    assert_eq!(code, Some(120), "{screen}");
    service.scheduler().terminate(soon(20));
}

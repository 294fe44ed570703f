//! The stories that are told.

use dayfly_jobs::wire::JobSummary;
use dayfly_jobs::{Attempt, Format, JobId, JobResult, JobSpec, Limit, LogEnd, Timestamp};

use super::*;

const FILE: &str = "version: 1\nname: demo\nsteps:\n- name: build\n  run: make\n";

fn job(state: State) -> JobDetail {
    let spec = JobSpec::parse(FILE, Format::Yaml).unwrap();
    let summary = JobSummary {
        id: JobId::new(Timestamp(1), 7),
        name: spec.name.clone(),
        tenant: "default".parse().unwrap(),
        queue: spec.queue.clone(),
        priority: 0,
        state,
        attempt: Attempt(2),
        strikes: 1,
        cancel: false,
        worker: Some("w2".parse().unwrap()),
        reason: None,
        exit_code: None,
        submitted_ms: Timestamp(1),
        leased_ms: None,
        started_ms: None,
        ended_ms: None,
        retry_of: None,
    };
    JobDetail { summary, spec, result: None, running: None }
}

fn happened(what: Vec<(u32, Happened)>) -> Vec<JobEvent> {
    let event =
        |(at, (attempt, what))| JobEvent { seq: at, at_ms: Timestamp(at), attempt: Attempt(attempt), what };
    (1..).zip(what).map(event).collect()
}

#[test]
fn the_story_of_a_worker_that_was_lost() {
    let mut job = job(State::Finished);
    job.result = Some(JobResult {
        verdict: Verdict::Failed {
            step: 0,
            termination: Termination::LimitExceeded { limit: Limit::Memory },
        },
        steps: Vec::new(),
        outputs: Vec::new(),
        artifacts: Vec::new(),
        log: LogEnd { bytes: 0, digest: dayfly_jobs::Digest([0; 32]) },
    });
    let worker = |name: &str| name.parse().unwrap();
    let events = happened(vec![
        (0, Happened::Submitted),
        (1, Happened::Leased { worker: worker("w1") }),
        (1, Happened::StepStarted { step: 0, log_start: 0 }),
        (1, Happened::Lost { worker: worker("w1") }),
        (2, Happened::Leased { worker: worker("w2") }),
        (2, Happened::Refused { attempt: Attempt(1), worker: worker("w1"), what: "to end it".to_owned() }),
        (2, Happened::Ended { state: State::Finished, reason: None }),
    ]);
    let told = explain(&job, &events, None);
    let lines: Vec<&str> = told.story.iter().map(|line| line.text.as_str()).collect();
    insta::assert_snapshot!(format!("{}\n\n{}", told.summary, lines.join("\n")));
}

#[test]
fn why_a_job_waits_is_said_with_what_helps() {
    let table = [
        (Waiting::NoWorkers, "dayfly up"),
        (
            Waiting::NoFit { missing: vec!["label gpu".to_owned(), "2 GiB of memory".to_owned()] },
            "label gpu, 2 GiB",
        ),
        (Waiting::Cap { of: "tenant a".to_owned(), most: 3 }, "tenant a runs 3 jobs"),
        (Waiting::Turn { ahead: 0 }, "next"),
        (Waiting::Turn { ahead: 12 }, "12 jobs are before it"),
    ];
    for (waiting, expected) in table {
        let told = explain(&job(State::Queued), &[], Some(waiting.clone()));
        assert!(told.summary.contains(expected), "{}", told.summary);
        assert_eq!(told.waiting, Some(waiting));
    }
}

#[test]
fn every_end_is_explained() {
    for state in State::ALL {
        let mut job = job(state);
        job.summary.reason = Some("because".to_owned());
        let told = explain(&job, &[], None).summary;
        assert!(told.len() > 15 && told.ends_with('.'), "{state:?}: {told}");
    }
}

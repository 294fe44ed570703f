//! What people see of jobs.

use dayfly_jobs::Format;
use serde_json::{Value, json};

use super::*;

fn outcome(termination: Value) -> Value {
    let limits = serde_json::to_value(crate::limits::tests::sample()).unwrap();
    let usage = json!({
        "cpu_time_us": 12_540, "user_time_us": 0, "system_time_us": 0, "wall_time_us": 1_003_999,
        "peak_memory_bytes": 5 << 20, "peak_processes": 1, "refused_processes": 0, "input_bytes": 0, "output_bytes": 6,
        "oom_kills": 0, "throttled_time_us": 0
    });
    let timings = json!({"setup_us": 0, "run_us": 0, "teardown_us": 0});
    json!({
        "termination": termination, "usage": usage, "limits": limits, "enforced_by": {}, "timings": timings,
        "output": {"stdout": [], "stderr": [], "truncated": false}
    })
}

fn job() -> JobDetail {
    let text = "steps: [{run: make}, {run: 'false'}, {run: never}]\npriority: 5";
    let spec = JobSpec::parse(text, Format::Yaml).unwrap();
    let step = |name: &str, outcome: Value| json!({"name": name, "outcome": outcome, "log_start": 0, "log_end": 6, "begin_us": 0});
    let digest = "0".repeat(64);
    let failed = json!({"kind": "exited", "code": 3});
    serde_json::from_value(json!({
        "id": "01m9x3s0d8kq3v7zj2r5t6w8ab", "name": "n", "tenant": "t", "queue": "q", "priority": 5,
        "state": "finished", "attempt": 2, "strikes": 1, "cancel": false, "worker": "w1", "exit_code": 3,
        "submitted_ms": 1_795_337_363_000_u64, "started_ms": 1_795_337_364_000_u64, "ended_ms": 1_795_337_366_500_u64,
        "spec": spec,
        "result": {
            "verdict": {"kind": "failed", "step": 1, "termination": failed},
            "steps": [
                step("make", outcome(json!({"kind": "exited", "code": 0}))),
                step("false", outcome(failed.clone())),
                step("never", Value::Null),
            ],
            "outputs": [{"name": "score", "path": "score.txt", "text": "7\nmore"}],
            "artifacts": [{"name": "logs", "path": "a\nfake  line", "size": 3, "digest": digest}],
            "log": {"bytes": 6, "digest": digest}
        }
    }))
    .unwrap()
}

#[test]
fn a_job_is_told_in_full() {
    insta::assert_snapshot!("detail", detail(&job()));
}

#[test]
fn a_job_that_runs_tells_what_its_step_uses() {
    let mut job = job();
    let used = json!({"attempt": 2, "step": 0, "at_ms": 7, "wall_time_us": 12_300_000, "cpu_time_us": 9_870_000,
        "memory_bytes": 220_200_960, "processes": 3});
    job.running = Some(serde_json::from_value(used).unwrap());
    let line = "running    step 'make' for 12s, cpu 9.8s, memory 210M, processes 3\n";
    assert!(detail(&job).contains(line), "{}", detail(&job));
}

#[test]
fn jobs_are_listed_one_on_a_line() {
    insta::assert_snapshot!("list", list(&[job().summary]));
    assert_eq!(list(&[]), "there are no such jobs\n");
}

#[test]
fn every_end_has_its_words() {
    let spec = job().spec;
    for (end, words) in [
        (json!({"kind": "passed"}), "passed"),
        (json!({"kind": "timed_out", "step": 0}), "failed: out of time in step 'make'"),
        (json!({"kind": "bad_output", "reason": "too large"}), "failed: outputs: too large"),
        (json!({"kind": "bad_input", "reason": "no tar"}), "failed: inputs: no tar"),
        (
            json!({"kind": "failed", "step": 1, "termination": {"kind": "limit_exceeded", "limit": "memory"}}),
            "failed: step 'false': over the memory limit",
        ),
        (
            json!({"kind": "failed", "step": 9, "termination": {"kind": "signaled", "signal": 9}}),
            "failed: step '': died on SIGKILL",
        ),
    ] {
        let end: Verdict = serde_json::from_value(end).unwrap();
        assert_eq!(verdict(&end, &spec), words);
    }
}

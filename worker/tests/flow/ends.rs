//! How jobs end: verdicts, events, what is told in how many calls.

use dayfly_jobs::wire::{Completion, Progress};
use dayfly_jobs::{Limit, Termination, Verdict};
use serde_json::{Value, json};

use crate::{Bench, job, limits, spec, step, with};

#[tokio::test(flavor = "multi_thread")]
async fn steps_share_a_workspace_and_a_short_job_is_told_in_one_call() {
    let Some(bench) = Bench::start(|_| {}).await else { return };
    let steps =
        [("one", "echo hello >file; pwd; echo $HOME $CI"), ("two", "cat file; echo $DAYFLY_STEP >&2")];
    let lease = bench.fake.submit(spec(job(&steps)));
    let Completion::Finished { result, rest } = bench.fake.end_of(lease).await else { panic!() };
    assert_eq!(result.verdict, Verdict::Passed);
    assert_eq!(bench.fake.log(lease), "/box\n/box true\nhello\ntwo\n");
    assert_eq!(result.log.bytes, 25);
    let borders: Vec<_> = result.steps.iter().map(|step| (step.log_start, step.log_end)).collect();
    assert_eq!(borders, [(0, 15), (15, 25)]);
    let starts = |event: &Progress| matches!(event, Progress::StepStarted { .. });
    assert_eq!(rest.events.iter().filter(|event| starts(event)).count(), 2);
    assert_eq!(rest.events.len(), 4);
    let calls = |words: &crate::flow::Words| (words.log_calls, words.events.len());
    assert_eq!(calls(&bench.fake.words()), (0, 0));
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_step_that_fails_decides() {
    let Some(bench) = Bench::start(|_| {}).await else { return };
    let steps = [
        ("may fail", "exit 3"),
        ("fails", "exit 4"),
        ("skipped", "echo no"),
        ("always", "echo cleaned; exit 5"),
    ];
    let job = with(job(&steps), "/steps/0/continue_on_error", json!(true));
    let result = bench.result(spec(with(job, "/steps/3/always", json!(true)))).await;
    let failed = Verdict::Failed { step: 1, termination: Termination::Exited { code: 4 } };
    assert_eq!(result.verdict, failed);
    let codes: Vec<_> = result
        .steps
        .iter()
        .map(|step| step.outcome.as_ref().map(|outcome| outcome.termination.exit_code()))
        .collect();
    assert_eq!(codes, [Some(3), Some(4), None, Some(5)]);
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_and_the_time_of_the_whole_job_hold() {
    let Some(bench) = Bench::start(|_| {}).await else { return };
    let greedy =
        with(job(&[("greedy", "while :; do :; done")]), "/steps/0/limits/cpu_time_us", json!(100_000));
    let exceeded =
        Verdict::Failed { step: 0, termination: Termination::LimitExceeded { limit: Limit::CpuTime } };
    assert_eq!(bench.result(spec(greedy)).await.verdict, exceeded);
    let steps = [("quick", "true"), ("slow", "sleep 10"), ("always", "true")];
    let late = with(job(&steps), "/timeouts/total_us", json!(300_000));
    let result = bench.result(spec(with(late, "/steps/2/always", json!(true)))).await;
    assert_eq!(result.verdict, Verdict::TimedOut { step: 1 });
    assert_eq!(result.steps[2].outcome, None);
    bench.end().await;
}

/// A job with so much memory and so many processes, for each step and for all of them.
fn job_with(memory: u64, processes: u32, steps: &[(&str, &str)]) -> Value {
    let mut job = job(steps);
    let all = job["limits"].clone();
    for place in
        std::iter::once("/limits".to_owned()).chain((0..steps.len()).map(|n| format!("/steps/{n}/limits")))
    {
        let mut limits = all.clone();
        limits["memory_bytes"] = json!(memory);
        limits["processes"] = json!(processes);
        job = with(job, &place, limits);
    }
    job
}

#[tokio::test(flavor = "multi_thread")]
async fn what_steps_leave_running_has_the_limits_of_the_job() {
    let Some(bench) = Bench::start(|_| {}).await else { return };
    let hog = "mkfifo go$DAYFLY_STEP; perl -e 'vec(my $x, (38 << 20) - 1, 8) = 1; open my $go, \">\", $ARGV[0]; \
               close $go; sleep 1000' go$DAYFLY_STEP & cat go$DAYFLY_STEP";
    let steps = [("one", hog), ("two", hog), ("three", hog), ("always", "echo cleaned")];
    let hogs = with(job_with(64 << 20, 64, &steps), "/steps/3/always", json!(true));
    let lease = bench.fake.submit(spec(hogs));
    let Completion::Finished { result, .. } = bench.fake.end_of(lease).await else { panic!() };
    let exceeded = |step, limit| Verdict::Failed { step, termination: Termination::LimitExceeded { limit } };
    assert_eq!(result.verdict, exceeded(1, Limit::Memory));
    assert_eq!(bench.fake.log(lease), "cleaned\n");

    let leave = "for i in 1 2 3 4 5; do sleep 1000 & done";
    let steps = [("one", leave), ("two", leave), ("three", leave)];
    let result = bench.result(spec(job_with(64 << 20, 8, &steps))).await;
    assert!(matches!(result.verdict, Verdict::Failed { step: 1, .. }), "{:?}", result.verdict);

    let steps =
        [("write", "head -c 38M /dev/zero >file"), ("take", "perl -e 'vec(my $x, (38 << 20) - 1, 8) = 1'")];
    let result = bench.result(spec(job_with(64 << 20, 64, &steps))).await;
    assert_eq!(result.verdict, exceeded(1, Limit::Memory));
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inputs_count_against_the_memory_of_the_job() {
    let Some(bench) = Bench::start(|_| {}).await else { return };
    let take = [("take", "perl -e 'vec(my $x, (10 << 20) - 1, 8) = 1'")];
    let input = |kib: usize| json!([{ "path": "big", "source": { "inline": "x".repeat(kib << 10) } }]);
    for (kib, passes) in [(1 << 10, true), (8 << 10, false)] {
        let job = with(job_with(16 << 20, 64, &take), "/inputs", input(kib));
        let verdict = bench.result(spec(job)).await.verdict;
        let exceeded = Termination::LimitExceeded { limit: Limit::Memory };
        let expected = match passes {
            true => Verdict::Passed,
            false => Verdict::Failed { step: 0, termination: exceeded },
        };
        assert_eq!(verdict, expected, "{kib}");
    }
    let job = with(job_with(16 << 20, 64, &take), "/inputs", input(15_800));
    let Verdict::BadInput { reason } = bench.result(spec(job)).await.verdict else { panic!() };
    assert!(reason.contains("raise the limit memory"), "{reason}");
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_asks_for_too_much_is_told_so() {
    let Some(bench) = Bench::start(|_| {}).await else { return };
    let strict = with(job(&[("wide", "true")]), "/sandbox/policy", json!("strict"));
    let wide = with(strict, "/sandbox/network", json!("loopback"));
    let unknown = with(job(&[("lost", "true")]), "/sandbox/policy", json!("anything-goes"));
    let tiny = with(job(&[("tiny", "true")]), "/steps/0/limits/memory_bytes", json!(1));
    for (job, reason) in [(wide, "network"), (unknown, "anything-goes"), (tiny, "memory")] {
        let Verdict::BadInput { reason: told } = bench.result(spec(job)).await.verdict else { panic!() };
        assert!(told.contains(reason), "{told}");
    }
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn background_processes_live_until_the_job_ends() {
    let Some(bench) = Bench::start(|_| {}).await else { return };
    let steps = [("start", "sleep 1000 & echo $! >pid"), ("look", "kill -0 $(cat pid) && echo alive")];
    let lease = bench.fake.submit(spec(job(&steps)));
    bench.fake.end_of(lease).await;
    assert_eq!(bench.fake.log(lease), "alive\n");
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn shells_programs_and_folders_are_as_asked_for() {
    let Some(bench) = Bench::start(|_| {}).await else { return };
    let mut bash = step("bash", "set -o | grep -q 'pipefail.*on' && echo ${BASH_VERSION:+bash}");
    bash["action"]["run"]["shell"] = json!("bash");
    let mut python = step("python", "import sys; print(sys.stdin.read().upper())");
    python["action"]["run"]["shell"] = json!("python");
    python["stdin"] = json!({ "inline": "shout" });
    let command = json!({ "name": "command", "action": { "command": ["sh", "-c", "pwd; cat"] },
        "limits": limits(), "workdir": "deep/er", "stdin": { "file": "given" }, "env": { "X": "1" } });
    let mut all = job(&[("make", "mkdir -p deep/er; echo content >given")]);
    for step in [bash, python, command] {
        all["steps"].as_array_mut().unwrap().push(step);
    }
    let lease = bench.fake.submit(spec(all));
    bench.fake.end_of(lease).await;
    assert_eq!(bench.fake.log(lease), "bash\nSHOUT\n/box/deep/er\ncontent\n");
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn input_that_is_not_there_or_no_file_fails_the_step() {
    let Some(bench) = Bench::start(|_| {}).await else { return };
    for (make, name) in [("true", "missing"), ("mkfifo pipe", "pipe"), ("ln -s /etc/passwd link", "link")] {
        let job = with(job(&[("make", make), ("read", "cat")]), "/steps/1/stdin", json!({ "file": name }));
        let lease = bench.fake.submit(spec(job));
        let Completion::Finished { result, .. } = bench.fake.end_of(lease).await else { panic!() };
        assert!(matches!(result.verdict, Verdict::Failed { step: 1, .. }), "{name}: {:?}", result.verdict);
        assert!(bench.fake.log(lease).contains(name), "{}", bench.fake.log(lease));
    }
    bench.end().await;
}

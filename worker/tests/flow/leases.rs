//! Leases: kept, lost, cancelled, handed back; and a scheduler that comes and goes.

use std::time::{Duration, Instant};

use dayfly_jobs::wire::Completion;
use dayfly_jobs::{LeaseId, State};
use serde_json::json;

use crate::{Bench, PATIENCE, job, spec, with};

/// A job that runs until it is killed, and says when it has begun.
async fn begun(bench: &Bench) -> LeaseId {
    let lease = bench.fake.submit(spec(job(&[("long", "echo begun; sleep 1000")])));
    let told =
        bench.fake.until(|words| words.logs.get(&lease).filter(|log| log.starts_with(b"begun")).map(drop));
    tokio::time::timeout(PATIENCE, told).await.unwrap();
    lease
}

/// Whether processes of jobs are left in this process's care.
async fn nothing_runs() {
    let children = || {
        let tasks = std::fs::read_dir("/proc/self/task").unwrap();
        let of = |task: std::fs::DirEntry| {
            std::fs::read_to_string(task.path().join("children")).unwrap_or_default()
        };
        tasks.map(|task| of(task.unwrap())).collect::<String>()
    };
    let deadline = Instant::now() + PATIENCE;
    while !children().trim().is_empty() {
        assert!(Instant::now() < deadline, "left: {}", children());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_job_is_stopped_and_told() {
    let Some(bench) = Bench::start(|_| {}).await else { return };
    let lease = begun(&bench).await;
    bench.fake.words().cancelled.push(lease);
    let end = tokio::time::timeout(PATIENCE, bench.fake.end_of(lease)).await.unwrap();
    assert_eq!(end, Completion::Stopped);
    bench.end().await;
    nothing_runs().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_step_uses_is_told_once_it_has_run_for_a_second() {
    let Some(bench) = Bench::start(|_| {}).await else { return };
    // The fake has all leases renewed every 50 ms.
    let short = bench.fake.submit(spec(job(&[("short", "sleep 0.4")])));
    bench.fake.end_of(short).await;
    assert!(bench.fake.words().renewals > 0 && bench.fake.words().samples.is_empty());
    let script = "x=0; while [ $x -lt 20000 ]; do x=$((x+1)); done; sleep 1000 & wait";
    let long = bench.fake.submit(spec(job(&[("first", "true"), ("second", script)])));
    let told = bench.fake.until(|words| words.samples.last().copied());
    let told = tokio::time::timeout(PATIENCE, told).await.unwrap();
    assert_eq!((told.lease, told.step), (long, 1));
    let sample = told.sample;
    assert!(sample.wall_time.as_duration() >= Duration::from_secs(1), "{sample:?}");
    assert!(sample.cpu_time.as_micros() > 0 && sample.memory.get() > 0, "{sample:?}");
    assert_eq!(sample.processes, 2, "the shell and its sleep");
    bench.fake.words().cancelled.push(long);
    bench.fake.end_of(long).await;
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_lost_lease_not_another_word_is_said() {
    let Some(bench) = Bench::start(|_| {}).await else { return };
    let lease = begun(&bench).await;
    bench.fake.words().lost.push(lease);
    // The slot comes back, so the job is gone.
    let asked = bench.fake.words().asked.len();
    let free =
        bench.fake.until(|words| words.asked.iter().skip(asked).find(|ask| ask.free.slots == 2).map(drop));
    tokio::time::timeout(PATIENCE, free).await.unwrap();
    bench.end().await;
    nothing_runs().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_whose_lease_cannot_be_renewed_is_killed_in_time() {
    let Some(bench) = Bench::start(|_| {}).await else { return };
    bench.fake.words().lasts_ms = Some(3_000);
    let lease = begun(&bench).await;
    bench.fake.set_away(true);
    let since = Instant::now();
    nothing_but_init_of_the_pool(&bench).await;
    assert!(since.elapsed() < Duration::from_millis(2_900), "{:?}", since.elapsed());
    bench.fake.set_away(false);
    // It works on as if nothing had been.
    let next = bench.result(spec(job(&[("next", "true")]))).await;
    assert_eq!(next.verdict, dayfly_jobs::Verdict::Passed);
    assert!(!bench.fake.words().ends.contains_key(&lease));
    bench.end().await;
}

/// Waits until no process of a job is called `sleep`.
async fn nothing_but_init_of_the_pool(bench: &Bench) {
    let sleeps = || {
        let processes = std::fs::read_dir("/proc").unwrap().flatten();
        let ours = std::process::id().to_string();
        let is_ours = |stat: &str| {
            stat.contains("(sleep)") && !stat.contains(") Z") && stat.split(' ').nth(3) != Some("1")
        };
        let stats = processes.filter_map(|process| std::fs::read_to_string(process.path().join("stat")).ok());
        stats.filter(|stat| is_ours(stat) && descends(stat, &ours)).count()
    };
    let deadline = Instant::now() + PATIENCE;
    while sleeps() > 0 {
        assert!(Instant::now() < deadline && !bench.worker.is_finished());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Whether a process, by its line of `stat`, is a child of a child of `pid`.
fn descends(stat: &str, pid: &str) -> bool {
    let parent =
        |stat: &str| stat.rsplit(") ").next().and_then(|rest| rest.split(' ').nth(1)).map(str::to_owned);
    let of = |pid: &str| std::fs::read_to_string(format!("/proc/{pid}/stat")).ok();
    let mut at = parent(stat);
    while let Some(above) = at.take().filter(|above| above != "0") {
        if above == pid {
            return true;
        }
        at = of(&above).and_then(|stat| parent(&stat));
    }
    false
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_is_told_until_it_is_answered() {
    let Some(bench) = Bench::start(|_| {}).await else { return };
    let lease = bench.fake.submit(spec(job(&[("quick", "sleep 0.3")])));
    bench.fake.until(|words| (words.renewals > 0).then_some(())).await;
    bench.fake.words().failures = 6;
    let end = tokio::time::timeout(PATIENCE, bench.fake.end_of(lease)).await.unwrap();
    assert!(matches!(end, Completion::Finished { .. }), "{end:?}");
    bench.end().await;
    assert_eq!(State::Finished.name(), "finished");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_ends_lets_jobs_finish_and_hands_back_the_rest() {
    let Some(bench) = Bench::start(|config| config.grace = Duration::from_millis(700)).await else { return };
    let long = begun(&bench).await;
    let short = bench.fake.submit(spec(job(&[("short", "echo begun; sleep 0.5; echo finished")])));
    bench.fake.until(|words| words.logs.get(&short).map(drop)).await;
    let fake = bench.fake.clone();
    bench.end().await;
    assert_eq!(fake.end_of(long).await, Completion::HandedBack);
    assert!(matches!(fake.end_of(short).await, Completion::Finished { .. }));
    nothing_runs().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_signal_hands_back_at_once() {
    let Some(bench) = Bench::start(|config| config.grace = Duration::from_secs(1000)).await else { return };
    let lease = begun(&bench).await;
    let fake = bench.fake.clone();
    bench.hurry.cancel();
    bench.end().await;
    assert_eq!(fake.end_of(lease).await, Completion::HandedBack);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retired_worker_finishes_what_it_has_and_ends_by_itself() {
    let Some(bench) = Bench::start(|_| {}).await else { return };
    let lease = bench.fake.submit(spec(job(&[("short", "sleep 0.4")])));
    bench.fake.until(|words| (words.renewals > 0).then_some(())).await;
    bench.fake.words().drain = true;
    let Bench { fake, worker, .. } = bench;
    tokio::time::timeout(PATIENCE, worker).await.unwrap().unwrap().unwrap();
    assert!(matches!(fake.end_of(lease).await, Completion::Finished { .. }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_with_a_wrong_token_says_so() {
    let Some(bench) =
        Bench::start(|config| config.join_token = dayfly_worker::JoinToken("wrong".into())).await
    else {
        return;
    };
    let ended = tokio::time::timeout(PATIENCE, bench.worker).await.unwrap().unwrap();
    assert!(ended.unwrap_err().to_string().contains("refuses this worker"));
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_that_want_cores_of_their_own_get_different_ones() {
    let Some(bench) = Bench::start(|_| {}).await else { return };
    let pinned = |script: &str| {
        let job = with(job(&[("pinned", script)]), "/limits/cpus", json!({ "pinned": [0] }));
        spec(with(job, "/steps/0/limits/cpus", json!({ "pinned": [0] })))
    };
    if std::thread::available_parallelism().unwrap().get() < 2 {
        return crate::skip("needs two processors");
    }
    let script = "grep Cpus_allowed_list /proc/self/status; sleep 0.3";
    let leases = [bench.fake.submit(pinned(script)), bench.fake.submit(pinned(script))];
    let mut logs = Vec::new();
    for lease in leases {
        bench.fake.end_of(lease).await;
        logs.push(bench.fake.log(lease));
    }
    assert!(logs[0] != logs[1] && logs.iter().all(|log| !log.contains('-')), "{logs:?}");
    bench.end().await;
}

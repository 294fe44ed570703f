//! The log of a job: whole, in order, bounded, whatever happens on the way.

use dayfly_jobs::wire::Completion;
use dayfly_jobs::{Bytes, Digest};
use serde_json::json;
use sha2::Digest as _;

use crate::{Bench, PATIENCE, job, spec, with};

#[tokio::test(flavor = "multi_thread")]
async fn a_long_log_arrives_whole_though_calls_fail() {
    let Some(bench) = Bench::start(|_| {}).await else { return };
    let loud = with(job(&[("loud", "seq 1 700000")]), "/steps/0/limits/output_bytes", json!(64 << 20));
    let lease = bench.fake.submit(spec(loud));
    for _ in 0..5 {
        let more = bench.fake.words().log_calls + 1;
        bench
            .fake
            .until(|words| (words.log_calls >= more || words.ends.contains_key(&lease)).then_some(()))
            .await;
        bench.fake.words().failures = 1;
    }
    let end = tokio::time::timeout(PATIENCE, bench.fake.end_of(lease)).await.unwrap();
    let Completion::Finished { result, .. } = end else { panic!("{end:?}") };
    let log = bench.fake.log(lease);
    assert!(log.lines().enumerate().all(|(i, line)| line == (i + 1).to_string()));
    assert_eq!(result.log.bytes, log.len() as u64);
    assert_eq!(result.log.digest, Digest(sha2::Sha256::digest(&log).into()));
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_log_keeps_its_head_and_says_what_is_missing() {
    let Some(bench) = Bench::start(|config| config.log_limit = Bytes::new(1000)).await else { return };
    let lease = bench.fake.submit(spec(job(&[("loud", "seq -w 1 1000"), ("next", "echo more")])));
    let Completion::Finished { result, .. } = bench.fake.end_of(lease).await else { panic!() };
    let log = bench.fake.log(lease);
    assert!(log.starts_with("0001\n") && log.contains("[dayfly] 4005 bytes were left out here"), "{log}");
    assert_eq!(result.log.bytes, log.len() as u64);
    assert_eq!((result.steps[1].log_start, result.steps[1].log_end), (1000, 1000));
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_scheduler_slows_the_job_down_instead_of_filling_memory() {
    let Some(bench) = Bench::start(|_| {}).await else { return };
    let loud = job(&[("loud", "head -c 30000000 /dev/zero | tr '\\0' x; echo done")]);
    let loud = with(loud, "/steps/0/limits/output_bytes", json!(64 << 20));
    let lease = bench.fake.submit(spec(loud));
    bench.fake.until(|words| (words.log_calls > 0).then_some(())).await;
    bench.fake.set_away(true);
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    // Were it not held back, it would be over by now, and all of it in memory.
    assert!(resident() < 200 << 20, "{}", resident());
    bench.fake.set_away(false);
    let Completion::Finished { result, .. } =
        tokio::time::timeout(PATIENCE, bench.fake.end_of(lease)).await.unwrap()
    else {
        panic!()
    };
    assert_eq!(result.log.bytes, 30_000_005);
    assert!(bench.fake.log(lease).ends_with("xdone\n"));
    bench.end().await;
}

fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    text.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
}

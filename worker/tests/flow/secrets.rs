//! Secrets: where the job sees them, and where nobody does.

use std::collections::BTreeMap;

use dayfly_jobs::wire::Completion;
use serde_json::json;

use crate::{Bench, job, spec, with};

#[tokio::test(flavor = "multi_thread")]
async fn a_job_sees_its_secrets_and_its_log_does_not() {
    let Some(bench) = Bench::start(|_| {}).await else { return };
    let script = "cat /run/secrets/file; echo; stat -c %a /run/secrets/file $DAYFLY_SECRETS; echo $TOKEN; \
                  printf hunter; sleep 0.3; echo 22-and-more; printf %s \"$TOKEN\" | base64; \
                  printf %s \"$TOKEN\" | wc -c; ls -A";
    let job = with(
        job(&[("look", script)]),
        "/secrets",
        json!([{ "name": "file" }, { "name": "env", "env": "TOKEN" }]),
    );
    let everything = json!([{ "name": "all", "paths": ["**"], "max_size": 1 << 20 }]);
    let secrets = [("file", "correct horse"), ("env", "hunter22-and-more")]
        .map(|(name, value)| (name.parse().unwrap(), value.to_owned()));
    let lease = bench.fake.submit_with(spec(with(job, "/outputs", everything)), BTreeMap::from(secrets));
    let Completion::Finished { result, .. } = bench.fake.end_of(lease).await else { panic!() };
    let hidden = ["***\n400\n700\n***\n***\n", "\n17\n"];
    let log = bench.fake.log(lease);
    assert!(hidden.iter().all(|part| log.contains(part)), "{log}");
    assert!(!log.contains("hunter22") && !log.contains("aHVudGVy") && !log.contains("horse"), "{log}");
    assert_eq!(result.outputs, []);
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_was_not_given_is_no_empty_one() {
    let Some(bench) = Bench::start(|_| {}).await else { return };
    let job = with(job(&[("look", "true")]), "/secrets", json!([{ "name": "gone" }]));
    let verdict = bench.result(spec(job)).await.verdict;
    assert!(
        matches!(&verdict, dayfly_jobs::Verdict::BadInput { reason } if reason.contains("gone")),
        "{verdict:?}"
    );
    bench.end().await;
}

//! The same word said twice: submits with one key, completions of one lease.

use std::collections::BTreeSet;

use dayfly_tests::jail;
use dayfly_tests::service::{Answer, Call, PaperWorker, Service, block_on, job, spawn};
use serde_json::Value;

/// Sends a call this many times at once.
fn at_once(service: &Service, call: &Call, times: usize) -> Vec<Answer> {
    let tasks: Vec<_> = (0..times)
        .map(|_| {
            let (client, call) = (service.client().clone(), call.clone());
            spawn(async move { client.send(call).await.unwrap() })
        })
        .collect();
    tasks.into_iter().map(|task| block_on(task).unwrap()).collect()
}

#[test]
fn a_key_stands_for_one_job_however_often_and_from_wherever_it_comes() {
    let _host = jail!();
    let mut service = Service::start(&[]);
    let call = Call::post("/v1/jobs", &job("echo once")).key("only-one");
    let answers = at_once(&service, &call, 40);
    let created = answers.iter().filter(|answer| answer.status == 201).count();
    let ids: BTreeSet<String> = answers.into_iter().map(|answer| answer.good()["id"].to_string()).collect();
    assert_eq!((created, ids.len()), (1, 1));
    let other = service.client().call(Call::post("/v1/jobs", &job("echo twice")).key("only-one"));
    assert_eq!((other.status, other.problem()), (422, "key-reused"));
    service.scheduler().kill();
    service.restart();
    service.ready();
    let again = service.client().call(call);
    assert_eq!(again.status, 200);
    assert!(ids.contains(&again.good()["id"].to_string()));
    assert_eq!(service.client().list("/v1/jobs").len(), 1);
}

#[test]
fn a_batch_with_a_key_is_taken_once() {
    let _host = jail!();
    let service = Service::start(&[]);
    let jobs: Vec<Value> = (0..100).map(|number| job(&format!("echo {number}"))).collect();
    let answers = at_once(&service, &Call::batch(&jobs).key("all"), 10);
    let ids = |answer: Answer| -> Vec<Value> {
        answer.good()["items"].as_array().unwrap().iter().map(|item| item["id"].clone()).collect()
    };
    let answers: Vec<Vec<Value>> = answers.into_iter().map(ids).collect();
    assert!(answers.iter().all(|ids| *ids == answers[0]), "the same jobs in the same order");
    assert_eq!(service.client().list("/v1/jobs").len(), jobs.len());
}

#[test]
fn an_end_that_is_said_again_counts_once() {
    let _host = jail!();
    let mut service = Service::start(&[]);
    let worker = PaperWorker::join(&service.joining(), "paper", 4);
    let id = service.client().submit(&job("true"));
    let lease = worker.lease();
    let tasks: Vec<_> = (0..20)
        .map(|_| {
            let (client, call) = (worker.client().clone(), PaperWorker::end(&lease));
            spawn(async move { client.send(call).await.unwrap() })
        })
        .collect();
    let answers: Vec<Value> = tasks.into_iter().map(|task| block_on(task).unwrap().good()).collect();
    assert_eq!(answers.iter().filter(|answer| answer["repeated"] == false).count(), 1, "{answers:?}");
    assert!(answers.iter().all(|answer| answer["state"] == "finished"));
    service.scheduler().kill();
    service.restart();
    service.ready();
    let late = worker.client().call(PaperWorker::end(&lease)).good();
    assert_eq!((&late["state"], &late["repeated"]), (&"finished".into(), &true.into()));
    service.assert_sound(&id);
    let ends = service.events(&id).iter().filter(|event| event["event"] == "ended").count();
    assert_eq!(ends, 1);
}

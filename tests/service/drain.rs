//! Ending in order, with work under way.

use std::thread::sleep;
use std::time::{Duration, Instant};

use dayfly_tests::service::{Service, job};
use dayfly_tests::{jail, soon};
use serde_json::Value;

fn submit_many(service: &Service, count: usize) -> Vec<String> {
    (0..count).map(|number| service.client().submit(&job(&format!("sleep 0.1; echo {number}")))).collect()
}

fn assert_all_finish(service: &Service, ids: &[String]) {
    for id in ids {
        let job = service.ended(id, soon(60));
        assert_eq!((&job["state"], &job["strikes"]), (&"finished".into(), &0.into()), "{job}");
        service.assert_sound(id);
    }
}

#[test]
fn a_worker_that_ends_under_load_alone_gives_back_what_it_cannot_finish() {
    let host = jail!(alone);
    let service = Service::start(&[]);
    let mut one = service.worker("one", &[("worker.grace", "1s")]);
    let long = service.client().submit(&job("sleep 5; echo long"));
    service.wait(&long, soon(20), |job| job["state"] == "running");
    let ids = submit_many(&service, 20);
    let mut two = service.worker("two", &[]);
    one.terminate(soon(8));
    assert_all_finish(&service, &ids);
    let ended = service.ended(&long, soon(30));
    let how = ["state", "worker", "attempt", "strikes"].map(|field| ended[field].clone());
    assert_eq!(how, ["finished".into(), "two".into(), Value::from(2), 0.into()], "{ended}");
    assert!(service.events(&long).iter().any(|event| event["event"] == "handed_back"));
    service.assert_sound(&long);
    two.terminate(soon(8));
    drop(service);
    assert_eq!(host.leftovers(), Vec::<String>::new());
}

#[test]
fn a_scheduler_that_ends_under_load_alone_loses_nothing() {
    let _host = jail!(alone);
    let mut service = Service::start(&[]);
    let mut worker = service.worker("one", &[]);
    let ids = submit_many(&service, 40);
    for round in 1..=2 {
        service.wait(&ids[10 * round], soon(30), |job| job["state"] != "queued");
        service.scheduler().terminate(soon(12));
        assert!(!service.data().join("client.json").exists(), "clients would be sent to nobody");
        service.restart();
        service.ready();
    }
    assert_all_finish(&service, &ids);
    worker.terminate(soon(8));
    service.scheduler().terminate(soon(12));
    service.assert_store_intact();
}

#[test]
fn the_scheduler_of_up_goes_on_alone_when_its_worker_is_drained() {
    let _host = jail!(alone);
    let mut service = Service::start(&[]);
    service.scheduler().terminate(soon(12));
    service.restart_with_worker("one");
    service.ready();
    service.joined(&["one"]);
    assert!(service.cli(&["worker", "drain", "one"]).status.success());
    let start = Instant::now();
    while !service.scheduler().log().contains("the scheduler goes on without it") {
        assert!(start.elapsed() < soon(20), "{}", service.scheduler().log());
        sleep(Duration::from_millis(20));
    }
    let id = service.client().submit(&job("echo elsewhere"));
    let mut two = service.worker("two", &[]);
    assert_eq!(service.ended(&id, soon(30))["worker"], "two");
    two.terminate(soon(8));
    service.scheduler().terminate(soon(12));
}

//! Workers that are too late: stopped for longer than their lease, or dead while their last word is still under way.

use std::time::{Duration, Instant};

use dayfly_tests::service::{Call, Gate, PaperWorker, Process, Service, job, sweep};
use dayfly_tests::{commands_with, jail, soon};
use nix::sys::signal::Signal;
use serde_json::{Value, json};

fn is_running(job: &Value) -> bool {
    job["state"] == "running"
}

/// Waits until this worker runs one of these jobs, and gives it.
fn one_of(service: &Service, ids: &[String], worker: &str) -> String {
    let jobs: Vec<Value> = ids.iter().map(|id| service.wait(id, soon(20), is_running)).collect();
    let found = jobs.iter().find(|job| job["worker"] == worker);
    found.unwrap_or_else(|| panic!("the load is not shared: {jobs:#?}"))["id"].as_str().unwrap().to_owned()
}

fn wait_for(what: &str, time: Duration, is_so: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < time, "{what}: not within {time:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_worker_stopped_for_longer_than_its_lease_alone_does_not_end_its_job() {
    let host = jail!(alone);
    let service = Service::start(&[("scheduler.lease", "2s")]);
    let mut one = service.worker("one", &[]);
    let mark = format!("stopped-{}", std::process::id());
    let id = service.client().submit(&job(&format!("sleep 1; echo {mark}")));
    service.wait(&id, soon(20), is_running);
    one.signal(Signal::SIGSTOP);
    let mut two = service.worker("two", &[]);
    let ended = service.ended(&id, soon(20));
    assert_eq!((&ended["worker"], &ended["attempt"]), (&"two".into(), &2.into()), "{ended}");
    one.signal(Signal::SIGCONT);
    wait_for("its sandbox is gone", soon(3), || commands_with(&mark).is_empty());
    two.terminate(soon(15));
    // It goes on working, and what it did in vain changed nothing.
    let next = service.client().submit(&job("echo next"));
    assert_eq!(service.ended(&next, soon(20))["worker"], "one");
    one.assert_running();
    assert_eq!(service.job(&id)["result"], ended["result"]);
    service.assert_sound(&id);
    service.assert_sound(&next);
    one.terminate(soon(15));
    drop(service);
    assert_eq!(host.leftovers(), Vec::<String>::new());
}

#[test]
fn no_word_of_a_lost_attempt_counts_while_the_next_one_runs() {
    let _host = jail!();
    let service = Service::start(&[("scheduler.lease", "3s")]);
    let (late, good) =
        (PaperWorker::join(&service.joining(), "late", 1), PaperWorker::join(&service.joining(), "good", 1));
    let id = service.client().submit(&job("true"));
    let lost = late.lease();
    // Asked for only now, so that it is not the first who gets the job.
    let held = good.lease();
    assert_eq!((&lost, &held), (&format!("{id}.1"), &format!("{id}.2")));
    assert_eq!(late.renew(&lost), json!({ "kind": "lost", "latest": 2 }));
    let began = json!([{ "event": "step_started", "step": 0, "log_start": 0 }]);
    for word in [
        Call::put(format!("/v1/leases/{lost}/log?offset=0"), "late"),
        Call::post(format!("/v1/leases/{lost}/events"), &began),
        PaperWorker::end(&lost),
        // Another's lease is no better than a lost one.
        PaperWorker::end(&held),
    ] {
        let answer = late.client().call(word.clone());
        assert_eq!((answer.status, answer.problem()), (409, "stale-attempt"), "{word:?}: {answer:?}");
    }
    assert_eq!(good.renew(&held)["kind"], "kept");
    assert_eq!(good.client().call(PaperWorker::end(&held)).good()["state"], "finished");
    assert_eq!(service.client().call(Call::get(format!("/v1/jobs/{id}/logs"))).bytes, b"");
    let refused = service.events(&id).iter().filter(|event| event["event"] == "refused").count();
    assert_eq!(refused, 3, "each refusal but that of a piece of log is told");
}

/// Both work; the first is cut off from the network with a job that ends meanwhile, and then killed.
fn cut_off(service: &Service, gate: &Gate, one: &mut Process) -> (String, Instant) {
    let ids: Vec<String> = (0..4).map(|_| service.client().submit(&job("sleep 1; echo done"))).collect();
    let id = one_of(service, &ids, "one");
    one_of(service, &ids, "two");
    gate.set_open(false);
    std::thread::sleep(Duration::from_secs(2));
    one.kill();
    (id, Instant::now())
}

#[test]
fn two_workers_share_the_load_and_one_finishes_what_the_other_lost_alone() {
    let _host = jail!(alone);
    let service = Service::start(&[]);
    let gate = Gate::before(service.url());
    let (mut one, mut two) = (service.worker_at(gate.url(), "one", &[]), service.worker("two", &[]));
    service.joined(&["one", "two"]);
    let (id, killed) = cut_off(&service, &gate, &mut one);
    let ended = service.ended(&id, soon(25));
    let took = killed.elapsed();
    assert!(took < soon(25), "{took:?}");
    assert_eq!((&ended["worker"], &ended["attempt"]), (&"two".into(), &2.into()), "{ended}");
    gate.set_open(true);
    wait_for("its late result is refused", soon(5), || {
        service.events(&id).iter().any(|event| event["event"] == "refused" && event["spoke_for"] == 1)
    });
    service.assert_sound(&id);
    assert_eq!(service.job(&id)["result"], ended["result"]);
    let story = service.explain(&id);
    for told in [
        "It ran on worker two: it passed.",
        "attempt 1: worker one took it",
        "attempt 1: worker one was not heard of in time; its lease is lost",
        "attempt 2: worker two took it",
        "attempt 1: worker one wanted to end it, too late; it was refused",
    ] {
        assert!(story.contains(told), "no {told:?} in:\n{story}");
    }
    two.terminate(soon(15));
    drop(service);
    sweep();
}

//! Many idle workers, and clients that submit more than the store can take.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use dayfly_tests::service::{Answer, Call, Client, PaperWorker, Service, block_on, job, spawn};
use dayfly_tests::{jail, soon};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

/// Workers that wait for a job at the same time.
const POLLS: usize = 1000;
/// The most a scheduler may take, in KiB: what it takes with a million queued jobs as well.
const MOST_MEMORY: u64 = 200 << 10;

fn polls(joining: &Client) -> Vec<JoinHandle<Result<Answer, String>>> {
    let joined: Vec<_> = (0..POLLS)
        .map(|number| {
            let joining = joining.clone();
            spawn(async move { PaperWorker::joined(&joining, &format!("w{number}"), 1).await })
        })
        .collect();
    let workers: Vec<PaperWorker> = joined.into_iter().map(|worker| block_on(worker).unwrap()).collect();
    let poll =
        |worker: PaperWorker| spawn(async move { worker.client().send(PaperWorker::poll(30_000)).await });
    workers.into_iter().map(poll).collect()
}

/// The answers that have come: as many as are expected, and what comes in a second after them.
fn answered(polls: &mut Vec<JoinHandle<Result<Answer, String>>>, expected: usize) -> Vec<Value> {
    let start = Instant::now();
    while polls.iter().filter(|poll| poll.is_finished()).count() < expected && start.elapsed() < soon(10) {
        std::thread::sleep(Duration::from_millis(10));
    }
    std::thread::sleep(Duration::from_secs(1));
    let (done, waiting): (Vec<_>, Vec<_>) = polls.drain(..).partition(JoinHandle::is_finished);
    *polls = waiting;
    done.into_iter().map(|poll| block_on(poll).unwrap().unwrap().good()).collect()
}

#[test]
fn one_job_alone_goes_to_one_of_a_thousand_idle_polls() {
    let _host = jail!(alone);
    let mut service = Service::start(&[]);
    let mut polls = polls(&service.joining());
    assert_eq!(answered(&mut polls, 0), Vec::<Value>::new(), "there was nothing to do yet");
    for round in 1..=2 {
        let id = service.client().submit(&job("true"));
        let answers = answered(&mut polls, 1);
        assert_eq!(answers.len(), 1, "{answers:?}");
        assert_eq!(answers[0]["leases"][0]["id"], format!("{id}.1"));
        assert_eq!(polls.len(), POLLS - round);
    }
    let memory = service.scheduler().kibibytes("VmHWM");
    assert!(memory < MOST_MEMORY, "{memory} KiB");
    polls.iter().for_each(JoinHandle::abort);
}

/// Jobs that may wait; with more of them the queue is full.
const ROOM: usize = 3000;

/// Submits one job after the other, and gives the ids of those that were taken and why the others were not.
async fn hurry(client: Client, name: String, jobs: usize) -> (Vec<String>, Vec<String>) {
    let (mut taken, mut refused) = (Vec::new(), Vec::new());
    for number in 0..jobs {
        let call = Call::post("/v1/jobs", &job("true")).key(format!("{name}-{number}"));
        let answer = client.send(call).await.unwrap();
        if answer.status == 429 {
            assert!(answer.retry_after.is_some(), "{answer:?}");
            refused.push(answer.problem().to_owned());
        } else {
            taken.push(answer.good()["id"].as_str().unwrap().to_owned());
        }
    }
    (taken, refused)
}

fn listed(service: &Service) -> BTreeSet<String> {
    let jobs = service.client().list("/v1/jobs");
    jobs.iter().map(|job| job["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn what_comes_faster_than_it_can_be_kept_alone_is_refused_and_never_lost() {
    let _host = jail!(alone);
    let mut service = Service::start(&[]);
    let caps = json!({ "max_running": 10, "max_queued": ROOM });
    service.client().call(Call::put("/v1/queues/default", caps.to_string()).json()).good();
    let clients: Vec<_> =
        (0..1500).map(|number| spawn(hurry(service.client().clone(), format!("c{number}"), 4))).collect();
    let (mut all, mut refusals) = (BTreeSet::new(), BTreeMap::<String, usize>::new());
    for client in clients {
        let (taken, refused) = block_on(client).unwrap();
        all.extend(taken);
        refused.into_iter().for_each(|kind| *refusals.entry(kind).or_default() += 1);
    }
    let memory = service.scheduler().kibibytes("VmHWM");
    eprintln!("{} jobs taken, refused: {refusals:?}, {memory} KiB", all.len());
    assert_eq!(all.len() + refusals.values().sum::<usize>(), 6000, "an answer was counted twice");
    assert!(refusals.keys().all(|kind| ["queue-full", "busy", "rate-limited"].contains(&kind.as_str())));
    assert!(
        refusals.contains_key("queue-full") && all.len() <= ROOM,
        "more was taken than there is room for"
    );
    assert!(memory < MOST_MEMORY, "{memory} KiB");
    assert_eq!(listed(&service), all);
    service.scheduler().kill();
    service.restart();
    service.ready();
    assert_eq!(listed(&service), all, "what was acknowledged survives a crash");
    service.scheduler().terminate(soon(15));
}

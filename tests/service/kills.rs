//! kill -9 of schedulers and workers at random moments, while clients submit and send again what was not answered.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use dayfly_tests::service::{Call, Client, Process, Service, faults, job, sweep};
use dayfly_tests::{Dice, commands_with, full_lane, jail, needs, seed, setting, soon};
use serde_json::Value;

/// How often something is killed: a few times for a plain local test, as often as promised in the full lane.
fn kills() -> u64 {
    setting("DAYFLY_RELIABILITY_KILLS", if full_lane() { 200 } else { 24 })
}

/// A job that was acknowledged, and what has to become of it.
struct Sent {
    key: String,
    job: Value,
    id: String,
    exit_code: u64,
    log: String,
}

/// One of the ways in which jobs are busy. The key stands in the command line of each of its processes.
fn some_job(dice: &mut Dice, key: &str) -> (Value, u64, String) {
    let (script, exit_code, log) = match dice.roll(5) {
        0 => (format!("echo {key}; exit 3"), 3, format!("{key}\n")),
        1 => (format!("echo {key}; sleep 0.1; echo over"), 0, format!("{key}\nover\n")),
        // Too much for a row of the database.
        2 => {
            (format!("head -c 40000 /dev/zero | tr '\\0' x; echo {key}"), 0, "x".repeat(40_000) + key + "\n")
        }
        _ => (format!("echo {key}"), 0, format!("{key}\n")),
    };
    (job(&script), exit_code, log)
}

/// Submits until there is an answer that says it is done. Nothing but silence, haste and restarts is forgiven.
fn insist(client: &Client, job: &Value, key: &str) -> String {
    let start = Instant::now();
    loop {
        match client.try_call(Call::post("/v1/jobs", job).key(key)) {
            Ok(answer) if answer.is_good() => return answer.json["id"].as_str().unwrap().to_owned(),
            Ok(answer) => assert!(matches!(answer.status, 429 | 503), "{key}: {answer:?}"),
            Err(_) => {}
        }
        assert!(start.elapsed() < soon(60), "{key} was not taken");
        thread::sleep(Duration::from_millis(20));
    }
}

/// A client that goes on until it is told to stop.
fn submit(client: &Client, mut dice: Dice, name: &str, stop: &AtomicBool) -> Vec<Sent> {
    let mut all: Vec<Sent> = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let key = format!("{name}-{}", all.len());
        let (job, exit_code, log) = some_job(&mut dice, &key);
        let id = insist(client, &job, &key);
        all.push(Sent { key, job, id, exit_code, log });
        let again = &all[usize::try_from(dice.roll(all.len() as u64)).unwrap()];
        assert_eq!(insist(client, &again.job, &again.key), again.id, "{} was taken twice", again.key);
        thread::sleep(Duration::from_millis(dice.roll(160)));
    }
    all
}

/// Tells the clients to stop, also when the test fails.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// What is killed again and again.
struct Victims {
    service: Service,
    workers: BTreeMap<&'static str, Process>,
    mark: String,
}

impl Victims {
    fn start(mark: String) -> Self {
        let service = Service::start(&[("scheduler.lease", "2s")]);
        let workers = ["one", "two"].map(|name| (name, service.worker(name, &[]))).into();
        Self { service, workers, mark }
    }

    fn kill_scheduler(&mut self) {
        self.service.scheduler().assert_running();
        self.service.scheduler().kill();
    }

    fn kill_worker(&mut self, name: &'static str) {
        let worker = self.workers.get_mut(name).unwrap();
        worker.assert_running();
        worker.kill();
    }

    fn start_worker(&mut self, name: &'static str) {
        self.workers.insert(name, self.service.worker(name, &[]));
    }

    /// Kills one of them, or a scheduler with a worker, or both workers, and starts them again.
    fn kill(&mut self, dice: &mut Dice) {
        let name = if dice.roll(2) == 0 { "one" } else { "two" };
        match dice.roll(8) {
            0..=2 => {
                self.kill_scheduler();
                self.service.restart();
            }
            3 => {
                self.kill_scheduler();
                self.kill_worker(name);
                self.service.restart();
                self.start_worker(name);
            }
            4 => {
                self.kill_worker("one");
                self.kill_worker("two");
                self.assert_nothing_runs();
                self.start_worker("one");
                self.start_worker("two");
            }
            _ => {
                self.kill_worker(name);
                self.start_worker(name);
            }
        }
    }

    /// Without workers there are no sandboxes.
    fn assert_nothing_runs(&self) {
        let start = Instant::now();
        loop {
            let left = commands_with(&self.mark);
            if left.is_empty() {
                return;
            }
            assert!(start.elapsed() < soon(3), "sandboxes outlived their workers: {left:#?}");
            thread::sleep(Duration::from_millis(20));
        }
    }
}

/// At random moments, now early in a start, now in the middle of work.
fn rage(victims: &mut Victims, dice: &mut Dice) {
    for _ in 0..kills() {
        let most = if dice.roll(2) == 0 { 150 } else { 700 };
        thread::sleep(Duration::from_millis(dice.roll(most)));
        victims.kill(dice);
    }
}

/// Every job has the one end that it must have, and there is no job that nobody sent. Gives how many attempts were
/// lost on the way.
fn check(service: &Service, sent: &[Sent]) -> u64 {
    let (mut wrong, mut lost) = (Vec::new(), 0);
    for one in sent {
        let job = service.ended(&one.id, soon(60));
        wrong.extend(faults(&job, &service.events(&one.id)));
        lost += job["strikes"].as_u64().unwrap();
        if job["state"] != "finished" || job["exit_code"] != one.exit_code {
            wrong.push(format!("{} should have ended with {}: {job}", one.key, one.exit_code));
        }
        let log = service.client().call(Call::get(format!("/v1/jobs/{}/logs", one.id)));
        if log.bytes != one.log.as_bytes() {
            wrong.push(format!("{} has a wrong log of {} bytes: {job}", one.key, log.bytes.len()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let acknowledged: BTreeSet<String> = sent.iter().map(|one| one.id.clone()).collect();
    assert_eq!(acknowledged.len(), sent.len(), "two keys share a job");
    let listed: BTreeSet<String> =
        service.client().list("/v1/jobs").iter().map(|job| job["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(listed, acknowledged);
    lost
}

#[test]
fn a_crash_of_anything_at_any_moment_loses_and_repeats_nothing() {
    let host = jail!(alone);
    needs!("python3");
    let seed = seed("DAYFLY_RELIABILITY_SEED");
    eprintln!("DAYFLY_RELIABILITY_SEED={seed} DAYFLY_RELIABILITY_KILLS={}", kills());
    let mark = format!("crash-{seed}");
    let mut victims = Victims::start(mark.clone());
    let stop = AtomicBool::new(false);
    let sent = thread::scope(|scope| {
        let guard = Stop(&stop);
        let clients = [1, 2].map(|number| {
            let (client, name) = (victims.service.client().clone(), format!("{mark}-{number}"));
            let dice = Dice::new(seed.wrapping_mul(number + 1));
            let stop = &stop;
            scope.spawn(move || submit(&client, dice, &name, stop))
        });
        rage(&mut victims, &mut Dice::new(seed));
        drop(guard);
        clients.into_iter().flat_map(|client| client.join().unwrap()).collect::<Vec<Sent>>()
    });
    let Victims { mut service, mut workers, mark } = victims;
    service.ready();
    let lost = check(&service, &sent);
    eprintln!("{} jobs, {lost} attempts lost", sent.len());
    assert!(lost > 0 || kills() < 24, "nothing was killed in the middle of its work");
    assert_eq!(commands_with(&mark), Vec::<String>::new(), "sandboxes outlived their jobs");
    workers.values_mut().for_each(|worker| worker.terminate(soon(15)));
    service.scheduler().terminate(soon(15));
    service.assert_store_intact();
    drop(service);
    sweep();
    let left = host.leftovers();
    assert!(left.is_empty(), "seed {seed}: left behind:\n  {}", left.join("\n  "));
}

//! The clock of the scheduler's host is set while there are leases, and between two starts.

use std::fs;
use std::path::{Path, PathBuf};

use dayfly_tests::service::{Service, job};
use dayfly_tests::{has, jail, skip, soon};
use serde_json::Value;

/// What makes a program see another time of day: the package `faketime` of Debian.
fn library() -> Option<String> {
    let found = |folder: &str| {
        let path = format!("{folder}/faketime/libfaketimeMT.so.1");
        has(&path).then_some(path)
    };
    ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64"].into_iter().find_map(found)
}

/// A clock that a test can set.
struct SetClock {
    offset: PathBuf,
    library: String,
}

impl SetClock {
    fn new(folder: &Path, library: String) -> Self {
        let clock = Self { offset: folder.join("offset"), library };
        clock.set("+0");
        clock
    }

    fn set(&self, offset: &str) {
        fs::write(&self.offset, offset).unwrap();
    }

    /// A scheduler started from now on sees the time of this clock. The monotonic clock cannot be set, here as on a
    /// real host.
    fn rule(&self, service: &mut Service) {
        let preload = format!("LD_PRELOAD={}", self.library);
        let file = format!("FAKETIME_TIMESTAMP_FILE={}", self.offset.display());
        let words = ["env", &preload, &file, "FAKETIME_NO_CACHE=1", "DONT_FAKE_MONOTONIC=1"];
        service.wrap(&words);
        service.scheduler().terminate(soon(15));
        service.restart();
        service.ready();
    }
}

fn is_running(job: &Value) -> bool {
    job["state"] == "running"
}

/// Milliseconds since 1970, as the scheduler's records have it.
fn submitted(service: &Service, id: &str) -> u64 {
    service.job(id)["submitted_ms"].as_u64().unwrap()
}

#[test]
fn a_clock_that_is_set_while_the_scheduler_runs_alone_moves_no_lease() {
    let _host = jail!(alone);
    let Some(library) = library() else { skip!("needs libfaketime: install the package faketime") };
    let folder = tempfile::tempdir().unwrap();
    let clock = SetClock::new(folder.path(), library);
    let mut service = Service::start(&[("scheduler.lease", "2s")]);
    clock.rule(&mut service);
    let mut worker = service.worker("one", &[]);
    for offset in ["+1h", "-2h", "+0"] {
        let id = service.client().submit(&job("sleep 3; echo done"));
        service.wait(&id, soon(20), is_running);
        clock.set(offset);
        let ended = service.ended(&id, soon(20));
        assert_eq!(
            (&ended["state"], &ended["strikes"]),
            (&"finished".into(), &0.into()),
            "{offset}: {ended}"
        );
        service.assert_sound(&id);
        let took = ended["ended_ms"].as_u64().unwrap() - submitted(&service, &id);
        assert!((3000..10_000).contains(&took), "{offset}: it took {took} ms by the scheduler's clock");
    }
    worker.terminate(soon(15));
}

#[test]
fn a_scheduler_whose_clock_was_set_back_before_its_start_alone_goes_on_where_it_was() {
    let _host = jail!(alone);
    let Some(library) = library() else { skip!("needs libfaketime: install the package faketime") };
    let folder = tempfile::tempdir().unwrap();
    let clock = SetClock::new(folder.path(), library);
    let mut service = Service::start(&[("scheduler.lease", "2s")]);
    let mut one = service.worker("one", &[]);
    let id = service.client().submit(&job("sleep 2; echo done"));
    service.wait(&id, soon(20), is_running);
    one.kill();
    clock.set("-1h");
    clock.rule(&mut service);
    // Its lease ends when it would have ended, and not an hour later.
    let mut two = service.worker("two", &[]);
    let ended = service.ended(&id, soon(15));
    assert_eq!((&ended["state"], &ended["worker"]), (&"finished".into(), &"two".into()), "{ended}");
    service.assert_sound(&id);
    let next = service.client().submit(&job("echo next"));
    assert!(submitted(&service, &next) >= ended["ended_ms"].as_u64().unwrap(), "time went back");
    service.ended(&next, soon(20));
    two.terminate(soon(15));
}

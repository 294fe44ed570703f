//! A job that kills its workers.

use dayfly_tests::service::{Service, job};
use dayfly_tests::{jail, soon};

#[test]
fn a_job_whose_worker_dies_in_a_crash_each_time_is_quarantined() {
    let _host = jail!(alone);
    let service = Service::start(&[("scheduler.lease", "2s")]);
    let mut poison = job("sleep 30");
    poison["retry"]["max_attempts"] = 3.into();
    let id = service.client().submit(&poison);
    for attempt in 1..=3 {
        let mut worker = service.worker("host", &[]);
        service.wait(&id, soon(20), |job| job["state"] == "running" && job["attempt"] == attempt);
        worker.kill();
    }
    let ended = service.ended(&id, soon(20));
    assert_eq!((&ended["state"], &ended["strikes"]), (&"quarantined".into(), &3.into()), "{ended}");
    service.assert_sound(&id);
    let story = service.explain(&id);
    for told in [
        "Its worker was lost in each of 3 attempts, so it is not tried again",
        "attempt 1: step 'step' began",
        "attempt 1: worker host was not heard of in time",
        "attempt 3: worker host was not heard of in time",
        "ended as quarantined",
    ] {
        assert!(story.contains(told), "no {told:?} in:\n{story}");
    }
    // Nobody tries it again, and others are served.
    let mut worker = service.worker("host", &[]);
    let next = service.client().submit(&job("echo next"));
    assert_eq!(service.ended(&next, soon(20))["state"], "finished");
    assert_eq!(service.job(&id)["attempt"], 3);
    worker.terminate(soon(15));
}

//! The disk of the scheduler is full for a while.

use std::fs::{self, File};
use std::io::Write;
use std::thread;
use std::time::Duration;

use dayfly_tests::service::{Call, Service, job};
use dayfly_tests::{jail, needs, soon};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use tempfile::TempDir;

/// A small disk that is gone with the test.
struct SmallDisk(TempDir);

impl SmallDisk {
    fn mount() -> Self {
        let at = tempfile::Builder::new().prefix("disk-").tempdir().unwrap();
        let options = Some("size=64m,mode=700");
        mount(Some("none"), at.path(), Some("tmpfs"), MsFlags::MS_NOSUID | MsFlags::MS_NODEV, options)
            .unwrap();
        Self(at)
    }

    /// Takes all room that is left.
    fn fill(&self) {
        let mut file = File::create(self.0.path().join("filler")).unwrap();
        for size in [64 << 10, 4 << 10, 512] {
            while file.write_all(&vec![1; size]).is_ok() {}
        }
    }

    fn free(&self) {
        fs::remove_file(self.0.path().join("filler")).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        umount2(self.0.path(), MntFlags::MNT_DETACH).ok();
    }
}

/// Submits until the disk is full; gives the jobs that were taken before.
fn submit_until_refused(service: &Service) -> Vec<String> {
    let mut taken = Vec::new();
    for number in 0..5000 {
        let answer = service.client().call(Call::post("/v1/jobs", &job(&format!("echo {number}"))));
        if !answer.is_good() {
            assert_eq!((answer.status, answer.problem()), (507, "disk-full"), "{answer:?}");
            assert!(answer.retry_after.is_some());
            return taken;
        }
        taken.push(answer.json["id"].as_str().unwrap().to_owned());
    }
    panic!("the disk is never full");
}

#[test]
fn a_full_disk_alone_refuses_what_is_new_and_keeps_what_there_is() {
    let _host = jail!(root, alone);
    needs!("python3");
    // The service, which comes after its disk, goes before it.
    let disk = SmallDisk::mount();
    let mut service = Service::on(Some(disk.0.path()), &[]);
    let mut worker = service.worker("one", &[]);
    let running = service.client().submit(&job("sleep 3; echo verdict"));
    service.wait(&running, soon(20), |job| job["state"] == "running");
    disk.fill();
    let taken = submit_until_refused(&service);
    let blob = service.client().call(Call::put(format!("/v1/blobs/{BLOB}"), vec![0; 1 << 20]));
    assert_eq!((blob.status, blob.problem()), (507, "disk-full"), "{blob:?}");
    // The job ends meanwhile, and nobody can note how.
    thread::sleep(Duration::from_secs(5));
    service.scheduler().assert_running();
    disk.free();
    let ended = service.ended(&running, soon(30));
    assert_eq!((&ended["state"], &ended["attempt"]), (&"finished".into(), &1.into()), "{ended}");
    let next = service.client().submit(&job("echo next"));
    for id in taken.iter().chain([&running, &next]) {
        assert_eq!(service.ended(id, soon(60))["state"], "finished");
        service.assert_sound(id);
    }
    assert_eq!(service.client().list("/v1/jobs").len(), taken.len() + 2);
    worker.terminate(soon(15));
    service.scheduler().terminate(soon(15));
    service.assert_store_intact();
    service.restart();
    service.ready();
    assert_eq!(service.client().list("/v1/jobs").len(), taken.len() + 2);
}

/// SHA-256 of a mebibyte of zeros.
const BLOB: &str = "30e14955ebf1352266dc2ff8067e68104607e750abb9d3b36582b8af909fcb58";

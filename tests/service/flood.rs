//! A job that says far more than anybody wants to keep.

use dayfly_tests::service::{Call, Service, job};
use dayfly_tests::{jail, soon};

/// What is kept of it.
const KEPT: usize = 16 << 20;
/// What it says: lines of 64 bytes, a gibibyte of them.
const SAID: u64 = 1 << 30;
/// Memory the worker may take for it, in KiB.
const MOST_MEMORY: u64 = 64 << 10;

#[test]
fn a_gibibyte_of_log_alone_takes_no_memory_and_leaves_its_head() {
    let _host = jail!(alone);
    let service = Service::start(&[]);
    let mut worker = service.worker("one", &[("worker.log", "16M")]);
    let warm = service.client().submit(&job("echo warm"));
    service.ended(&warm, soon(20));
    let before = worker.kibibytes("VmHWM");
    let line = format!("{:063}", 7);
    let mut flood = job(&format!("yes {line} | head -c {SAID}; echo over"));
    flood["limits"]["output"] = "2G".into();
    let id = service.client().submit(&flood);
    let ended = service.ended(&id, soon(60));
    assert_eq!(ended["exit_code"], 0, "{ended}");
    let grown = worker.kibibytes("VmHWM").saturating_sub(before);
    assert!(grown < MOST_MEMORY, "the worker took {grown} KiB more");
    let bytes = whole_log(&service, &id);
    let head = format!("{line}\n").repeat(KEPT / 64);
    assert!(bytes.starts_with(head.as_bytes()), "the head of the log is not kept");
    let dropped = SAID + 5 - u64::try_from(KEPT).unwrap();
    let rest = format!("\n[dayfly] {dropped} bytes were left out here: the log was full\n");
    assert_eq!(String::from_utf8_lossy(&bytes[head.len()..]), rest);
    service.assert_sound(&id);
    worker.terminate(soon(8));
}

fn whole_log(service: &Service, id: &str) -> Vec<u8> {
    let answer = service.client().call(Call::get(format!("/v1/jobs/{id}/logs")));
    assert!(answer.is_good(), "{answer:?}");
    answer.bytes
}

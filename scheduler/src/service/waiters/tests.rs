//! A job wakes one poll that can take it, and no wake-up is lost.

use std::time::Duration;

use dayfly_jobs::Bytes;
use dayfly_jobs::wire::Capacity;
use std::collections::BTreeSet;

use super::*;

fn capacity(slots: u32) -> Capacity {
    Capacity { slots, cpus_milli: 1000 * slots, memory: Bytes::gib(u64::from(slots)) }
}

fn room(worker: &str, labels: &[&str]) -> Offer {
    Offer {
        worker: worker.parse().unwrap(),
        queues: BTreeSet::new(),
        labels: labels.iter().map(|label| label.parse().unwrap()).collect(),
        policies: ["strict".to_owned()].into(),
        free: capacity(1),
        whole: capacity(1),
    }
}

fn needs(labels: &[&str]) -> Wanted {
    let needs = Needs {
        labels: labels.iter().map(|label| label.parse().unwrap()).collect(),
        policy: "strict".to_owned(),
        cpus_milli: 1000,
        memory: Bytes::gib(1),
    };
    Wanted { queue: "default".parse().unwrap(), needs }
}

async fn is_woken(place: &Place) -> bool {
    tokio::time::timeout(Duration::from_millis(20), place.woken()).await.is_ok()
}

#[tokio::test]
async fn a_thousand_polls_and_one_job() {
    let line = Arc::new(Waiters::default());
    let places: Vec<Place> = (0..1000).map(|n| line.enter(room(&format!("w{n}"), &[]))).collect();
    assert!(line.wake(needs(&[])));
    assert!(is_woken(&places[0]).await);
    assert_eq!(line.lock().waiting.len(), 999);
}

#[tokio::test]
async fn only_who_can_take_it_is_woken() {
    let line = Arc::new(Waiters::default());
    let (plain, gpu) = (line.enter(room("a", &[])), line.enter(room("b", &["gpu"])));
    assert!(line.wake(needs(&["gpu"])));
    assert!(is_woken(&gpu).await && !is_woken(&plain).await);
    assert!(!line.wake(needs(&["gpu"])), "it is awake already");
    let change = |change: fn(&mut Needs)| {
        let mut other = needs(&[]);
        change(&mut other.needs);
        other
    };
    assert!(!line.wake(change(|needs| needs.policy = "build".to_owned())));
    assert!(!line.wake(change(|needs| needs.cpus_milli = 1001)));
    assert!(!line.wake(change(|needs| needs.memory = Bytes::gib(2))));
}

#[tokio::test]
async fn who_is_woken_and_leaves_wakes_the_next() {
    let line = Arc::new(Waiters::default());
    let (first, second) = (line.enter(room("a", &[])), line.enter(room("b", &[])));
    assert!(line.wake(needs(&[])));
    drop(first);
    assert!(is_woken(&second).await);
    second.looked();
    let third = line.enter(room("c", &[]));
    drop(second);
    assert!(!is_woken(&third).await, "the job was looked after");
}

#[tokio::test]
async fn who_left_the_line_is_not_in_it() {
    let line = Arc::new(Waiters::default());
    drop(line.enter(room("a", &[])));
    assert!(!line.wake(needs(&[])));
    let (one, two) = (line.enter(room("a", &[])), line.enter(room("b", &[])));
    line.wake_all(Some(&"b".parse().unwrap()));
    assert!(is_woken(&two).await && !is_woken(&one).await);
}

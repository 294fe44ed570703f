//! What is taken comes back, and no core is given twice.

use proptest::prelude::*;

use super::*;

fn whole() -> Capacity {
    Capacity { slots: 3, cpus_milli: 4000, memory: Bytes::mib(1000) }
}

fn spec(cpus: Option<Cpus>, memory: u64) -> JobSpec {
    let limits = dayfly_policies::Catalog::builtin().get("strict").unwrap().default_limits().clone();
    let limits = dayfly_jobs::Limits { cpus, memory: Bytes::mib(memory), ..limits };
    let spec = serde_json::json!({
        "version": 1, "name": "t", "queue": "q", "priority": 0, "limits": limits, "steps": [],
        "sandbox": { "backend": "jail", "root": "host", "policy": "strict", "network": "none" },
        "retry": { "max_attempts": 1 }, "timeouts": {},
    });
    serde_json::from_value(spec).unwrap()
}

fn pinned(cores: &[u16]) -> Option<Cpus> {
    Some(Cpus::Pinned(CpuSet::try_from(BTreeSet::from_iter(cores.iter().copied())).unwrap()))
}

fn cores(share: &Share) -> Vec<u16> {
    share.cores.iter().flat_map(CpuSet::iter).collect()
}

#[test]
fn named_cores_are_given_while_they_are_free_and_others_after_that() {
    let room = Room::new(whole(), BTreeSet::from([0, 1, 2, 3]));
    let first = room.try_take(&spec(pinned(&[2]), 10)).unwrap();
    let second = room.try_take(&spec(pinned(&[2, 3]), 10)).unwrap();
    assert_eq!((cores(&first), cores(&second)), (vec![2], vec![0, 3]));
    assert_eq!(room.try_take(&spec(pinned(&[0, 1]), 10)), None);
    room.give(first);
    assert_eq!(cores(&room.try_take(&spec(pinned(&[7, 9]), 10)).unwrap()), [1, 2]);
}

#[test]
fn a_job_larger_than_the_worker_is_known_as_such() {
    let room = Room::new(whole(), BTreeSet::from([0]));
    assert!(room.could_hold(&spec(None, 1000)) && !room.could_hold(&spec(None, 1001)));
    assert!(!room.could_hold(&spec("5".parse().ok(), 1)));
}

#[test]
fn this_host_has_room() {
    let host = of_host();
    assert!(host.slots > 0 && host.memory > Bytes::mib(64), "{host:?}");
    assert_eq!(u32::try_from(cores_of_host().len()), Ok(host.slots));
}

proptest! {
    #[test]
    fn nothing_is_lost_and_nothing_given_twice(jobs in proptest::collection::vec((0..3_usize, 1..600_u64, 0..2_u8), 1..40)) {
        let room = Room::new(whole(), BTreeSet::from([0, 1, 2, 3]));
        let mut shares: Vec<Share> = Vec::new();
        for (count, memory, give) in jobs {
            if give == 1 && !shares.is_empty() {
                room.give(shares.remove(0));
            }
            let cpus = if count == 0 { None } else { pinned(&[0, 1][..count]) };
            shares.extend(room.try_take(&spec(cpus, memory)));
            let given: Vec<_> = shares.iter().flat_map(cores).collect();
            prop_assert_eq!(given.len(), BTreeSet::from_iter(given.iter().copied()).len());
            let memory: u64 = shares.iter().map(|share| share.demand.memory.get()).sum();
            prop_assert_eq!(room.free().memory.get() + memory, whole().memory.get());
        }
        shares.into_iter().for_each(|share| room.give(share));
        prop_assert!(room.is_whole());
    }
}

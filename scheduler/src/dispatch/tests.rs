//! Choices as tables; whole days of work in `simulation`.

mod simulation;

use std::collections::{BTreeMap, BTreeSet};

use dayfly_jobs::Bytes;
use dayfly_jobs::wire::Capacity;

use super::*;
use crate::store::Waiting;

const NOW: Timestamp = Timestamp(10_000_000);

fn needs(cpus_milli: u32) -> Needs {
    Needs { labels: BTreeSet::new(), policy: "strict".into(), cpus_milli, memory: Bytes::mib(64) }
}

fn lane(id: i64, tenant: &str, rank: i64) -> Lane {
    Lane {
        id,
        tenant: tenant.parse().unwrap(),
        queue: "default".parse().unwrap(),
        needs: needs(1000),
        head: Some(Head { rank, waits: NOW }),
        running: 0,
        leased_sum_ms: 0,
        held: None,
        newcomer: false,
        handicap: Usage::default(),
    }
}

fn room(slots: u32, cpus_milli: u32) -> Capacity {
    Capacity { slots, cpus_milli, memory: Bytes::gib(8) }
}

fn offer(worker: &str, free: Capacity) -> Offer {
    Offer {
        worker: worker.parse().unwrap(),
        labels: BTreeSet::new(),
        queues: BTreeSet::new(),
        policies: BTreeSet::from(["strict".to_owned()]),
        free,
        whole: room(4, 4000),
    }
}

fn account(weight: u32, used: f64) -> Account {
    Account { weight, max_running: 100, usage: Usage { amount: used, at: NOW } }
}

fn newcomer(lane: Lane) -> Lane {
    Lane { newcomer: true, ..lane }
}

/// The queue, with the part that was used at the furthest turn.
fn line(furthest: f64) -> Line {
    Line { max_running: 100, furthest: Usage { amount: furthest, at: NOW } }
}

fn board(lanes: Vec<Lane>, accounts: &[(&str, Account)]) -> Board {
    board_after(0.0, lanes, accounts)
}

/// With the part that was used at the furthest turn.
fn board_after(furthest: f64, lanes: Vec<Lane>, accounts: &[(&str, Account)]) -> Board {
    let tenants = accounts.iter().map(|(name, account)| (name.parse().unwrap(), *account)).collect();
    Board::new(NOW, lanes, tenants, BTreeMap::from([("default".parse().unwrap(), line(furthest))]))
}

fn free() -> Offer {
    offer("w", room(4, 4000))
}

#[test]
fn the_tenant_that_used_the_smallest_part_of_its_weight_goes_first() {
    let lanes = || vec![lane(1, "a", 1), lane(2, "b", 2)];
    let table = [
        ((100, 10.0), (100, 5.0), 1),
        ((100, 5.0), (100, 10.0), 0),
        ((400, 10.0), (100, 5.0), 0),
        ((100, 5.0), (100, 5.0), 0),
    ];
    for ((weight_a, a), (weight_b, b), first) in table {
        let board = board(lanes(), &[("a", account(weight_a, a)), ("b", account(weight_b, b))]);
        assert_eq!(board.choose(&free()), Choice::Take(first), "{a}/{weight_a} against {b}/{weight_b}");
    }
}

#[test]
fn what_runs_counts_as_used() {
    let busy = Lane { running: 1, leased_sum_ms: NOW.0 - 5000, ..lane(1, "a", 1) };
    let board = board(vec![busy, lane(2, "b", 2)], &[("a", account(100, 0.0)), ("b", account(100, 0.0))]);
    assert_eq!(board.choose(&free()), Choice::Take(1));
}

#[test]
fn many_leased_at_once_spread_over_the_tenants() {
    let accounts = [("a", account(200, 0.0)), ("b", account(100, 0.0))];
    let mut board = board(vec![lane(1, "a", 1), lane(2, "b", 2)], &accounts);
    let mut taken = [0; 2];
    for rank in 0..30 {
        let Choice::Take(place) = board.choose(&free()) else { panic!("nothing chosen") };
        taken[place] += 1;
        board.leased(place, Some(Head { rank: 10 + rank, waits: NOW }), &free());
    }
    assert_eq!(taken, [20, 10]);
}

/// Turns that are given one after the other while everything else stands still.
fn turns(board: &mut Board, count: i64) -> Vec<usize> {
    let turn = |rank| {
        let Choice::Take(place) = board.choose(&free()) else { panic!("nothing chosen") };
        board.leased(place, Some(Head { rank: 10 + rank, waits: NOW }), &free());
        place
    };
    (0..count).map(turn).collect()
}

#[test]
fn a_newcomer_begins_where_the_others_are_and_with_the_next_turn() {
    let lanes = |c: Lane| vec![lane(1, "a", 1), lane(2, "b", 2), c];
    let others = [("a", account(100, 8e9)), ("b", account(100, 8e9))];
    let all = |c: Account| [others.as_slice(), &[("c", c)]].concat();
    let fresh = || lanes(newcomer(lane(3, "c", 3)));
    let mut known = board_after(8e7, lanes(lane(3, "c", 3)), &all(account(100, 0.0)));
    assert_eq!(turns(&mut known, 4), [2; 4], "who waited all the time is owed what others got");
    let mut heavy = board_after(8e7, fresh(), &all(account(100, 9e9)));
    assert_eq!(turns(&mut heavy, 4), [0, 1, 0, 1], "who used much does not begin anew by a pause");
    let mut fresh = board_after(8e7, fresh(), &all(account(100, 0.0)));
    assert_eq!(turns(&mut fresh, 7), [2, 0, 1, 2, 0, 1, 2], "one turn at once, then one of three");
}

#[test]
fn a_newcomer_alone_begins_where_the_last_one_left_off() {
    let mut alone = board_after(8e7, vec![newcomer(lane(1, "a", 1))], &[("a", account(200, 400.0))]);
    let turned = alone.leased(0, None, &free()).expect("a turn");
    assert!((turned.handicap.expect("a handicap").amount - (8e7 - 2.0)).abs() < 1.0, "{turned:?}");
    assert!(turned.furthest.is_none() && !alone.lanes()[0].newcomer, "{turned:?}");
}

#[test]
fn where_one_begins_in_a_busy_queue_counts_in_no_other() {
    let quiet = |lane: Lane| Lane { queue: "quiet".parse().unwrap(), ..lane };
    let lanes = vec![
        lane(1, "a", 1),
        newcomer(lane(2, "b", 2)),
        quiet(lane(3, "c", 3)),
        quiet(newcomer(lane(4, "b", 4))),
    ];
    let accounts =
        [("a", 8e9), ("b", 0.0), ("c", 5e6)].map(|(name, used)| (name.parse().unwrap(), account(100, used)));
    let queues =
        [("default", line(8e7)), ("quiet", line(5e4))].map(|(name, line)| (name.parse().unwrap(), line));
    let mut board = Board::new(NOW, lanes, BTreeMap::from(accounts), BTreeMap::from(queues));
    let serves = |queue: &str| Offer { queues: BTreeSet::from([queue.parse().unwrap()]), ..free() };
    assert_eq!(board.choose(&serves("default")), Choice::Take(1));
    let turned = board.leased(1, None, &serves("default")).expect("a turn");
    assert!(turned.handicap.is_some_and(|handicap| handicap.amount > 7e7), "{turned:?}");
    // What runs counts everywhere, so the one that waits there has some turns first.
    let first = (0..5).find(|_| {
        let Choice::Take(place) = board.choose(&serves("quiet")) else { panic!("nothing chosen") };
        board.leased(place, Some(Head { rank: 9, waits: NOW }), &serves("quiet"));
        place == 3
    });
    assert!(first.is_some(), "b waits for what it never used");
}

#[test]
fn a_job_that_no_worker_can_run_does_not_keep_its_tenant_from_beginning_anew() {
    let label = BTreeSet::from(["none-has-it".parse().unwrap()]);
    let parked = Lane { needs: Needs { labels: label, ..needs(1000) }, ..lane(3, "b", 0) };
    let lanes = vec![lane(1, "a", 1), newcomer(lane(2, "b", 2)), parked];
    let mut board = board_after(8e7, lanes, &[("a", account(100, 8e9)), ("b", account(100, 0.0))]);
    assert_eq!(turns(&mut board, 4), [1, 0, 1, 0]);
}

#[test]
fn who_waits_elsewhere_or_at_its_cap_is_no_measure_for_newcomers() {
    let label = BTreeSet::from(["gpu".parse().unwrap()]);
    let elsewhere = Lane { needs: Needs { labels: label, ..needs(1000) }, ..lane(3, "c", 0) };
    let lanes = vec![lane(1, "a", 1), newcomer(lane(2, "b", 2)), elsewhere];
    let accounts = [("a", account(100, 8e9)), ("b", account(100, 0.0)), ("c", account(100, 0.0))];
    let mut board = board_after(8e7, lanes, &accounts);
    assert_eq!(turns(&mut board, 4), [1, 0, 1, 0]);

    let capped = Account { max_running: 1, ..account(100, 0.0) };
    let mut board = board_after(8e7, vec![lane(1, "a", 1)], &[("a", capped)]);
    let turned = board.leased(0, None, &free()).expect("a turn");
    assert!(turned.steps_back && board.lanes()[0].newcomer, "at its cap it waits for itself alone");
}

#[test]
fn a_step_of_priority_is_worth_a_minute() {
    let now = Timestamp(600_000);
    assert_eq!(rank(now, 1), rank(Timestamp(540_000), 0));
    assert!(rank(now, 0) < rank(now.plus_millis(1), 0));
    assert!(rank(now.plus_millis(59_999), 1) < rank(now, 0));
}

#[test]
fn nothing_is_given_beyond_a_cap_or_to_a_worker_that_lacks_something() {
    let label = |lane: Lane| Lane {
        needs: Needs { labels: BTreeSet::from(["gpu".parse().unwrap()]), ..needs(1000) },
        ..lane
    };
    let policy = |lane: Lane| Lane { needs: Needs { policy: "loose".into(), ..needs(1000) }, ..lane };
    let running = |lane: Lane| Lane { running: 100, leased_sum_ms: 100 * NOW.0, ..lane };
    let large = |lane: Lane| Lane { needs: needs(4001), ..lane };
    let empty = |lane: Lane| Lane { head: None, ..lane };
    for refused in [label, policy, running, large, empty] {
        let board = board(vec![refused(lane(1, "a", 1))], &[("a", account(100, 0.0))]);
        assert_eq!(board.choose(&free()), Choice::Nothing, "{:?}", board.lanes());
    }
    let board = board(vec![lane(1, "a", 1)], &[("a", account(100, 0.0))]);
    let elsewhere = Offer { queues: BTreeSet::from(["other".parse().unwrap()]), ..free() };
    assert_eq!(board.choose(&elsewhere), Choice::Nothing);
    assert_eq!(board.choose(&offer("w", room(0, 4000))), Choice::Nothing);
}

#[test]
fn a_large_job_is_overtaken_until_its_patience_ends_and_then_one_worker_waits_for_it() {
    let large = |waits| Lane { needs: needs(4000), head: Some(Head { rank: 1, waits }), ..lane(1, "a", 1) };
    let accounts = [("a", account(100, 0.0)), ("b", account(100, 0.0))];
    let half = offer("w", room(3, 2000));
    let fresh = board(vec![large(NOW), lane(2, "b", 2)], &accounts);
    assert_eq!(fresh.choose(&half), Choice::Take(1));

    let old = Timestamp(NOW.0 - PATIENCE_MS);
    let patient = board(vec![large(old), lane(2, "b", 2)], &accounts);
    assert_eq!(patient.choose(&half), Choice::Hold(0));
    assert_eq!(patient.choose(&free()), Choice::Take(0));

    let held = |who: &str, until| Lane { held: Some((who.parse().unwrap(), until)), ..large(old) };
    let other = board(vec![held("v", NOW.plus_millis(1)), lane(2, "b", 2)], &accounts);
    assert_eq!(other.choose(&half), Choice::Take(1), "another worker keeps room for it");
    for lane_held in [held("w", NOW.plus_millis(1)), held("v", NOW)] {
        assert_eq!(board(vec![lane_held, lane(2, "b", 2)], &accounts).choose(&half), Choice::Hold(0));
    }
}

#[test]
fn half_of_what_was_used_is_forgotten_in_ten_minutes() {
    let usage = Usage { amount: 8.0, at: NOW };
    assert!((usage.decayed(NOW.plus_millis(1_200_000)) - 2.0).abs() < 1e-9);
    assert!((usage.decayed(Timestamp(0)) - 8.0).abs() < 1e-9, "a clock that was set back");
    let after = usage.after(1000, Timestamp(NOW.0 - 3000), NOW);
    assert!((after.amount - 3_000_008.0).abs() < 1e-6);
}

#[test]
fn who_is_before_a_job_is_told_as_turns_are_given() {
    let lanes = vec![lane(1, "a", 1), newcomer(lane(2, "b", 2)), newcomer(lane(3, "c", 3))];
    let accounts = [("a", account(100, 8e9)), ("b", account(100, 0.0)), ("c", account(100, 9e9))];
    let mut board = board_after(8e7, lanes, &accounts);
    let ahead = |lane| match board.why(lane, lane, 0, &[free()]) {
        Some(Waiting::Turn { ahead }) => ahead,
        other => panic!("{other:?}"),
    };
    assert_eq!([1, 2, 3].map(ahead), [1, 0, 2]);
    for place in [1, 0] {
        assert_eq!(board.choose(&free()), Choice::Take(place));
        board.leased(place, None, &free());
    }
    assert_eq!(board.choose(&free()), Choice::Take(2));
}

#[test]
fn waiting_is_explained() {
    let board = |running| {
        let lanes = vec![Lane { running, ..lane(1, "a", 5) }, lane(2, "b", 2), lane(3, "a", 1)];
        board(lanes, &[("a", account(100, 9e9)), ("b", account(100, 0.0))])
    };
    let why = |running, workers: &[Offer]| board(running).why(1, 7, 3, workers).unwrap();
    assert_eq!(why(0, &[]), Waiting::NoWorkers);
    let small = Offer { whole: room(4, 500), ..free() };
    let missing = vec!["processors (thousandths): 1000 asked for, 500 there".to_owned()];
    let nothing = Offer { policies: BTreeSet::new(), ..small.clone() };
    assert_eq!(why(0, &[nothing, small]), Waiting::NoFit { missing });
    assert_eq!(why(100, &[free()]), Waiting::Cap { of: "tenant a".into(), most: 100 });
    assert_eq!(why(0, &[free()]), Waiting::Turn { ahead: 5 });
}

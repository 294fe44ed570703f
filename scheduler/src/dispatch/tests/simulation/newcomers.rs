//! What everybody gets while others come and go.

use super::*;

const MINUTE: u64 = 60_000;
/// The length of one step of a history.
const STEP: u64 = 10_000;
/// What the longest and largest job takes, in thousandths of a processor times milliseconds.
const LARGEST: u64 = 4000 * 31_000;

/// What happened in each step, by tenant.
struct History {
    steps: usize,
    /// What was used.
    used: Vec<Vec<u64>>,
    /// Whether something waited all the time.
    waited: Vec<Vec<bool>>,
    /// In each step, what one hundred of weight should have had: its share of what all had.
    hundred: Vec<u64>,
}

impl History {
    fn of(world: &World, until: u64) -> Self {
        let (steps, tenants) = (usize::try_from(until / STEP).unwrap(), world.accounts.len());
        let mut history = Self {
            steps,
            used: vec![vec![0; steps]; tenants],
            waited: vec![vec![false; steps]; tenants],
            hundred: Vec::new(),
        };
        for job in &world.jobs {
            let tenant = job.lane / SIZES.len();
            let cpus = u64::from(SIZES[job.lane % SIZES.len()]);
            let started = job.started.map_or(until, |started| started.0);
            for step in 0..steps {
                let (from, to) =
                    (u64::try_from(step).unwrap() * STEP, u64::try_from(step + 1).unwrap() * STEP);
                history.waited[tenant][step] |= job.submitted.0 <= from && started >= to;
                history.used[tenant][step] +=
                    cpus * (started + job.took_ms).min(to).saturating_sub(started.max(from));
            }
        }
        history.hundred = (0..steps).map(|step| history.share(step)).collect();
        history
    }

    fn share(&self, step: usize) -> u64 {
        let active = |tenant: &usize| self.waited[*tenant][step] || self.used[*tenant][step] > 0;
        let weights: u64 = (0..self.used.len()).filter(active).map(|tenant| u64::from(weight(tenant))).sum();
        let all: u64 = self.used.iter().map(|steps| steps[step]).sum();
        all * 100 / weights.max(1)
    }

    /// What a tenant should have had, and what it had.
    fn due_and_used(&self, tenant: usize, steps: std::ops::Range<usize>) -> (u64, u64) {
        let due: u64 = self.hundred[steps.clone()].iter().sum();
        (due * u64::from(weight(tenant)) / 100, self.used[tenant][steps].iter().sum())
    }

    /// What a tenant had of what it should have had, in percent, in so many steps.
    fn percent(&self, tenant: usize, steps: std::ops::Range<usize>) -> u64 {
        let (due, used) = self.due_and_used(tenant, steps);
        100 * used / due
    }
}

/// So many jobs of a tenant at once, more than can be done.
fn plenty(random: &mut Random, tenant: usize, minute: u64, count: usize) -> Vec<Job> {
    let any = |n| Job { rank: n, ..job(random, tenant, minute * MINUTE) };
    (0..).take(count).map(any).collect()
}

#[test]
fn one_that_comes_late_gets_its_share_within_a_minute_and_no_more() {
    for seed in 10..13 {
        let mut random = Random(seed);
        let mut jobs = plenty(&mut random, 1, 0, 1500);
        jobs.extend(plenty(&mut random, 4, 0, 1500));
        jobs.extend(plenty(&mut random, 7, 30, 1500));
        let mut world = World::new(jobs, 100);
        world.run(Timestamp(45 * MINUTE));
        let history = History::of(&world, 45 * MINUTE);
        for minute in (31..42).step_by(4) {
            for tenant in [1, 4, 7] {
                let percent = history.percent(tenant, minute * 6..(minute + 4) * 6);
                assert!(
                    (60..=140).contains(&percent),
                    "seed {seed}, minute {minute}: {tenant} had {percent} %"
                );
            }
        }
    }
}

#[test]
fn one_that_used_much_and_comes_back_does_not_wait_for_the_others() {
    for seed in 20..23 {
        let mut random = Random(seed);
        let mut jobs = plenty(&mut random, 1, 0, 200);
        jobs.extend(plenty(&mut random, 4, 30, 1500));
        jobs.extend(plenty(&mut random, 1, 32, 1500));
        let mut world = World::new(jobs, 100);
        world.run(Timestamp(45 * MINUTE));
        let history = History::of(&world, 45 * MINUTE);
        assert!(!history.waited[1][30 * 6], "seed {seed}: the first was to be done by then");
        for minute in (33..42).step_by(4) {
            let percent = history.percent(1, minute * 6..(minute + 4) * 6);
            assert!((60..=140).contains(&percent), "seed {seed}, minute {minute}: {percent} %");
        }
    }
}

#[test]
fn nobody_loses_more_than_a_share_for_long_while_hundreds_come_and_go() {
    const STEPS: usize = 30;
    for seed in 30..32 {
        let mut random = Random(seed);
        let mut jobs = Vec::new();
        for _ in 0..260 {
            let tenant = usize::try_from(random.below(300)).unwrap();
            let (minute, count) = (random.below(120), usize::try_from(10 + random.below(40)).unwrap());
            jobs.extend(plenty(&mut random, tenant, minute, count));
        }
        let mut world = World::new(jobs, 100);
        world.run(Timestamp(240 * MINUTE));
        let history = History::of(&world, 240 * MINUTE);
        let mut looked_at = 0;
        for tenant in 0..history.used.len() {
            for step in 0..history.steps - STEPS {
                let steps = step..step + STEPS;
                if !history.waited[tenant][steps.clone()].iter().all(|waited| *waited) {
                    continue;
                }
                looked_at += 1;
                let (due, used) = history.due_and_used(tenant, steps);
                assert!(
                    used + LARGEST >= due * 6 / 10,
                    "seed {seed}: {tenant} had {used} of {due} from step {step}"
                );
            }
        }
        assert!(looked_at > 3000, "seed {seed}: hardly anybody waited: {looked_at}");
    }
}

#[test]
fn what_runs_counts_at_once_so_that_a_newcomer_does_not_take_all_that_long_jobs_leave() {
    let long = |tenant: usize, submitted: u64, n: u64| Job {
        lane: tenant * SIZES.len() + 1,
        rank: i64::try_from(n).unwrap(),
        submitted: Timestamp(submitted),
        took_ms: QUEUE_CAP * 6000,
        started: None,
    };
    // The first begins a job every six seconds, so that later one ends every six seconds.
    let mut jobs: Vec<Job> = (0..200).map(|n| long(1, n.min(QUEUE_CAP) * 6000, n)).collect();
    jobs.extend((0..200).map(|n| long(4, 5 * MINUTE, n)));
    let mut world = World::new(jobs, 100);
    world.run(Timestamp(12 * MINUTE));
    let begun =
        world.jobs.iter().filter_map(|job| Some((job.lane / SIZES.len(), job.started?.0, job.took_ms)));
    let begun: Vec<_> = begun.collect();
    let runs = |tenant, at| {
        begun
            .iter()
            .filter(|(whose, from, took)| *whose == tenant && (*from..from + took).contains(&at))
            .count()
    };
    for at in (7 * MINUTE..12 * MINUTE).step_by(1000) {
        let (first, late) = (runs(1, at), runs(4, at));
        assert!(first >= 4 && late >= 4, "{first} and {late} at {at}");
    }
}

#[test]
fn a_tenant_with_a_job_that_can_never_run_takes_no_more_after_a_pause_than_others() {
    for seed in 40..43 {
        let mut random = Random(seed);
        let runs = |jobs: Vec<Job>| jobs.into_iter().filter(|job| job.lane % SIZES.len() != 3);
        let mut jobs: Vec<Job> = runs(plenty(&mut random, 1, 0, 4000)).collect();
        jobs.extend(runs(plenty(&mut random, 4, 0, 4000)));
        jobs.push(Job { lane: 7 * SIZES.len() + 3, ..job(&mut random, 7, 0) });
        jobs.push(Job { lane: 7 * SIZES.len(), ..job(&mut random, 7, 1) });
        jobs.extend(runs(plenty(&mut random, 7, 30, 3000)));
        let mut world = World::new(jobs, 100);
        world.lanes[7 * SIZES.len() + 3].needs.policy = "no-worker-has-it".into();
        world.run(Timestamp(40 * MINUTE));
        let history = History::of(&world, 40 * MINUTE);
        for tenant in [1, 4, 7] {
            let percent = history.percent(tenant, 31 * 6..36 * 6);
            assert!((60..=140).contains(&percent), "seed {seed}: {tenant} had {percent} %");
        }
    }
}

#[test]
fn one_that_comes_from_a_busy_queue_soon_has_its_turn_in_a_quiet_one() {
    let quiet = |lane: usize| lane.is_multiple_of(SIZES.len());
    for seed in 50..53 {
        let mut random = Random(seed);
        let in_queue =
            |jobs: Vec<Job>, wanted: bool| jobs.into_iter().filter(move |job| quiet(job.lane) == wanted);
        let mut jobs: Vec<Job> = in_queue(plenty(&mut random, 1, 0, 4000), false).collect();
        // Half a processor is enough for all that waits in the quiet queue, in the long run.
        jobs.extend(in_queue(plenty(&mut random, 4, 25, 1000), true));
        // A little work among those who used much, and a minute later some elsewhere.
        jobs.extend(in_queue(plenty(&mut random, 7, 30, 4), false));
        let late = plenty(&mut random, 7, 32, 8).into_iter().map(|job| Job { lane: 7 * SIZES.len(), ..job });
        let from = jobs.len();
        jobs.extend(late);
        let mut world = World::new(jobs, 100);
        for lane in (0..world.lanes.len()).filter(|lane| quiet(*lane)) {
            world.lanes[lane].queue = "quiet".parse().unwrap();
        }
        for (place, worker) in world.workers.iter_mut().enumerate() {
            let queue = if place == 0 { "quiet" } else { "default" };
            worker.queues = BTreeSet::from([queue.parse().unwrap()]);
            if place == 0 {
                (worker.free, worker.whole) = (room(1, 500), room(1, 500));
            }
        }
        world.run(Timestamp(60 * MINUTE));
        let first = world.jobs[from..].iter().filter_map(|job| job.started).min().expect("one has started");
        let waited = first.millis_since(Timestamp(32 * MINUTE));
        assert!(waited < 5 * MINUTE, "seed {seed}: it waited {waited} ms");
    }
}

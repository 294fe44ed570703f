//! The figures and what they are held against. Pure: samples in, rows and verdicts out.

use std::time::Duration;

use serde::Serialize;

use super::effects::Effects;
use super::machine::Machine;
use super::starts::Starts;
use super::stats::Samples;

/// Everything that a run of the bench has to say.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// Where it ran.
    pub(crate) machine: Machine,
    /// What was measured.
    pub(crate) rows: Vec<Row>,
    /// What was promised about it.
    pub(crate) bars: Vec<Bar>,
}

/// One contender.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    /// Its name.
    pub(crate) what: &'static str,
    /// How many times it was measured.
    pub(crate) rounds: usize,
    /// Half the times are at or below it, in microseconds, as all times here.
    pub(crate) median_us: Option<f64>,
    /// 99 of 100 are at or below it.
    pub(crate) p99_us: Option<f64>,
    /// The longest.
    pub(crate) max_us: Option<f64>,
    /// How many times the floor's time, where that means something.
    pub(crate) to_floor: Option<f64>,
    /// How many times that of a bare fork and exec.
    pub(crate) to_fork_exec: Option<f64>,
}

/// A promise and what came of it.
#[derive(Debug, Serialize)]
pub(crate) struct Bar {
    /// About what.
    pub(crate) what: &'static str,
    /// The largest value that keeps it.
    pub(crate) most: f64,
    /// What was measured.
    pub(crate) found: Option<f64>,
    /// Of both.
    pub(crate) unit: Unit,
    /// Whether it was kept.
    pub(crate) verdict: Verdict,
}

/// What a bar counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Unit {
    /// So many times.
    Ratio,
    /// Milliseconds.
    Milliseconds,
}

/// What came of a promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verdict {
    /// It was kept.
    Pass,
    /// It was not.
    Miss,
    /// What it compares with is not installed, so nobody knows.
    NotMeasured,
}

impl Report {
    /// Of what was measured.
    pub(crate) fn new(machine: Machine, starts: &Starts, effects: &Effects) -> Self {
        Self { machine, rows: rows(starts, effects), bars: bars(starts, effects) }
    }
}

fn rows(starts: &Starts, effects: &Effects) -> Vec<Row> {
    let compared = |what, samples: &Samples| Row {
        to_floor: samples.ratio_to(&starts.floor),
        to_fork_exec: samples.ratio_to(&starts.fork_exec),
        ..Row::of(what, samples)
    };
    let [setup, run, teardown] = &starts.phases;
    let mut rows = vec![
        compared("floor: namespaces and cgroup", &starts.floor),
        compared("fork and exec", &starts.fork_exec),
        compared("posix_spawn", &starts.spawn),
        compared("jail, cold", &starts.cold),
        Row::of("- until the program runs", setup),
        Row::of("- the program", run),
        Row::of("- until nothing is left", teardown),
        compared("jail, warm", &starts.warm),
        compared("dayfly run", &starts.whole),
    ];
    rows.extend(starts.bwrap.as_ref().map(|samples| compared("bwrap", samples)));
    rows.extend(starts.nsjail.as_ref().map(|samples| compared("nsjail", samples)));
    rows.extend([
        Row::of("CPU time of fixed work, outside", &effects.outside),
        Row::of("CPU time of fixed work, in a jail", &effects.inside),
        Row::of("overrun past 60 ms of CPU time", &effects.cpu_overrun),
        Row::of("overrun past 60 ms of wall time", &effects.wall_overrun),
    ]);
    rows
}

fn bars(starts: &Starts, effects: &Effects) -> Vec<Bar> {
    let cold_to = |peer: &Option<Samples>| starts.cold.ratio_to(peer.as_ref()?);
    let whole_to_bwrap = starts.bwrap.as_ref().and_then(|bwrap| starts.whole.ratio_to(bwrap));
    vec![
        Bar::ratio("jail, cold, to the floor", 2.0, starts.cold.ratio_to(&starts.floor)),
        Bar::ratio("jail, cold, to bwrap", 1.0, cold_to(&starts.bwrap)),
        Bar::ratio("jail, cold, to nsjail", 1.0, cold_to(&starts.nsjail)),
        Bar::ratio("jail, warm, to fork and exec", 1.5, starts.warm.ratio_to(&starts.fork_exec)),
        Bar::ratio("dayfly run to bwrap", 1.0, whole_to_bwrap),
        Bar::ratio("CPU time in a jail to outside", 1.01, effects.inside.ratio_to(&effects.outside)),
        Bar::time("overrun of CPU time, p99", 5, effects.cpu_overrun.percentile(99)),
        Bar::time("overrun of wall time, p99", 5, effects.wall_overrun.percentile(99)),
    ]
}

impl Row {
    fn of(what: &'static str, samples: &Samples) -> Self {
        Self {
            what,
            rounds: samples.len(),
            median_us: samples.median().map(micros),
            p99_us: samples.percentile(99).map(micros),
            max_us: samples.max().map(micros),
            to_floor: None,
            to_fork_exec: None,
        }
    }
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

impl Bar {
    fn ratio(what: &'static str, most: f64, found: Option<f64>) -> Self {
        Self { what, most, found, unit: Unit::Ratio, verdict: verdict(most, found) }
    }

    fn time(what: &'static str, most_millis: u32, found: Option<Duration>) -> Self {
        let (most, found) = (f64::from(most_millis), found.map(|time| time.as_secs_f64() * 1e3));
        Self { what, most, found, unit: Unit::Milliseconds, verdict: verdict(most, found) }
    }
}

fn verdict(most: f64, found: Option<f64>) -> Verdict {
    match found {
        Some(found) if found <= most => Verdict::Pass,
        Some(_) => Verdict::Miss,
        None => Verdict::NotMeasured,
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    fn samples(millis: u64) -> Samples {
        [Duration::from_millis(millis); 3].into_iter().collect()
    }

    /// A run in which bwrap was there and nsjail was not.
    pub(in super::super) fn report(cold: u64) -> Report {
        let starts = Starts {
            floor: samples(2),
            fork_exec: samples(1),
            spawn: samples(1),
            cold: samples(cold),
            phases: [samples(1), samples(1), samples(1)],
            warm: samples(1),
            whole: samples(8),
            bwrap: Some(samples(5)),
            nsjail: None,
        };
        let effects = Effects {
            inside: samples(101),
            outside: samples(100),
            cpu_overrun: samples(5),
            wall_overrun: samples(6),
        };
        let machine = Machine {
            processor: "Test".into(),
            processors: 2,
            kernel: "6.18".into(),
            tick_us: Some(4000),
            load: "0.10".into(),
            enforced_by: "cgroup2".into(),
        };
        Report::new(machine, &starts, &effects)
    }

    fn verdicts(report: &Report) -> Vec<Verdict> {
        report.bars.iter().map(|bar| bar.verdict).collect()
    }

    #[test]
    fn a_bar_is_kept_at_its_value_and_missed_above_and_never_passes_unmeasured() {
        use Verdict::{Miss, NotMeasured, Pass};
        assert_eq!(verdicts(&report(4)), [Pass, Pass, NotMeasured, Pass, Miss, Pass, Pass, Miss]);
        assert_eq!(verdicts(&report(6)), [Miss, Miss, NotMeasured, Pass, Miss, Pass, Pass, Miss]);
    }

    #[test]
    fn rows_of_peers_that_are_not_there_are_left_out() {
        let rows: Vec<_> = report(4).rows.iter().map(|row| row.what).collect();
        assert!(rows.contains(&"bwrap") && !rows.contains(&"nsjail"));
    }
}

//! Starting `true` in every way there is: bare, in our jail, in other people's.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use dayfly_jobs::{Outcome, Termination};
use dayfly_sandbox::floor::Floor;
use dayfly_sandbox::{Cancel, Command, Jail, Pool};

use super::peers::Peers;
use super::program::Program;
use super::rounds::{Contender, Effort, WARM_UP, measure};
use super::stats::Samples;
use crate::error::CliError;

/// What everybody starts. The same path inside and outside.
pub(crate) const PROGRAM: &str = "/usr/bin/true";

/// Times of every way to start it.
#[derive(Debug)]
pub(crate) struct Starts {
    /// Namespaces and a control group, nothing else.
    pub(crate) floor: Samples,
    /// Nothing at all around it.
    pub(crate) fork_exec: Samples,
    /// The same as the standard library does it, which shares memory until the exec.
    pub(crate) spawn: Samples,
    /// A jail made for it and removed.
    pub(crate) cold: Samples,
    /// Parts of `cold`: until the program runs, until it has ended, until nothing is left and we know.
    pub(crate) phases: [Samples; 3],
    /// A jail from the pool.
    pub(crate) warm: Samples,
    /// The whole of `dayfly run`.
    pub(crate) whole: Samples,
    /// The whole of `bwrap`, where it is installed.
    pub(crate) bwrap: Option<Samples>,
    /// The whole of `nsjail`, where it is installed.
    pub(crate) nsjail: Option<Samples>,
}

/// Measures all of them side by side.
pub(crate) fn run(
    jail: &Jail,
    command: &Command,
    own: &Path,
    peers: &Peers,
    effort: Effort,
) -> Result<Starts, CliError> {
    let floor = Floor::new(Path::new(PROGRAM), command.limits().clone())?;
    let mut confined = || timed(|| Ok(floor.confined()?));
    let mut fork_exec = || timed(|| Ok(floor.fork_exec()?));
    let mut spawn = Program::new(PROGRAM);
    let mut cold = Cold { jail, command, phases: Vec::new() };
    let mut warm = Warm { pool: Pool::new(jail.clone(), 1)?, command };
    let mut whole = Program::new(own).args(["run", "--", PROGRAM]);
    let (mut bwrap, mut nsjail) = (peers.bwrap(PROGRAM), peers.nsjail(PROGRAM));
    let mut all: Vec<&mut dyn Contender> =
        vec![&mut confined, &mut fork_exec, &mut spawn, &mut cold, &mut warm, &mut whole];
    all.extend(bwrap.iter_mut().chain(&mut nsjail).map(|peer| peer as &mut dyn Contender));
    let mut samples = measure(&mut all, effort)?.into_iter();
    let mut next = || samples.next().unwrap_or_default();
    Ok(Starts {
        floor: next(),
        fork_exec: next(),
        spawn: next(),
        cold: next(),
        phases: cold.phases(),
        warm: next(),
        whole: next(),
        bwrap: bwrap.is_some().then(&mut next),
        nsjail: nsjail.is_some().then(&mut next),
    })
}

fn timed(act: impl FnOnce() -> Result<(), CliError>) -> Result<Duration, CliError> {
    let start = Instant::now();
    act()?;
    Ok(start.elapsed())
}

/// That the program ran and succeeded; anything else would not be what is measured.
pub(crate) fn succeeded(outcome: &Outcome) -> Result<(), CliError> {
    match outcome.termination {
        Termination::Exited { code: 0 } => Ok(()),
        _ => Err(CliError::bench(
            format!("the program to measure did not succeed in the jail: {:?}", outcome.termination),
            "run it by hand: dayfly run -v -- /usr/bin/true",
        )),
    }
}

struct Cold<'a> {
    jail: &'a Jail,
    command: &'a Command,
    /// For each round.
    phases: Vec<[Duration; 3]>,
}

impl Contender for Cold<'_> {
    fn once(&mut self) -> Result<Duration, CliError> {
        let start = Instant::now();
        let outcome = self.jail.run(self.command, &Cancel::never())?;
        let time = start.elapsed();
        succeeded(&outcome)?;
        let (setup, run) = (outcome.timings.setup.as_duration(), outcome.timings.run.as_duration());
        self.phases.push([setup, run, time.saturating_sub(setup + run)]);
        Ok(time)
    }
}

impl Cold<'_> {
    /// Those of the rounds that count.
    fn phases(&self) -> [Samples; 3] {
        let counted = || self.phases.iter().skip(WARM_UP);
        [
            counted().map(|[setup, ..]| *setup).collect(),
            counted().map(|[_, run, _]| *run).collect(),
            counted().map(|[.., rest]| *rest).collect(),
        ]
    }
}

struct Warm<'a> {
    pool: Pool,
    command: &'a Command,
}

/// How long a pool may take to make one jail.
const PATIENCE: Duration = Duration::from_secs(10);

impl Contender for Warm<'_> {
    /// From the wish for a jail to the end of the program. The used jail is removed and the next one made
    /// before anything else is measured.
    fn once(&mut self) -> Result<Duration, CliError> {
        let start = Instant::now();
        let mut sandbox = self.pool.take()?;
        let outcome = sandbox.exec(self.command, &Cancel::never())?;
        let time = start.elapsed();
        sandbox.destroy()?;
        succeeded(&outcome)?;
        self.refilled()?;
        Ok(time)
    }
}

impl Warm<'_> {
    fn refilled(&self) -> Result<(), CliError> {
        let start = Instant::now();
        while self.pool.ready() == 0 {
            if start.elapsed() > PATIENCE {
                return Err(CliError::bench(
                    format!("the pool made no jail in {} s", PATIENCE.as_secs()),
                    "run again on a machine with less to do, or look for the cause with -vv",
                ));
            }
            thread::sleep(Duration::from_micros(200));
        }
        Ok(())
    }
}

//! What a jail does to a program that computes: nothing while it is within its limits, a quick end after.

use std::path::Path;
use std::time::Duration;

use dayfly_jobs::{Bytes, CpuTime, Limit, Limits, Outcome, Termination, WallTime};
use dayfly_policies::Policy;
use dayfly_sandbox::{Access, Bind, Cancel, Command, Jail, Stdio};

use super::program::Program;
use super::rounds::{Effort, measure};
use super::spin::{ENDLESS, TENTH};
use super::starts::succeeded;
use super::stats::Samples;
use crate::error::CliError;

/// Where our own program is inside the jail.
const INSIDE: &str = "/dayfly";
/// The limits that are overrun.
const LIMIT_MILLIS: u64 = 60;

/// What was measured.
#[derive(Debug)]
pub(crate) struct Effects {
    /// Processor time of a fixed amount of work in a jail.
    pub(crate) inside: Samples,
    /// Of the same work without one.
    pub(crate) outside: Samples,
    /// How far past its limit the processor time of a killed command went.
    pub(crate) cpu_overrun: Samples,
    /// How far past its limit on wall time a killed command lived.
    pub(crate) wall_overrun: Samples,
}

/// Our own program, as the jail runs it.
#[derive(Debug)]
pub(crate) struct Spinner<'a> {
    jail: Jail,
    limits: &'a Limits,
    own: &'a Path,
}

impl<'a> Spinner<'a> {
    /// In a jail that shows `own` as well.
    pub(crate) fn new(
        policy: &std::sync::Arc<Policy>,
        limits: &'a Limits,
        own: &'a Path,
    ) -> Result<Self, CliError> {
        let bind = Bind { source: own.to_owned(), target: INSIDE.into(), access: Access::ReadOnly };
        let jail = Jail::builder(policy.clone()).bind(bind).build()?;
        Ok(Self { jail, limits, own })
    }

    /// Measures work within the limits, then beyond them.
    pub(crate) fn run(&self, effort: Effort) -> Result<Effects, CliError> {
        let mut inside = || self.inside();
        let mut outside = || self.outside();
        let [inside, outside] = pair(measure(&mut [&mut inside, &mut outside], effort)?);
        let mut cpu = || self.over_cpu();
        let mut wall = || self.over_wall();
        let [cpu_overrun, wall_overrun] = pair(measure(&mut [&mut cpu, &mut wall], effort)?);
        Ok(Effects { inside, outside, cpu_overrun, wall_overrun })
    }

    fn exec(&self, blocks: u64, limits: Limits) -> Result<Outcome, CliError> {
        let command = Command::new(INSIDE, limits)
            .args(["bench", "spin", &blocks.to_string()])
            .stdout(Stdio::capture(Bytes::kib(1)));
        Ok(self.jail.run(&command, &Cancel::never())?)
    }

    fn inside(&self) -> Result<Duration, CliError> {
        let outcome = self.exec(TENTH, self.limits.clone())?;
        succeeded(&outcome)?;
        spun(&String::from_utf8_lossy(&outcome.output.stdout))
    }

    fn outside(&self) -> Result<Duration, CliError> {
        spun(&Program::new(self.own).args(["bench", "spin", &TENTH.to_string()]).output()?)
    }

    fn over_cpu(&self) -> Result<Duration, CliError> {
        let limits = Limits { cpu_time: CpuTime::millis(LIMIT_MILLIS), ..self.limits.clone() };
        let outcome = self.exec(ENDLESS, limits)?;
        overrun(&outcome, Limit::CpuTime, outcome.usage.cpu_time.as_duration())
    }

    fn over_wall(&self) -> Result<Duration, CliError> {
        let limits = Limits { wall_time: WallTime::millis(LIMIT_MILLIS), ..self.limits.clone() };
        let outcome = self.exec(ENDLESS, limits)?;
        overrun(&outcome, Limit::WallTime, outcome.usage.wall_time.as_duration())
    }
}

fn pair(samples: Vec<Samples>) -> [Samples; 2] {
    let mut samples = samples.into_iter();
    [samples.next().unwrap_or_default(), samples.next().unwrap_or_default()]
}

/// The nanoseconds that `dayfly bench spin` printed.
fn spun(text: &str) -> Result<Duration, CliError> {
    text.trim().parse().map(Duration::from_nanos).map_err(|_| {
        CliError::bench(
            format!("'bench spin' printed {text:?} instead of nanoseconds"),
            "use one build of dayfly",
        )
    })
}

/// How far `used` is past the limit. A command that ended otherwise, or early, was not stopped by the limit.
fn overrun(outcome: &Outcome, limit: Limit, used: Duration) -> Result<Duration, CliError> {
    let past = used.checked_sub(Duration::from_millis(LIMIT_MILLIS));
    match (&outcome.termination, past) {
        (Termination::LimitExceeded { limit: hit }, Some(past)) if *hit == limit => Ok(past),
        (ended, _) => Err(CliError::bench(
            format!("a program without end ran {used:?} under a {limit} of {LIMIT_MILLIS} ms: {ended:?}"),
            "this is a fault of dayfly; please report it",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spun_time_is_nanoseconds() {
        assert_eq!(spun("1500\n").unwrap(), Duration::from_nanos(1500));
        assert!(spun("").is_err() && spun("1.5").is_err());
    }
}

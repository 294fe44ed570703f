//! One visit to the proving ground: boot, run every case in one machine, report.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::error::Error;
use crate::ground::case::{Case, LANES, Verdict};
use crate::ground::doctor;
use crate::ground::image::Image;
use crate::ground::junit;
use crate::ground::machine::Machine;
use crate::ground::report::{Finished, tally};
use crate::out;
use crate::runner::Tally;

/// Runs the cases; an error only when results cannot be had or written at all.
pub(crate) fn run(image: &Image, folder: &Path, cases: Vec<Case>) -> Result<Tally, Error> {
    let start = Instant::now();
    let machine = Machine::boot(image, folder)?;
    out::plain(&format!("booted in {:.1} s", machine.boot_time.as_secs_f64()));
    let total = cases.len();
    let mut visit = Visit { machine, running: BTreeMap::new(), finished: Vec::new() };
    let trouble = match visit.all(cases) {
        Ok(()) => visit.machine.power_off().err().map(|problem| problem.to_string()),
        Err(problem) => {
            visit.lose_the_rest(&problem);
            Some(format!("the machine was lost; {} case(s) did not run", total - visit.finished.len()))
        }
    };
    let junit = folder.join("junit.xml");
    std::fs::write(&junit, junit::document(&visit.finished)).map_err(|source| Error::file(&junit, source))?;
    out::plain(&format!("\nresults: {}", junit.display()));
    let mut tally = tally(&visit.finished, start.elapsed());
    tally.broken.extend(trouble);
    Ok(tally)
}

struct Visit {
    machine: Machine,
    /// By the number of the request.
    running: BTreeMap<usize, Running>,
    finished: Vec<Finished>,
}

struct Running {
    case: Case,
    /// The kept session it is in, or would be in.
    lane: usize,
    started: Instant,
    deadline: Instant,
}

impl Visit {
    /// Runs the cases in their order, side by side where they may; an error when the machine is lost.
    fn all(&mut self, cases: Vec<Case>) -> Result<(), Error> {
        for (number, case) in cases.into_iter().enumerate() {
            while !case.may_join(&self.running.values().map(|running| &running.case).collect::<Vec<_>>()) {
                self.finish_one()?;
            }
            let lane = self.free_lane();
            let (started, deadline) = (Instant::now(), self.machine.deadline(&case.request));
            self.machine.start_running(number, &case.request, case.in_lane.then_some(lane))?;
            self.running.insert(number, Running { case, lane, started, deadline });
        }
        while !self.running.is_empty() {
            self.finish_one()?;
        }
        Ok(())
    }

    fn free_lane(&self) -> usize {
        let is_free = |lane: &usize| self.running.values().all(|running| running.lane != *lane);
        (0..LANES).find(is_free).unwrap_or(0)
    }

    fn finish_one(&mut self) -> Result<(), Error> {
        let labels: Vec<String> = self.running.values().map(|running| running.case.label()).collect();
        let deadline =
            self.running.values().map(|running| running.deadline).min().unwrap_or_else(Instant::now);
        let answer = self.machine.next_answer(deadline, &labels.join("` and `"))?;
        let Some(Running { case, .. }) = self.running.remove(&answer.number) else {
            return Err(Error::answer(
                "the proving ground",
                format!("an answer to request {}", answer.number),
            ));
        };
        let verdict = case.judge(&answer);
        self.keep(Finished { case, verdict, took: answer.took, output: answer.output });
        Ok(())
    }

    /// What was running when the machine was lost has failed.
    fn lose_the_rest(&mut self, problem: &Error) {
        for Running { case, started, .. } in std::mem::take(&mut self.running).into_values() {
            let verdict = Verdict::Failed("the machine was lost".into());
            self.keep(Finished { case, verdict, took: started.elapsed(), output: problem.to_string() });
        }
    }

    fn keep(&mut self, finished: Finished) {
        finished.show();
        self.finished.push(finished);
    }
}

/// Runs the doctor as each user and keeps what it says as the snapshots.
pub(crate) fn bless(image: &Image, folder: &Path, cases: &[(Case, PathBuf)]) -> Result<(), Error> {
    let mut machine = Machine::boot(image, folder)?;
    for (case, snapshot) in cases {
        let answer = machine.run(&case.request)?;
        let text = doctor::comparable(&answer.output);
        std::fs::write(snapshot, text).map_err(|source| Error::file(snapshot, source))?;
        out::plain(&format!("wrote {}", snapshot.display()));
    }
    machine.power_off()
}

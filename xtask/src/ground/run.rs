//! One visit to the proving ground: boot, run every case in one machine, report.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::error::Error;
use crate::ground::case::{Case, Expected, Verdict};
use crate::ground::doctor;
use crate::ground::image::Image;
use crate::ground::junit;
use crate::ground::machine::Machine;
use crate::ground::protocol::Answer;
use crate::ground::report::{Finished, tally};
use crate::out;
use crate::runner::Tally;

/// Runs the cases; an error only when results cannot be had or written at all.
pub(crate) fn run(image: &Image, folder: &Path, cases: Vec<Case>) -> Result<Tally, Error> {
    let start = Instant::now();
    let mut machine = Machine::boot(image, folder)?;
    out::plain(&format!("booted in {:.1} s", machine.boot_time.as_secs_f64()));
    let mut results = Vec::new();
    let mut trouble = None;
    let total = cases.len();
    for case in cases {
        let started = Instant::now();
        let answer = machine.run(&case.request);
        let is_over = answer.is_err();
        results.push(shown(case, answer, started.elapsed()));
        if is_over {
            trouble = Some(format!("the machine was lost; {} case(s) did not run", total - results.len()));
            break;
        }
    }
    if trouble.is_none() {
        trouble = machine.power_off().err().map(|problem| problem.to_string());
    }
    let junit = folder.join("junit.xml");
    std::fs::write(&junit, junit::document(&results)).map_err(|source| Error::file(&junit, source))?;
    out::plain(&format!("\nresults: {}", junit.display()));
    let mut tally = tally(&results, start.elapsed());
    tally.broken.extend(trouble);
    Ok(tally)
}

fn shown(case: Case, answer: Result<Answer, Error>, waited: Duration) -> Finished {
    let result = match answer {
        Ok(answer) => {
            Finished { verdict: case.judge(&answer), case, took: answer.took, output: answer.output }
        }
        Err(problem) => {
            let verdict = Verdict::Failed("the machine was lost".into());
            Finished { case, verdict, took: waited, output: problem.to_string() }
        }
    };
    result.show();
    result
}

/// Runs the doctor cases and keeps what they say as the snapshots.
pub(crate) fn bless(image: &Image, folder: &Path, cases: &[(Case, std::path::PathBuf)]) -> Result<(), Error> {
    let mut machine = Machine::boot(image, folder)?;
    for (case, snapshot) in cases {
        debug_assert!(matches!(case.expected, Expected::Doctor { .. }), "only the doctor has snapshots");
        let answer = machine.run(&case.request)?;
        std::fs::write(snapshot, doctor::comparable(&answer.output))
            .map_err(|source| Error::file(snapshot, source))?;
        out::plain(&format!("wrote {}", snapshot.display()));
    }
    machine.power_off()
}

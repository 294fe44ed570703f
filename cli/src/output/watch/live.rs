//! A job on a terminal: the step that runs with the end of its output, the finished ones folded to a line each. A
//! failed step is unfolded.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use console::Term;
use dayfly_jobs::wire::{Happened, RunningStep};
use dayfly_jobs::{JobId, Sample, StepResult, Termination};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::super::Stream;
use super::super::escape::{Escaper, escaped};
use super::super::human::Colours;
use super::super::moment::span;
use super::super::table::size;
use super::{line, skipped, stopped, summary};
use crate::error::CliError;
use crate::watch::story::Scene;

/// Lines of output that are shown below the step that runs.
const SHOWN: usize = 8;
/// Lines that are kept to unfold a step that failed.
const KEPT: usize = 200;
/// How far output is moved to the right.
const INDENT: &str = "    ";
/// Columns that stay free at the right: for the `^C` that a terminal shows where the cursor stands. A line that
/// wrapped by it could not be taken off the screen any more.
const FREE: usize = 3;
/// How long what a step uses is shown without being told anew.
const STALE: Duration = Duration::from_secs(10);
/// Columns that the name of a step has at least.
const SHORTEST_NAME: usize = 8;
/// Characters of one line that are kept.
const WIDE: usize = 400;

/// The screen, and what is on it.
#[derive(Debug)]
pub(crate) struct Live {
    job: JobId,
    steps: Vec<String>,
    unfolded: bool,
    colours: Colours,
    /// What moves: the step that runs, and the end of its output below it.
    bar: ProgressBar,
    /// What the job waits for while no step runs.
    waits: String,
    running: Option<(usize, Instant)>,
    /// What was said last of what a step uses, and when.
    usage: Option<(usize, Sample, Instant)>,
    output: Output,
}

impl Live {
    pub(super) fn open(job: JobId, steps: Vec<String>, unfolded: bool, colours: Colours) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stdout());
        // The template is ours; one that could not be read would show as the plain default.
        let style = ProgressStyle::with_template("{spinner} {msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
        let output = Output::default();
        let waits = "waits".to_owned();
        Self { job, steps, unfolded, colours, bar, waits, running: None, usage: None, output }
    }

    pub(super) fn show(&mut self, scene: Scene) -> Result<(), CliError> {
        match scene {
            Scene::Job(happened) => {
                if ends_attempt(&happened) {
                    (self.running, self.usage) = (None, None);
                }
                line(&happened).map_or(Ok(()), |line| self.waits(&line))
            }
            Scene::Begin(step) => {
                self.running = Some((step, Instant::now()));
                self.output = Output::default();
                self.correct_start();
                self.tick()
            }
            Scene::Output(bytes) => self.output(&bytes),
            Scene::End(step, result) => self.end(step, &result),
            Scene::Skip(step) => self.print(&self.colours.paint(&escaped(&skipped(&self.name(step))), "2")),
            Scene::Stop(step) => {
                self.running = None;
                self.print(&self.colours.paint(&escaped(&stopped(&self.name(step))), "31"))
            }
        }
    }

    /// What the step that runs uses.
    pub(super) fn usage(&mut self, running: &RunningStep) {
        self.usage = Some((running.step, running.sample, Instant::now()));
        self.correct_start();
    }

    /// A step that ran before anybody watched began earlier than it was seen.
    fn correct_start(&mut self) {
        if let (Some((step, since)), Some((of, sample, heard))) = (&mut self.running, &self.usage)
            && step == of
            && let Some(began) = heard.checked_sub(sample.wall_time.as_duration())
        {
            *since = began.min(*since);
        }
    }

    /// Something about the job as a whole.
    pub(super) fn waits(&mut self, line: &str) -> Result<(), CliError> {
        self.waits = escaped(line);
        self.print(&self.colours.paint(&format!("  {}", self.waits), "2"))
    }

    /// Something about watching, which changes nothing for the job.
    pub(super) fn say(&self, line: &str) -> Result<(), CliError> {
        self.print(&self.colours.paint(&format!("  {}", escaped(line)), "2"))
    }

    fn output(&mut self, bytes: &[u8]) -> Result<(), CliError> {
        let lines = self.output.add(bytes);
        if self.unfolded {
            lines.iter().try_for_each(|line| self.print(&format!("{INDENT}{line}")))?;
        }
        Ok(())
    }

    fn end(&mut self, step: usize, result: &StepResult) -> Result<(), CliError> {
        self.running = None;
        let passed = match result.outcome.as_ref().map(|outcome| &outcome.termination) {
            None => None,
            Some(Termination::Exited { code: 0 }) => Some(true),
            Some(_) => Some(false),
        };
        let rest = self.output.finish();
        match (passed, self.unfolded) {
            (_, true) => rest.iter().try_for_each(|line| self.print(&format!("{INDENT}{line}")))?,
            (Some(false), false) => self.unfold()?,
            (Some(true) | None, false) => {}
        }
        let colour = match passed {
            Some(true) => "32",
            Some(false) => "31",
            None => "2",
        };
        let text = escaped(&summary(&self.name(step), result));
        self.print(&self.colours.paint(&text, colour))?;
        self.output = Output::default();
        self.tick()
    }

    fn unfold(&self) -> Result<(), CliError> {
        if self.output.dropped > 0 {
            let (count, job) = (self.output.dropped, self.job);
            let more = format!("{INDENT}… {count} lines before these; see: dayfly logs {job}");
            self.print(&self.colours.paint(&more, "2"))?;
        }
        self.output.lines.iter().try_for_each(|line| self.print(&format!("{INDENT}{line}")))
    }

    /// Shows how long the step that runs has taken, and the end of what it printed: all at once, so that a screen is
    /// written once for a tick.
    pub(super) fn tick(&mut self) -> Result<(), CliError> {
        let width = usize::from(Term::stdout().size().1).saturating_sub(INDENT.len() + FREE);
        let fitting = |text: &str| console::truncate_str(text, width, "…").into_owned();
        let mut text = match &self.running {
            None => fitting(&self.waits),
            Some((step, since)) => {
                let elapsed = u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX);
                // A scheduler that is away says nothing new, and what it said is no longer so.
                let told = self.usage.as_ref().filter(|(of, _, heard)| of == step && heard.elapsed() < STALE);
                let usage = told.map(|(_, sample, _)| sample);
                running_line(&escaped(&self.name(*step)), elapsed, usage, width)
            }
        };
        if self.running.is_some() && !self.unfolded {
            for line in self.output.last(SHOWN) {
                text += &format!("\n{INDENT}{}", self.colours.paint(&fitting(line), "2"));
            }
        }
        self.bar.set_message(text);
        self.bar.tick();
        Ok(())
    }

    fn name(&self, step: usize) -> String {
        self.steps.get(step).cloned().unwrap_or_default()
    }

    /// A line that stays.
    fn print(&self, text: &str) -> Result<(), CliError> {
        let stdout = Term::stdout();
        let printed = self.bar.suspend(|| stdout.write_line(text));
        printed.map_err(|error| CliError::output(Stream::Stdout.name(), error))
    }

    pub(super) fn close(self) -> Result<(), CliError> {
        self.bar.finish_and_clear();
        Ok(())
    }
}

/// Whether no step of before runs any more.
fn ends_attempt(happened: &Happened) -> bool {
    match happened {
        Happened::Leased { .. }
        | Happened::HandedBack { .. }
        | Happened::Failed { .. }
        | Happened::Lost { .. }
        | Happened::Ended { .. } => true,
        Happened::Submitted
        | Happened::StepStarted { .. }
        | Happened::StepEnded { .. }
        | Happened::Refused { .. }
        | Happened::CancelRequested => false,
    }
}

/// A step that runs, on one line of so many columns. The name gives way to the numbers.
fn running_line(name: &str, elapsed: u64, usage: Option<&Sample>, width: usize) -> String {
    let mut numbers = span(elapsed);
    if let Some(sample) = usage {
        let (cpu, memory) = (span(sample.cpu_time.as_micros() / 1000), size(sample.memory.get()));
        numbers += &format!(", cpu {cpu}, memory {memory}");
    }
    let room = width.saturating_sub(console::measure_text_width(&numbers) + 2).max(SHORTEST_NAME);
    let line = format!("{}  {numbers}", console::truncate_str(name, room, "…"));
    console::truncate_str(&line, width, "…").into_owned()
}

/// The end of what a step printed, as lines that steer no terminal.
#[derive(Debug, Default)]
struct Output {
    escaper: Escaper,
    lines: VecDeque<String>,
    open: String,
    dropped: usize,
}

impl Output {
    /// Takes in bytes; the lines that are complete by them.
    fn add(&mut self, bytes: &[u8]) -> Vec<String> {
        let mut text = Vec::new();
        // Memory takes whatever is written to it.
        self.escaper.write(bytes, &mut text).unwrap_or_default();
        let mut complete = Vec::new();
        for part in String::from_utf8_lossy(&text).split_inclusive('\n') {
            let room = WIDE.saturating_sub(self.open.chars().count());
            self.open.extend(part.trim_end_matches('\n').chars().take(room).map(untabbed));
            if part.ends_with('\n') {
                complete.push(self.end_line());
            }
        }
        complete
    }

    fn end_line(&mut self) -> String {
        let line = std::mem::take(&mut self.open);
        self.lines.push_back(line.clone());
        if self.lines.len() > KEPT {
            self.lines.pop_front();
            self.dropped += 1;
        }
        line
    }

    /// The line that was never ended, if any.
    fn finish(&mut self) -> Option<String> {
        (!self.open.is_empty()).then(|| self.end_line())
    }

    fn last(&self, count: usize) -> Vec<&str> {
        let open = (!self.open.is_empty()).then_some(self.open.as_str());
        let lines: Vec<&str> = self.lines.iter().map(String::as_str).chain(open).collect();
        lines.get(lines.len().saturating_sub(count)..).unwrap_or_default().to_vec()
    }
}

/// A tab has no width that could be known here.
const fn untabbed(c: char) -> char {
    if c == '\t' { ' ' } else { c }
}

#[cfg(test)]
mod tests {
    use dayfly_jobs::{Bytes, CpuTime, WallTime};

    use super::*;

    #[test]
    fn a_step_that_runs_shows_its_numbers_however_narrow_the_terminal_is() {
        let (wall_time, cpu_time) = (WallTime::secs(75), CpuTime::millis(61_500));
        let sample = Sample { wall_time, cpu_time, memory: Bytes::mib(210), processes: 3 };
        let name = "compile the whole of the world";
        for (usage, width, shown) in [
            (None, 80, "compile the whole of the world  1m15s"),
            (Some(&sample), 80, "compile the whole of the world  1m15s, cpu 1m01s, memory 210M"),
            (Some(&sample), 55, "compile the whole of th…  1m15s, cpu 1m01s, memory 210M"),
            (Some(&sample), 30, "compile…  1m15s, cpu 1m01s, m…"),
            (Some(&sample), 1, "…"),
        ] {
            assert_eq!(running_line(name, 75_000, usage, width), shown);
        }
    }

    #[test]
    fn what_is_kept_of_output_is_bounded_and_steers_nothing() {
        let mut output = Output::default();
        assert_eq!(output.add(b"a\x1b[31mb\tc\nnext"), ["a^[[31mb c"]);
        assert_eq!(output.last(8), ["a^[[31mb c", "next"]);
        assert_eq!(output.finish().as_deref(), Some("next"));
        output.add(&vec![b'x'; 1 << 20]);
        assert_eq!(output.open.len(), WIDE);
        output.add(&b"\n".repeat(1000));
        assert_eq!((output.lines.len(), output.dropped), (KEPT, 802));
    }
}

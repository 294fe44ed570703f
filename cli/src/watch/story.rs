//! One story of two streams: what happened, and what was printed. Pure.
//!
//! Steps say where in the log their output begins and ends, so each line is shown under the step that printed it. The
//! log of a short job comes before the news of its steps; so output waits for a tick or two, and only lines whose step
//! is told of later than that are shown under the step before.

use std::collections::VecDeque;

use dayfly_jobs::StepResult;
use dayfly_jobs::wire::{Happened, JobEvent};

use super::Piece;

/// Output that may wait for its step to be known.
const MAX_WAITING: usize = 1 << 20;

/// Something to show.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Scene {
    /// Something happened to the job as a whole.
    Job(Happened),
    /// A step begins, by its place.
    Begin(usize),
    /// The step that runs printed this.
    Output(Vec<u8>),
    /// A step ended.
    End(usize, Box<StepResult>),
    /// A step was skipped.
    Skip(usize),
    /// The job ended in the middle of a step.
    Stop(usize),
}

/// What is known so far.
#[derive(Debug, Default)]
pub(crate) struct Story {
    ready: Vec<Scene>,
    /// Beginnings and ends of steps, each at its place in the log.
    marks: VecDeque<(u64, Scene)>,
    /// Output that is not shown yet.
    pending: VecDeque<u8>,
    /// How much of the log was shown.
    shown: u64,
    /// Whether a step runs.
    running: bool,
    /// How much of the log was there at the last tick, and at the one before: what may be shown.
    ticked: u64,
    settled: u64,
    /// The steps before this one have been shown.
    next: usize,
    /// Whether the log began anew and the event that says why has not come.
    restarted: bool,
}

impl Story {
    /// Takes in an event.
    pub(crate) fn happened(&mut self, event: JobEvent) {
        match event.what {
            Happened::StepStarted { step, log_start } => {
                self.marks.push_back((log_start, Scene::Begin(step)))
            }
            Happened::StepEnded { step, result } => {
                self.marks.push_back((result.log_end, Scene::End(step, result)));
            }
            Happened::Leased { .. } => {
                self.begin_attempt();
                self.ready.push(Scene::Job(event.what));
            }
            Happened::Ended { .. } => {}
            Happened::Submitted
            | Happened::HandedBack { .. }
            | Happened::Failed { .. }
            | Happened::Lost { .. }
            | Happened::Refused { .. }
            | Happened::CancelRequested => self.ready.push(Scene::Job(event.what)),
        }
        self.advance();
    }

    /// Takes in a piece of the log. One that does not follow the last belongs to an attempt that no longer counts.
    pub(crate) fn log(&mut self, piece: Piece) {
        match piece {
            Piece::Bytes { offset, bytes } if offset == self.known() => {
                self.pending.extend(bytes);
            }
            Piece::Bytes { .. } | Piece::End => {}
            Piece::Restart => {
                // What waited was printed by a step that was lost with its worker.
                if self.running {
                    self.show_pending(u64::MAX);
                }
                self.forget();
                self.restarted = true;
            }
        }
        self.advance();
    }

    /// Time has passed: output that has waited long enough belongs to the step that runs.
    pub(crate) fn tick(&mut self) {
        let known = self.known();
        self.settled = std::mem::replace(&mut self.ticked, known);
        self.advance();
    }

    /// How much of the log is known.
    fn known(&self) -> u64 {
        self.shown + length(self.pending.len())
    }

    /// What can be shown now.
    pub(crate) fn scenes(&mut self) -> Vec<Scene> {
        std::mem::take(&mut self.ready)
    }

    /// What is left when both streams have ended, for a job of so many steps.
    pub(crate) fn finish(mut self, steps: usize) -> Vec<Scene> {
        while let Some((place, _)) = self.marks.front() {
            self.show_pending(place.saturating_sub(self.shown));
            self.show_mark();
        }
        self.show_pending(u64::MAX);
        if self.running {
            self.ready.push(Scene::Stop(self.next.saturating_sub(1)));
        }
        if self.next > 0 {
            self.ready.extend((self.next..steps).map(Scene::Skip));
        }
        self.ready
    }

    fn begin_attempt(&mut self) {
        let same_log = std::mem::take(&mut self.restarted) || self.shown == 0;
        let pending = std::mem::take(&mut self.pending);
        self.forget();
        if same_log {
            self.pending = pending;
        }
        self.next = 0;
    }

    fn forget(&mut self) {
        self.marks.clear();
        self.pending.clear();
        (self.shown, self.ticked, self.settled) = (0, 0, 0);
        self.running = false;
    }

    fn advance(&mut self) {
        loop {
            match self.marks.front() {
                Some((place, _)) if *place <= self.shown => self.show_mark(),
                Some(_) if self.pending.is_empty() => return,
                Some((place, _)) => self.show_pending(place - self.shown),
                None if self.pending.len() > MAX_WAITING => return self.show_pending(u64::MAX),
                None if self.running => return self.show_pending(self.settled.saturating_sub(self.shown)),
                None => return,
            }
        }
    }

    fn show_mark(&mut self) {
        let Some((_, scene)) = self.marks.pop_front() else { return };
        if let Scene::Begin(step) | Scene::End(step, _) = scene {
            self.ready.extend((self.next..step).map(Scene::Skip));
            self.next = step + 1;
        }
        self.running = matches!(scene, Scene::Begin(_));
        self.ready.push(scene);
    }

    fn show_pending(&mut self, most: u64) {
        let most = usize::try_from(most).unwrap_or(usize::MAX).min(self.pending.len());
        let bytes: Vec<u8> = self.pending.drain(..most).collect();
        self.shown += length(bytes.len());
        if !bytes.is_empty() {
            self.ready.push(Scene::Output(bytes));
        }
    }
}

fn length(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;

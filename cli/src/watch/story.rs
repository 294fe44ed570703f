//! One story of two streams: what happened, and what was printed. Pure.
//!
//! Steps say where in the log their output begins and ends, so each line is shown under the step that printed it. Only
//! when a step's first lines overtake the news that the one before has ended, they are shown with that one.

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
    /// A step ended, or was skipped.
    End(usize, Box<StepResult>),
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
            Piece::Bytes { offset, bytes } if offset == self.shown + length(self.pending.len()) => {
                self.pending.extend(bytes);
            }
            Piece::Bytes { .. } | Piece::End => {}
            Piece::Restart => {
                self.forget();
                self.restarted = true;
            }
        }
        self.advance();
    }

    /// What can be shown now.
    pub(crate) fn scenes(&mut self) -> Vec<Scene> {
        std::mem::take(&mut self.ready)
    }

    /// What is left when both streams have ended.
    pub(crate) fn finish(mut self) -> Vec<Scene> {
        self.show_pending(self.pending.len());
        let marks = std::mem::take(&mut self.marks);
        self.ready.extend(marks.into_iter().map(|(_, scene)| scene));
        self.ready
    }

    fn begin_attempt(&mut self) {
        let same_log = std::mem::take(&mut self.restarted) || self.shown == 0;
        let pending = std::mem::take(&mut self.pending);
        self.forget();
        if same_log {
            self.pending = pending;
        }
    }

    fn forget(&mut self) {
        self.marks.clear();
        self.pending.clear();
        self.shown = 0;
        self.running = false;
    }

    fn advance(&mut self) {
        loop {
            match self.marks.front() {
                Some((place, _)) if *place <= self.shown => self.show_mark(),
                Some((place, _)) => {
                    let before = usize::try_from(place - self.shown).unwrap_or(usize::MAX);
                    if self.pending.is_empty() {
                        return;
                    }
                    self.show_pending(before);
                }
                None if self.running || self.pending.len() > MAX_WAITING => {
                    return self.show_pending(self.pending.len());
                }
                None => return,
            }
        }
    }

    fn show_mark(&mut self) {
        if let Some((_, scene)) = self.marks.pop_front() {
            self.running = matches!(scene, Scene::Begin(_));
            self.ready.push(scene);
        }
    }

    fn show_pending(&mut self, most: usize) {
        let bytes: Vec<u8> = self.pending.drain(..most.min(self.pending.len())).collect();
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

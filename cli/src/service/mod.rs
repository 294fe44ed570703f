//! What runs until it is told to end: a scheduler, a worker, or both in one process (`dayfly up`). They are
//! libraries; here is what a process adds to them: folders, tokens, signals, a word to whoever started it.

pub(crate) mod args;
mod data;
mod ending;
mod scheduler;
mod up;
mod worker;

pub(crate) use scheduler::run as scheduler;
pub(crate) use up::run as up;
pub(crate) use worker::run as worker;

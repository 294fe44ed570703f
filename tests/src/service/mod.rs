//! Real schedulers and workers as processes, the clients that call them, and what must be true of every job.
//!
//! Nothing here decides what is right by asking the code under test: events are read as plain JSON.

mod client;
mod faults;
mod gate;
mod paper;
mod process;
mod running;
mod terminal;

pub use client::{Answer, Call, Client, block_on, spawn};
pub use faults::faults;
pub use gate::Gate;
pub use paper::PaperWorker;
pub use process::Process;
pub use running::{Service, job, sweep};
pub use terminal::Terminal;

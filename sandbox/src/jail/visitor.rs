//! Bringing the CPU time of a running command up to date.
//!
//! The kernel adds what a running process has used to its group's counter when the process is put off its processor,
//! and at the timer tick, which comes every 1 to 10 ms. So that a limit is not overrun by a tick, who watches runs for
//! a moment where the command runs, which puts it off.

use std::fs;

use super::spawn::CommandProcess;
use crate::sys::sched;

/// More processors than this are not visited each time, only that of the command's first process, as its main thread
/// goes. What others use is then seen at the tick.
const MOST: u32 = 8;

/// Visits the processors on which a command runs, of so many that the host has. The caller must be urgent: else a visit
/// may wait for the end of the command's turn, which may last longer than to the tick.
pub(crate) fn visit(command: &CommandProcess, processors: u32) {
    if processors <= MOST {
        sched::visit(|_| true);
    } else if let Some(last) = processor_of(command.child.pid) {
        sched::visit(|processor| processor == last);
    }
}

/// The processor on which a process ran last, as its main thread. The process has not been waited for, so the number
/// is its own.
fn processor_of(pid: libc::pid_t) -> Option<usize> {
    parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// The 39th field, counted behind the name, which may hold anything.
fn parse(stat: &str) -> Option<usize> {
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_ascii_whitespace().nth(36)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_processor_is_found_behind_any_name() {
        let fields: Vec<_> = (3..=52).map(|number| number.to_string()).collect();
        for name in ["true", "a) 1 (b", ") ) )"] {
            assert_eq!(parse(&format!("17 ({name}) {}\n", fields.join(" "))), Some(39));
        }
        assert_eq!(parse("17 (true) S 1"), None);
        let own = processor_of(std::process::id().cast_signed()).unwrap();
        assert!(own < 4096);
    }
}

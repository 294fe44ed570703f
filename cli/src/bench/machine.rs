//! What the machine is, for whoever reads the figures later.

use std::fs;
use std::time::Duration;

use nix::time::{ClockId, clock_getres};
use serde::Serialize;

/// The facts that figures depend on.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Machine {
    /// As the processor calls itself.
    pub(crate) processor: String,
    /// How many of them we may use.
    pub(crate) processors: usize,
    /// The kernel's release.
    pub(crate) kernel: String,
    /// The kernel's timer tick: CPU time of a running program is brought up to date this often.
    pub(crate) tick_us: Option<u64>,
    /// Programs that ran or waited in the last minute, before we began. Above 0.5 figures are noisy.
    pub(crate) load: String,
    /// What enforces the limits.
    pub(crate) enforced_by: String,
}

impl Machine {
    /// This one. `enforced_by` comes from a jail's receipt.
    pub(crate) fn read(enforced_by: String) -> Self {
        let cpuinfo = read("/proc/cpuinfo");
        let load = read("/proc/loadavg");
        Self {
            processor: processor(&cpuinfo).unwrap_or("unknown").to_owned(),
            processors: std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get),
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            tick_us: tick().map(|tick| u64::try_from(tick.as_micros()).unwrap_or(u64::MAX)),
            load: load.split_whitespace().next().unwrap_or("unknown").to_owned(),
            enforced_by,
        }
    }
}

/// Facts that cannot be read are "unknown": figures without them are still figures.
fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

fn processor(cpuinfo: &str) -> Option<&str> {
    let line = cpuinfo.lines().find(|line| line.starts_with("model name"))?;
    line.split_once(": ").map(|(_, name)| name.trim())
}

/// The coarse clock moves once in a tick.
fn tick() -> Option<Duration> {
    clock_getres(ClockId::CLOCK_MONOTONIC_COARSE).ok().map(Duration::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_processor_is_found_by_its_name() {
        let text = "processor\t: 0\nmodel\t\t: 85\nmodel name\t: Intel(R) Xeon(R) @ 2.8: x\n";
        assert_eq!(processor(text), Some("Intel(R) Xeon(R) @ 2.8: x"));
        assert_eq!(processor("CPU architecture: 8\n"), None);
    }

    #[test]
    fn the_tick_is_a_plausible_one() {
        let tick = tick().unwrap();
        assert!(tick >= Duration::from_micros(900) && tick <= Duration::from_millis(11), "{tick:?}");
    }
}

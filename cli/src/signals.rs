//! Signals that reach `dayfly` end the job: the first in order, the second at once.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

use dayfly_sandbox::Cancel;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::error::CliError;
use crate::exit;

/// The signal that cancelled the job, if any did.
#[derive(Debug, Clone, Default)]
pub(crate) struct Caught(Arc<AtomicI32>);

impl Caught {
    /// Its name.
    pub(crate) fn name(&self) -> Option<&'static str> {
        match self.0.load(Ordering::Acquire) {
            SIGHUP => Some("SIGHUP"),
            SIGINT => Some("SIGINT"),
            SIGTERM => Some("SIGTERM"),
            _ => None,
        }
    }
}

/// Throws the switch on the first SIGINT, SIGTERM or SIGHUP, and leaves on the second without waiting: the
/// jail's init sees our end and the kernel kills the job. A signal that was ignored when we started (`nohup`,
/// background jobs) stays ignored.
pub(crate) fn watch(cancel: Cancel) -> Result<Caught, CliError> {
    let ignored = ignored();
    let wanted = [SIGINT, SIGTERM, SIGHUP].into_iter().filter(|signal| !ignored.contains(signal));
    let mut signals = Signals::new(wanted).map_err(CliError::Signals)?;
    let caught = Caught::default();
    let seen = caught.clone();
    let body = move || {
        for signal in signals.forever() {
            match seen.0.swap(signal, Ordering::AcqRel) {
                0 => cancel.cancel(),
                _ => leave(),
            }
        }
    };
    std::thread::Builder::new().name("signals".into()).spawn(body).map_err(CliError::Signals)?;
    Ok(caught)
}

#[expect(clippy::disallowed_methods, reason = "whoever asks a second time waits for nothing any more")]
fn leave() {
    std::process::exit(i32::from(exit::CANCELLED));
}

/// The signals that are ignored; none when the kernel does not tell.
fn ignored() -> BTreeSet<i32> {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).map_or("", str::trim);
    members(u64::from_str_radix(mask, 16).unwrap_or(0))
}

fn members(mask: u64) -> BTreeSet<i32> {
    (1..=64).filter(|signal| mask >> (signal - 1) & 1 == 1).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_are_read_as_the_kernel_writes_them() {
        assert_eq!(members(0), BTreeSet::new());
        assert_eq!(members(0x1001), BTreeSet::from([1, 13]));
        assert_eq!(members(1 << 63), BTreeSet::from([64]));
        // Rust programs ignore SIGPIPE from the start.
        assert!(ignored().contains(&13));
    }
}

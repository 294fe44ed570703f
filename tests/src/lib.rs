//! The harness of the integration tests: runs the real `dayfly`, compiles hostile programs, and compares the
//! host before and after.
//!
//! It looks at Dayfly only from outside (arguments, exit status, JSON, the state of the host) and must not
//! link its crates: a test that shares code with the product shares its mistakes.
#![forbid(unsafe_code)]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a harness fails the test it serves by panicking"
)]

mod baseline;
mod binary;
mod canary;
mod dice;
mod end;
mod host;
mod payload;
mod processes;
mod run;
pub mod service;
mod snapshot;
mod unprivileged;

pub use baseline::{Alone, Baseline};
pub use binary::dayfly;
pub use canary::{Canary, Secret};
pub use dice::{Dice, full_lane, seed, setting};
pub use end::{End, Run};
pub use host::{ROOT_UID_BASE, cpus, has, is_root, late, open, skipped, slowness, soon, usable};
pub use payload::payloads;
pub use processes::{commands_with, jailed_processes};
pub use run::{Dayfly, Running};
pub use unprivileged::Unprivileged;

/// Ends the test as skipped: named, counted, and a failure where `DAYFLY_REQUIRE=all`.
#[macro_export]
macro_rules! skip {
    ($($reason:tt)*) => {{
        $crate::skipped(&format!($($reason)*));
        return;
    }};
}

/// The first line of a test that runs jails: skips by name where the host has none for this user, and gives a
/// [`Baseline`] that is compared with the host when the test ends. `jail!(root)` needs root, `jail!(alone)`
/// runs beside no other test.
#[macro_export]
macro_rules! jail {
    () => { $crate::jail!(@ false, $crate::Alone::No) };
    (root) => { $crate::jail!(@ true, $crate::Alone::No) };
    (alone) => { $crate::jail!(@ false, $crate::Alone::Yes) };
    (root, alone) => { $crate::jail!(@ true, $crate::Alone::Yes) };
    (@ $root:expr, $alone:expr) => {
        match $crate::open($root, $alone) {
            Ok(baseline) => baseline,
            Err(reason) => $crate::skip!("{reason}"),
        }
    };
}

/// Skips the test by name when one of these programs is not installed.
#[macro_export]
macro_rules! needs {
    ($($program:expr),+ $(,)?) => {
        $(if !$crate::has($program) { $crate::skip!("needs {}: install it", $program); })+
    };
}

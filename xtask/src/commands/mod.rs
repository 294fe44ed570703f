//! The commands, one file each. A new one is a file with a `COMMAND` and a line in [`ALL`].

use crate::args::Args;
use crate::error::Error;
use crate::repo::Repo;

mod bench;
mod demo;
mod dist;
mod ground;
mod lint;
mod test;
mod tidy;

/// One command of `cargo xtask`.
pub(crate) struct Command {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) options: &'static [(&'static str, &'static str)],
    pub(crate) run: fn(&Repo, Args) -> Result<(), Error>,
}

/// Every command, in the order the help lists them.
pub(crate) const ALL: &[Command] = &[
    demo::COMMAND,
    test::COMMAND,
    lint::COMMAND,
    tidy::COMMAND,
    ground::COMMAND,
    bench::COMMAND,
    dist::COMMAND,
];

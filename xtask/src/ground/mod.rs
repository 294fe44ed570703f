//! The proving ground: a small virtual machine with pure cgroup v2, in which the project's own test programs run as
//! three kinds of user. It needs QEMU and no KVM, no root and no mount.
//!
//! What happens inside is in `tests/ground/`; how to use it is in `docs/GROUND.md`. Nothing here knows what a test
//! checks: it builds, boots, carries requests and answers, and reports.

mod case;
mod console;
mod contents;
mod disk;
mod doctor;
mod fetch;
mod image;
mod junit;
mod libtest;
mod machine;
mod modules;
mod programs;
mod protocol;
mod report;
mod run;
mod suites;
mod user;

use std::path::PathBuf;

use crate::error::Error;
use crate::out;
use crate::repo::Repo;
use crate::runner::Tally;

/// What a visit needs, built.
pub(crate) struct Ground<'a> {
    repo: &'a Repo,
    folder: PathBuf,
    programs: programs::Programs,
    image: image::Image,
}

impl<'a> Ground<'a> {
    /// Builds the programs and the disks.
    pub(crate) fn prepare(repo: &'a Repo) -> Result<Self, Error> {
        let folder = repo.target()?.join("ground");
        std::fs::create_dir_all(&folder).map_err(|source| Error::file(&folder, source))?;
        out::title("Build");
        let programs = programs::Programs::build(repo, &folder)?;
        out::title("Image");
        let image = image::Builder::open(repo, &folder)?.build(&programs.files())?;
        Ok(Self { repo, folder, programs, image })
    }

    /// A shell in there, on this terminal.
    pub(crate) fn shell(&self) -> Result<(), Error> {
        machine::shell(&self.image)
    }

    /// Runs the cases whose label contains any of the filters, or all.
    pub(crate) fn test(&self, filters: &[String]) -> Result<Tally, Error> {
        let mut cases = suites::cases(self.repo, &self.programs)?;
        cases.retain(|case| {
            filters.is_empty() || filters.iter().any(|filter| case.label().contains(filter.as_str()))
        });
        if cases.is_empty() {
            return Err(Error::Usage(format!(
                "no test in the proving ground is called {}",
                filters.join(" or ")
            )));
        }
        out::title(&format!("Proving ground: {} case(s)", cases.len()));
        run::run(&self.image, &self.folder, cases)
    }

    /// Keeps what the doctor says now as what it should say.
    pub(crate) fn bless(&self) -> Result<(), Error> {
        let cases = user::User::ALL.map(|user| {
            suites::doctor(self.repo, &self.programs, user)
                .map(|case| (case, suites::snapshot(self.repo, user)))
        });
        run::bless(&self.image, &self.folder, &cases.into_iter().collect::<Result<Vec<_>, _>>()?)
    }
}

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
mod port;
mod programs;
mod protocol;
mod report;
mod run;
mod suites;
mod user;

use std::path::PathBuf;
use std::time::Duration;

use crate::error::Error;
use crate::out;
use crate::repo::Repo;
use crate::runner::Tally;
pub(crate) use user::User;

/// What a command given by hand may take.
const COMMAND_LIMIT: Duration = Duration::from_secs(300);

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
        let image = image::Builder::open(repo, &folder)?.build(&programs.files()?)?;
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

    /// Runs a command in there as a user and shows what it says.
    pub(crate) fn command(&self, user: User, words: &[String]) -> Result<(), Error> {
        let words: Vec<String> = words.iter().map(|word| protocol::quoted(word)).collect();
        let folder = protocol::quoted(&self.repo.root().display().to_string());
        let script = format!("cd {folder} && exec {}", words.join(" "));
        let mut machine = machine::Machine::boot(&self.image, &self.folder)?;
        let answer = machine.run(&protocol::Request { user, limit: COMMAND_LIMIT, script })?;
        machine.power_off()?;
        out::plain(answer.output.trim_end());
        let status = match answer.code {
            0 => return Ok(()),
            _ if answer.timed_out(COMMAND_LIMIT) => format!("killed after {} s", COMMAND_LIMIT.as_secs()),
            code => format!("exit code {code}"),
        };
        Err(Error::Failed { command: words.join(" "), status })
    }

    /// Keeps what the doctor says now as what it should say.
    pub(crate) fn bless(&self) -> Result<(), Error> {
        let cases = User::ALL.map(|user| {
            suites::doctor(self.repo, &self.programs, user)
                .map(|case| (case, suites::snapshot(self.repo, user)))
        });
        run::bless(&self.image, &self.folder, &cases.into_iter().collect::<Result<Vec<_>, _>>()?)
    }
}

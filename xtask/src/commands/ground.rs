//! `cargo xtask ground`: the test programs inside a virtual machine with pure cgroup v2, as three kinds of user.

use crate::args::Args;
use crate::commands::Command;
use crate::error::Error;
use crate::ground::{Ground, User};
use crate::out;
use crate::packages;
use crate::repo::Repo;

pub(crate) const COMMAND: Command = Command {
    name: "ground",
    about: "the tests in a virtual machine with cgroup v2, as three kinds of user",
    options: &[
        ("--no-install", "do not install missing packages"),
        ("--shell", "a shell in there instead of the tests"),
        ("--bless", "keep what `dayfly doctor` says in there as what it should say"),
        ("--as-root", "run the command after `--` as root instead of the tests"),
        ("--as-ground", "the same as the user with a delegated group"),
        ("--as-plain", "the same as the user without one"),
        ("-- FILTER…", "only the tests whose `USER SUITE NAME` contains FILTER"),
    ],
    run,
};

fn run(repo: &Repo, mut args: Args) -> Result<(), Error> {
    let install = !args.flag("--no-install");
    let (shell, bless) = (args.flag("--shell"), args.flag("--bless"));
    let user = User::ALL.into_iter().find(|user| args.flag(&format!("--as-{}", user.name())));
    let filters = args.passed_on()?;
    if install {
        packages::install(packages::GROUND)?;
    }
    let ground = Ground::prepare(repo)?;
    if shell {
        return ground.shell();
    }
    if let Some(user) = user {
        return ground.command(user, &filters);
    }
    if bless {
        return ground.bless();
    }
    let tally = ground.test(&filters)?;
    if !tally.is_good() {
        return Err(Error::Tests(tally));
    }
    out::plain(&tally.to_string());
    Ok(())
}

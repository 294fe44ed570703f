//! What runs in the proving ground, and as whom.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::Error;
use crate::ground::case::{Case, Expected, SUBGROUP};
use crate::ground::libtest;
use crate::ground::programs::{Programs, TestProgram};
use crate::ground::protocol::{Request, quoted};
use crate::ground::user::User;
use crate::repo::Repo;

/// The packages whose test programs run inside. Nothing in the others depends on the kernel or the user.
pub(crate) const PACKAGES: [&str; 2] = ["dayfly-sandbox", "dayfly-tests"];

/// What one test may take. The emulated processor is ten to thirty times slower than the one that emulates it.
const TEST_LIMIT: Duration = Duration::from_secs(120);
/// What one command may take.
const COMMAND_LIMIT: Duration = Duration::from_secs(60);

/// Tests with one of these in their name want the processors for themselves; `.config/nextest.toml` says the same.
const NAMES_OF_THE_LONELY: [&str; 4] = ["timing", "alone", "crash", "speed"];

/// Reasons for which a test may say that it cannot run as that user: no compilers are inside, and what only root
/// can do is tried as root.
fn may_skip(user: User) -> &'static [&'static str] {
    const AS_ROOT: &[&str] = &["needs gcc", "needs g++", "needs go", "needs java", "needs node"];
    const AS_GROUND: &[&str] =
        &["needs gcc", "needs g++", "needs go", "needs java", "needs node", "needs root"];
    match user {
        User::Root => AS_ROOT,
        User::Ground | User::Plain => AS_GROUND,
    }
}

/// All of it, in the order it runs: the short checks first.
pub(crate) fn cases(repo: &Repo, programs: &Programs) -> Result<Vec<Case>, Error> {
    let mut cases = commands(programs);
    for user in User::ALL {
        cases.push(doctor(repo, programs, user)?);
    }
    for program in &programs.tests {
        let tests = libtest::list(&program.executable)?;
        for user in [User::Root, User::Ground] {
            cases.extend(tests.iter().map(|test| test_case(programs, program, test, user)));
        }
    }
    Ok(cases)
}

/// Where the snapshot for a user is.
pub(crate) fn snapshot(repo: &Repo, user: User) -> PathBuf {
    repo.path(&format!("tests/ground/doctor-{}.txt", user.name()))
}

fn commands(programs: &Programs) -> Vec<Case> {
    let run = |words: &str| format!("exec {} run {words}", shown(&programs.dayfly));
    let command = |name: &str, user, script: String, code, says| {
        let request = Request { user, subgroup: None, limit: COMMAND_LIMIT, script };
        let expected = Expected::Exit { code, says };
        Case { suite: "commands".into(), name: name.into(), request, expected, alone: true }
    };
    let kvm = format!("exec {}", shown(&programs.kvm_check));
    let mut cases = vec![command("kvm_runs_a_guest", User::Root, kvm, 0, &["40 + 2 = 42"])];
    for user in [User::Root, User::Ground] {
        cases.push(command("true_runs", user, run("-- true"), 0, &[]));
        cases.push(command("the_exit_code_is_kept", user, run("-- sh -c 'exit 7'"), 7, &[]));
    }
    let refused: &[&str] = &["Delegate=yes"];
    cases.push(command("without_delegation_it_refuses", User::Plain, run("-- true"), 125, refused));
    cases
}

pub(crate) fn doctor(repo: &Repo, programs: &Programs, user: User) -> Result<Case, Error> {
    let path = snapshot(repo, user);
    let snapshot = match std::fs::read_to_string(&path) {
        Err(problem) if problem.kind() == std::io::ErrorKind::NotFound => String::new(),
        other => other.map_err(|source| Error::file(path, source))?,
    };
    let script = format!("exec {} doctor --json", shown(&programs.dayfly));
    let request = Request { user, subgroup: None, limit: COMMAND_LIMIT, script };
    let expected = Expected::Doctor { snapshot };
    Ok(Case { suite: "doctor".into(), name: "as_in_the_snapshot".into(), request, expected, alone: true })
}

fn test_case(programs: &Programs, program: &TestProgram, test: &str, user: User) -> Case {
    let variables = [
        ("CARGO_MANIFEST_DIR", program.folder.display().to_string()),
        ("DAYFLY_BIN", programs.dayfly.display().to_string()),
        ("DAYFLY_PAYLOADS", programs.payloads.display().to_string()),
        ("DAYFLY_CRASH_RUNS", "10".to_owned()),
        ("RUST_BACKTRACE", "0".to_owned()),
    ];
    let variables: String =
        variables.iter().map(|(name, value)| format!(" {name}={}", quoted(value))).collect();
    let script = format!(
        "cd {} && mkdir -p \"$HOME/scratch\" && exec env DAYFLY_TEST_SCRATCH=\"$HOME/scratch\"{variables} {} --exact {} --nocapture --test-threads=1",
        shown(&program.folder),
        shown(&program.executable),
        quoted(test)
    );
    let subgroup = (user == User::Ground).then_some(SUBGROUP);
    let request = Request { user, subgroup, limit: TEST_LIMIT, script };
    let expected = Expected::Test { may_skip: may_skip(user) };
    let alone = NAMES_OF_THE_LONELY.iter().any(|part| test.contains(part));
    Case { suite: program.name.clone(), name: test.to_owned(), request, expected, alone }
}

fn shown(path: &Path) -> String {
    quoted(&path.display().to_string())
}

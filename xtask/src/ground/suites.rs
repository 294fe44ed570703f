//! What runs in the proving ground, and as whom.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::Error;
use crate::ground::case::{Case, Expected};
use crate::ground::libtest;
use crate::ground::programs::{Programs, TestProgram};
use crate::ground::protocol::{Request, quoted};
use crate::ground::user::User;
use crate::repo::Repo;

/// The packages whose test programs run inside. Nothing in the others depends on the kernel or the user.
pub(crate) const PACKAGES: [&str; 2] = ["dayfly-sandbox", "dayfly-tests"];

/// What one test may take. The emulated processor is ten to thirty times slower than the one that emulates it.
const TEST_LIMIT: Duration = Duration::from_secs(240);
/// What tests multiply the time by that something may take on a usual machine. The guest cannot tell its own time from
/// that of a busy host.
const SLOWNESS: &str = "10";
/// What one command may take.
const COMMAND_LIMIT: Duration = Duration::from_secs(60);

/// Tests with one of these in their name want the processors for themselves; `.config/nextest.toml` says the same.
const NAMES_OF_THE_LONELY: [&str; 4] = ["timing", "alone", "crash", "speed"];

/// What depends neither on the version of the control groups nor on the user, by the start of the name: bytes that pass
/// through the supervisor, names of files, and long tables of calls that a filter refuses. All tests run as root on the
/// host, these only there.
const ON_THE_HOST: &[&str] = &[
    "exhaust::row_58",
    "forgery::row_81",
    "fs::row_24",
    "kernel::row_40_socket_families",
    "kernel::row_44_the_machine_itself",
    "streams::",
    "tty::",
];

/// What depends on the user and not on the version of the control groups. The host has it as root, so it is tried as the
/// ordinary user: files, descriptors, networks, filters, other jobs' secrets, limits that no control group enforces.
const AS_GROUND: &[&str] = &[
    "exhaust::row_57",
    "exhaust::row_61",
    "exhaust::row_62",
    "exhaust::row_64",
    "fd::",
    "forgery::",
    "fs::",
    "jail::pool::",
    "jail::streams::",
    "jail::workspace::",
    "kernel::",
    "languages::",
    "limits::exit_codes",
    "limits::idle_time",
    "limits::output_stops_yes",
    "lost_processes",
    "net::",
    "seccomp::",
    "secrets::",
    "table::",
    "timing::row_69_clocks",
    "timing::row_71",
];

/// What a filter decides about mounts and namespaces, of which root has more, and what only root can try at all.
const AS_ROOT: &[&str] =
    &["fs::row_22", "ns::row_30", "ns::row_31", "secrets::row_84_crash_handlers", "secrets::row_85_files"];

/// Whether a test runs in here as that user. What the driver for control groups of version 2 enforces (limits, hogs,
/// bombs, kills, crashes, accounts) does as root and as the ordinary user, and so do identities, namespaces and
/// refusals. The rest is tried once, by whom the host does not have, or not at all: the machine is slow, and a run that
/// takes too long is a run that nobody starts.
fn belongs(program: &str, test: &str, user: User) -> bool {
    let starts = |parts: &[&str]| parts.iter().any(|part| test.starts_with(part));
    match program {
        "dayfly-sandbox" => starts(&["cgroup::tests::", "cgroup::v2::"]),
        // What services do with their jails depends on neither; the tests of jails are in here.
        "dayfly-tests" | "dayfly-tests::service" => false,
        _ if starts(ON_THE_HOST) => false,
        _ if starts(AS_ROOT) => user == User::Root,
        _ => user == User::Ground || !starts(AS_GROUND),
    }
}

/// Reasons for which a test may say that it cannot run in there, as whoever: nothing is compiled inside, and it is one
/// machine of many. What needs root runs as root.
const MAY_SKIP: &[&str] = &[
    "needs gcc",
    "needs g++",
    "needs go",
    "needs java",
    "needs node",
    "needs rustc",
    "needs control groups in version 1",
    "needs a host that delegates no control groups",
];

pub(crate) fn may_skip(user: User, reason: &str) -> bool {
    MAY_SKIP.iter().any(|allowed| reason.starts_with(allowed))
        || (user != User::Root && reason.starts_with("needs root"))
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
            let tests = tests.iter().filter(|test| belongs(&program.name, test, user));
            let mut tests: Vec<Case> = tests.map(|test| test_case(programs, program, test, user)).collect();
            // Whatever runs must end before one that is alone: that is waited for once, not before each of them.
            tests.sort_by_key(|case| case.alone);
            cases.extend(tests);
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
        let request = Request { user, limit: COMMAND_LIMIT, script };
        let expected = Expected::Exit { code, says };
        Case { suite: "commands".into(), name: name.into(), request, expected, in_lane: false, alone: true }
    };
    let kvm = format!("exec {}", shown(&programs.kvm_check));
    let mut cases = noticed();
    cases.push(command("kvm_runs_a_guest", User::Root, kvm, 0, &["40 + 2 = 42"]));
    for user in [User::Root, User::Ground] {
        cases.push(command("true_runs", user, run("-- true"), 0, &[]));
        cases.push(command("the_exit_code_is_kept", user, run("-- sh -c 'exit 7'"), 7, &[]));
    }
    let refused: &[&str] = &["Delegate=yes"];
    cases.push(command("without_delegation_it_refuses", User::Plain, run("-- true"), 125, refused));
    cases
}

/// Tests that go wrong in the ways there are, so that every run shows that it would be noticed.
fn noticed() -> Vec<Case> {
    let wrong = |name: &str, script: &str, words| {
        let request = Request { user: User::Root, limit: Duration::from_secs(2), script: script.into() };
        let expected = Expected::Noticed { words };
        Case { suite: "noticed".into(), name: name.into(), request, expected, in_lane: false, alone: true }
    };
    vec![
        wrong(
            "a_test_that_fails",
            "echo 'test result: FAILED. 0 passed; 1 failed;'; exit 101",
            "exit code 101",
        ),
        wrong("a_test_that_does_not_run", "echo 'test result: ok. 0 passed;'", "exit code 0"),
        wrong("a_test_that_skips", &format!("echo 'SKIP it: needs luck'; echo '{PASSED}'"), "needs luck"),
        wrong("a_test_that_hangs", "sleep 60", "killed after 2 s"),
        wrong("a_process_left_behind", &format!("setsid sleep 60 & echo '{PASSED}'"), "left 1 process(es)"),
        wrong(
            "a_group_left_behind",
            &format!("{MAKE_GROUP}; echo '{PASSED}'"),
            "left control groups behind: lost",
        ),
    ]
}

/// What a test program says when its one test went well.
const PASSED: &str = "test result: ok. 1 passed;";
const MAKE_GROUP: &str = "mkdir /sys/fs/cgroup$(sed s/^0::// /proc/self/cgroup)/lost";

pub(crate) fn doctor(repo: &Repo, programs: &Programs, user: User) -> Result<Case, Error> {
    let path = snapshot(repo, user);
    let snapshot = match std::fs::read_to_string(&path) {
        Err(problem) if problem.kind() == std::io::ErrorKind::NotFound => String::new(),
        other => other.map_err(|source| Error::file(path, source))?,
    };
    let script = format!("exec {} doctor --json", shown(&programs.dayfly));
    let request = Request { user, limit: COMMAND_LIMIT, script };
    let expected = Expected::Doctor { snapshot };
    Ok(Case {
        suite: "doctor".into(),
        name: "as_in_the_snapshot".into(),
        request,
        expected,
        in_lane: false,
        alone: true,
    })
}

fn test_case(programs: &Programs, program: &TestProgram, test: &str, user: User) -> Case {
    let variables = [
        ("CARGO_MANIFEST_DIR", program.folder.display().to_string()),
        ("DAYFLY_BIN", programs.dayfly.display().to_string()),
        ("DAYFLY_PAYLOADS", programs.payloads.display().to_string()),
        ("DAYFLY_CRASH_RUNS", "10".to_owned()),
        ("DAYFLY_TEST_SLOWNESS", SLOWNESS.to_owned()),
        // The commands before have shown it.
        ("DAYFLY_TEST_USABLE", "yes".to_owned()),
        ("RUST_BACKTRACE", "0".to_owned()),
    ];
    let variables: String =
        variables.iter().map(|(name, value)| format!(" {name}={}", quoted(value))).collect();
    let script = format!(
        "cd {} && mkdir -p \"$HOME/scratch\" && export DAYFLY_TEST_SCRATCH=\"$HOME/scratch\"{variables} && exec {} --exact {} --nocapture --test-threads=1",
        shown(&program.folder),
        shown(&program.executable),
        quoted(test)
    );
    let request = Request { user, limit: TEST_LIMIT, script };
    let expected = Expected::Test;
    let alone = NAMES_OF_THE_LONELY.iter().any(|part| test.contains(part));
    Case {
        suite: program.name.clone(),
        name: test.to_owned(),
        request,
        expected,
        in_lane: user == User::Ground,
        alone,
    }
}

fn shown(path: &Path) -> String {
    quoted(&path.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn users(program: &str, test: &str) -> Vec<User> {
        [User::Root, User::Ground].into_iter().filter(|user| belongs(program, test, *user)).collect()
    }

    #[test]
    fn what_control_groups_enforce_runs_as_both_users() {
        let both = [User::Root, User::Ground];
        assert_eq!(users("dayfly-sandbox", "cgroup::v2::tests::a"), both);
        assert_eq!(users("dayfly-sandbox::jail", "jail::total::a"), both);
        for module in ["limits", "process", "exhaust", "ns", "crashes", "silent", "toctou", "unprivileged"] {
            assert_eq!(users("dayfly-tests::it", &format!("{module}::a")), both, "{module}");
        }
    }

    #[test]
    fn what_depends_on_the_user_alone_runs_as_one() {
        for test in ["fs::row_11", "net::row_72", "seccomp::row_45", "secrets::row_83", "exhaust::row_57"] {
            assert_eq!(users("dayfly-tests::it", test), [User::Ground], "{test}");
        }
        for test in ["fs::row_22_new", "ns::row_30_no", "secrets::row_85_files_of"] {
            assert_eq!(users("dayfly-tests::it", test), [User::Root], "{test}");
        }
    }

    #[test]
    fn what_depends_on_neither_kernel_nor_user_is_left_out() {
        assert_eq!(users("dayfly-sandbox", "host::tests::a"), []);
        assert_eq!(users("dayfly-tests::it", "streams::a"), []);
        assert_eq!(users("dayfly-tests::service", "kills::a"), []);
    }
}

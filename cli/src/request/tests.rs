//! Command lines and the runs they ask for, on a host where nothing is installed.

use std::ffi::OsStr;

use clap::Parser;
use dayfly_jobs::Bytes;
use dayfly_sandbox::Access;

use super::*;
use crate::args::Cli;
use crate::commands::Command;
use crate::config;

/// The request of a line, on a host where nothing is installed.
fn request(words: &[&OsStr]) -> Result<Request, CliError> {
    let line = [OsStr::new("dayfly"), OsStr::new("run")].into_iter().chain(words.iter().copied());
    let Command::Run(args) = Cli::try_parse_from(line).unwrap().command else { panic!("not a run") };
    let host = Surroundings::default();
    Request::new(&args, &config::load(None, &host)?, &host)
}

fn run(line: &str) -> Result<Request, CliError> {
    request(&line.split(' ').map(OsStr::new).collect::<Vec<_>>())
}

fn value<'a>(request: &'a Request, key: &str) -> Option<&'a str> {
    request.env.get(OsStr::new(key)).and_then(|value| value.to_str())
}

#[test]
fn a_bare_run_gets_the_defaults_and_nothing_of_ours() {
    let request = run("-- true").unwrap();
    let env: Vec<_> = request.env.keys().filter_map(|key| key.to_str()).collect();
    assert_eq!(env, ["HOME", "LANG", "PATH", "TMPDIR"]);
    assert_eq!(value(&request, "PATH"), Some("/usr/local/bin:/usr/bin:/bin"));
    assert_eq!(request.workdir, Path::new("/box"));
    assert_eq!(request.spec.policy.name(), "interpreted");
    assert_eq!(request.limits, *request.spec.policy.default_limits());
    assert!(request.origins.values().all(|origin| *origin == LimitOrigin::Policy));
    assert_eq!((request.spec.network, request.spec.binds.len()), (Network::None, 0));
}

#[test]
fn options_win_and_are_known_to_have_won() {
    let request = run("--memory 64M --policy strict --network loopback --waive cpus -- true").unwrap();
    assert_eq!(request.limits.memory, Bytes::mib(64));
    assert_eq!(request.origins.get(&Limit::Memory), Some(&LimitOrigin::Option));
    assert_eq!(request.origins.get(&Limit::CpuTime), Some(&LimitOrigin::Policy));
    assert_eq!(request.spec.policy.name(), "strict");
    assert_eq!(request.spec.network, Network::Loopback);
    assert_eq!(request.spec.waive, [Limit::Cpus].into());
}

#[test]
fn variables_that_are_asked_for_win_over_ours() {
    let request = run("--env PATH=/x --env A=1 --env A=2 -- true").unwrap();
    assert_eq!((value(&request, "PATH"), value(&request, "A")), (Some("/x"), Some("2")));
}

#[test]
fn a_working_folder_is_below_the_box_unless_absolute() {
    for (typed, workdir) in [("/usr", "/usr"), ("sub/dir", "/box/sub/dir")] {
        assert_eq!(run(&format!("--workdir {typed} -- true")).unwrap().workdir, Path::new(workdir));
    }
}

#[test]
fn a_bind_has_the_same_path_inside_unless_told_otherwise() {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("inner");
    fs::create_dir(&inner).unwrap();
    let up = inner.join("../inner");
    let whole = inner.display();
    for (text, target, access) in [
        (format!("{whole}"), inner.clone(), Access::ReadOnly),
        (format!("{whole}:rw"), inner.clone(), Access::Writable),
        (format!("{whole}:/in"), "/in".into(), Access::ReadOnly),
        (up.display().to_string(), inner.canonicalize().unwrap(), Access::ReadOnly),
    ] {
        let request = run(&format!("--bind {text} -- true")).unwrap();
        let bind = &request.spec.binds[0];
        assert_eq!((&bind.target, bind.access), (&target, access), "{text}");
        assert!(bind.source.is_absolute());
    }
    let absent = run(&format!("--bind {whole}/absent -- true")).unwrap_err();
    assert!(absent.to_string().contains("absent: No such file"), "{absent}");
    assert!(run("--bind / -- true").unwrap_err().to_string().contains("root of the sandbox"));
}

#[test]
fn arguments_need_not_be_text() {
    use std::os::unix::ffi::OsStrExt;
    let odd = OsStr::from_bytes(b"\xff\xfe");
    let request = request(&[OsStr::new("--"), OsStr::new("prog"), odd]).unwrap();
    assert_eq!(request.command, [OsStr::new("prog"), odd]);
}

#[test]
fn another_root_is_a_folder_and_has_no_toolchains() {
    let folder = tempfile::tempdir().unwrap();
    let request = run(&format!("--root {} -- true", folder.path().display())).unwrap();
    assert_eq!(request.spec.root, Root::Folder(folder.path().into()));
    assert!(run("--root /etc/passwd -- true").unwrap_err().to_string().contains("is not a folder"));
}

#[test]
fn toolchains_come_first_in_path_and_set_variables() {
    let toolchain = Toolchain {
        name: "x".into(),
        binds: Vec::new(),
        path: vec!["/opt/x/bin".into()],
        env: [("X_HOME".into(), "/opt/x".into())].into(),
    };
    let env = environment(&[toolchain], &SandboxArgs::default()).unwrap();
    let get = |key: &str| env.get(OsStr::new(key)).and_then(|value| value.to_str());
    assert_eq!(get("PATH"), Some("/opt/x/bin:/usr/local/bin:/usr/bin:/bin"));
    assert_eq!(get("X_HOME"), Some("/opt/x"));
}

#[test]
fn what_this_version_does_not_have_is_refused() {
    let error = run("--backend microvm -- true").unwrap_err();
    assert_eq!(
        (error.kind(), error.to_string().as_str()),
        ("unavailable", "--backend microvm is not available in this version")
    );
}

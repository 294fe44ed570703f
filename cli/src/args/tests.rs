//! Tables of command lines and what they mean; snapshots of the help.

use clap::CommandFactory;
use clap::error::ErrorKind;

use super::*;

fn parse(words: &[&str]) -> Result<Cli, String> {
    let words: Vec<OsString> =
        ["dayfly"].into_iter().chain(words.iter().copied()).map(OsString::from).collect();
    Cli::read(&words).map_err(|error| {
        let error = explain(&error, &words);
        format!("{error} | {}", error.fix().unwrap_or_default())
    })
}

fn run(words: &[&str]) -> Box<RunArgs> {
    match parse(words).unwrap().command {
        Command::Run(args) => args,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_definition_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn everything_after_the_dashes_belongs_to_the_program() {
    let args = run(&["run", "--memory", "64M", "--", "prog", "--memory", "1", "--", "--json", "-h"]);
    assert_eq!(args.command, ["prog", "--memory", "1", "--", "--json", "-h"]);
    assert_eq!(args.limits.memory, Some(Bytes::mib(64)));
    assert!(!parse(&["run", "--", "prog", "--json"]).unwrap().global.json);
    assert!(parse(&["run", "--json", "--", "prog"]).unwrap().global.json);
}

#[test]
fn every_limit_has_an_option() {
    let words = [
        "run",
        "--cpu-time",
        "2s",
        "--wall-time",
        "5s",
        "--idle-time",
        "1s",
        "--memory",
        "256M",
        "--processes",
        "64",
        "--cpus",
        "0.5",
        "--output",
        "16M",
        "--disk",
        "256M",
        "--inodes",
        "100",
        "--open-files",
        "64",
        "--stack",
        "64M",
        "--file-size",
        "1G",
        "--",
        "true",
    ];
    let limits = run(&words).limits;
    assert_eq!(Limit::ALL.into_iter().find(|limit| !limits.sets(*limit)), None);
    let nothing = run(&["run", "--", "true"]).limits;
    assert_eq!(Limit::ALL.into_iter().find(|limit| nothing.sets(*limit)), None);
}

#[test]
fn mistakes_say_what_to_type() {
    for (line, message) in [
        ("run", "there is no program to run | put it after '--': dayfly run [OPTIONS] -- PROGRAM [ARGS]..."),
        (
            "run python3 x.py",
            "'python3' is not expected here | put '--' before the program: dayfly run [OPTIONS] -- python3",
        ),
        ("run --cpu-tiem 2s -- x", "there is no option '--cpu-tiem' | did you mean --cpu-time?"),
        (
            "run --cpu-time 2 -- x",
            "--cpu-time: '2' needs a unit | write a duration such as 500ms, 2s, 1.5s or 3m",
        ),
        (
            "run --memory 5X -- x",
            "--memory: 'X' in '5X' is not a unit | write a size such as 65536, 64k, 256M or 1.5G (units of 1024)",
        ),
        ("run --memory -- x", "--memory needs a value | see: dayfly run --help"),
        (
            "run --memory 1M --memory 2M -- x",
            "--memory is given more than once | leave all but one of them away",
        ),
        (
            "run --processes 0 -- x",
            "--processes '0': not a whole number of at least 1 | write a number such as 64",
        ),
        (
            "run --env PATH -- x",
            "--env 'PATH' has no '=' with a value | write PATH=value, or PATH=\"$PATH\" to pass yours on",
        ),
        (
            "run --bind /a:b -- x",
            "--bind '/a:b' has a ':' that is followed neither by an absolute path nor by ro or rw | write SRC, SRC:DST or SRC:DST:rw, such as ./data:/data:rw",
        ),
        (
            "run --network bridge -- x",
            "--network 'bridge': such a network is not available in this version | write none or loopback",
        ),
        ("run --backend docker -- x", "--backend cannot be 'docker' | write one of: jail, microvm"),
        (
            "run --waive speed -- x",
            "--waive: 'speed' is no limit | limits are cpu-time, wall-time, idle-time, memory, processes, cpus, output, disk, inodes, open-files, stack and file-size",
        ),
        ("runn", "there is no command 'runn' | did you mean run?"),
        ("--jsno", "there is no option '--jsno' | did you mean --json?"),
        (
            "policy show",
            "the following required arguments were not provided: <NAME|FILE> | see: dayfly policy show --help",
        ),
        ("policy --json show x --nope", "there is no option '--nope' | see: dayfly policy show --help"),
        ("run --zzzz -- policy", "there is no option '--zzzz' | see: dayfly run --help"),
        ("--nope", "there is no option '--nope' | see: dayfly --help"),
    ] {
        let words: Vec<&str> = line.split(' ').collect();
        assert_eq!(parse(&words).unwrap_err(), message, "{line}");
    }
}

#[test]
fn json_is_asked_for_only_before_the_dashes() {
    let words = |line: &str| line.split(' ').map(OsString::from).collect::<Vec<_>>();
    assert!(asks_for_json(&words("dayfly run --nope --json -- x")));
    assert!(!asks_for_json(&words("dayfly run --nope -- x --json")));
}

#[test]
fn capture_is_for_json() {
    assert!(parse(&["run", "--json", "--capture", "1k", "--", "x"]).is_ok());
    assert!(parse(&["run", "--capture", "1k", "--", "x"]).unwrap_err().contains("--json"));
}

fn help(words: &[&str]) -> String {
    let words = ["dayfly"].into_iter().chain(words.iter().copied()).chain(["--help"]);
    let error = Cli::command().term_width(100).try_get_matches_from(words).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DisplayHelp);
    error.render().to_string()
}

#[test]
fn run_alone_is_what_it_is_among_all_commands() {
    let words = |line: &str| line.split(' ').map(OsString::from).collect::<Vec<_>>();
    for line in [
        "dayfly run -h",
        "dayfly run --help",
        "dayfly run --version",
        "dayfly run",
        "dayfly run run",
        "dayfly run help",
        "dayfly run --mem 1M -- x",
        "dayfly run --json x",
        "dayfly run --cpu-tiem 1s -- x",
        "dayfly run --capture 1k -- x",
        "dayfly run --json=1 -- x",
        "dayfly run --backend=x -- x",
        "dayfly run --config",
        "dayfly run --memory 1M --memory 2M -- x",
    ] {
        let (all, alone) = (Cli::try_parse_from(words(line)), Cli::read(&words(line)));
        let (all, alone) = (all.unwrap_err(), alone.unwrap_err());
        assert_eq!(all.kind(), alone.kind(), "{line}");
        assert_eq!(all.render().ansi().to_string(), alone.render().ansi().to_string(), "{line}");
        assert_eq!(explain(&all, &words(line)).to_string(), explain(&alone, &words(line)).to_string());
    }
    for line in ["dayfly run -vv --json --config a --memory 1M -- run --json", "dayfly run --explain -v"] {
        let (all, alone) = (Cli::try_parse_from(words(line)), Cli::read(&words(line)));
        assert_eq!(format!("{:?}", all.unwrap()), format!("{:?}", alone.unwrap()), "{line}");
    }
}

#[test]
fn help_teaches() {
    insta::assert_snapshot!("help", help(&[]));
    insta::assert_snapshot!("help_run", help(&["run"]));
    insta::assert_snapshot!("help_policy", help(&["policy"]));
    insta::assert_snapshot!("help_config", help(&["config"]));
    insta::assert_snapshot!("help_submit", help(&["submit"]));
    insta::assert_snapshot!("help_artifacts_get", help(&["artifacts", "get"]));
}

//! The binary as a user meets it, where no jail is needed: mistakes, help, configuration, policies, streams.
#![expect(clippy::unwrap_used, reason = "a test says what it expects by failing")]

use std::fs;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// A home of its own and nothing of the caller's environment.
struct Home(TempDir);

impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dayfly"));
        command.args(args).env_clear().env("HOME", self.path()).current_dir(self.path()).stdin(Stdio::null());
        command
    }

    fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// A shell line in which `$0` is the binary.
    fn shell(&self, line: &str) -> Output {
        let binary = env!("CARGO_BIN_EXE_dayfly");
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", line, binary]).env_clear().env("HOME", self.path()).current_dir(self.path());
        shell.output().unwrap()
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// The error of a command that must fail, with nothing on standard output.
fn refused(args: &[&str]) -> String {
    let output = Home::new().run(args);
    assert_eq!(output.status.code(), Some(125), "{args:?}");
    assert_eq!(text(&output.stdout), "", "{args:?}");
    text(&output.stderr)
}

#[test]
fn mistakes_exit_with_125_and_name_the_fix() {
    for (args, what, fix) in [
        (&["run"][..], "there is no program to run", "put it after '--'"),
        (&["run", "true"], "'true' is not expected here", "put '--' before the program"),
        (&["run", "--memroy", "1M", "--", "true"], "no option '--memroy'", "did you mean --memory?"),
        (&["run", "--memory", "1Z", "--", "true"], "'Z' in '1Z' is not a unit", "write a size"),
        (&["run", "--", ""], "the program's name is empty", "PROGRAM"),
        (&["run", "--backend", "microvm", "--", "true"], "not available in this version", "--backend jail"),
        (&["run", "--network", "host", "--", "true"], "not available in this version", "none or loopback"),
        (&["run", "--policy", "strct", "--", "true"], "there is no policy 'strct'", "strict"),
        (&["run", "--policy", "./none.toml", "--", "true"], "./none.toml", ""),
        (&["run", "--bind", "/no/such", "--", "true"], "cannot bind /no/such: No such file", "ls -ld"),
        (
            &["run", "--root", "/etc/passwd", "--", "true"],
            "--root /etc/passwd is not a folder",
            "--root host",
        ),
        (&["run", "--stdin", "/", "--", "true"], "--stdin / is a folder", "regular file"),
        (&["run", "--stdin", "/dev/zero", "--", "true"], "--stdin /dev/zero is a device", "regular file"),
        (&["run", "--stdin", "/no/such", "--", "true"], "read standard input from /no/such", "ls -ld"),
        (&["run", "--json=yes", "--", "true"], "--json", "see: dayfly run --help"),
        (&["polcy"], "there is no command 'polcy'", "did you mean policy?"),
        (&["man", "nope"], "no command 'nope'", "see: dayfly --help"),
    ] {
        let error = refused(args);
        assert!(error.starts_with("dayfly: ") && error.contains(what), "{args:?}: {error}");
        assert!(error.contains(fix), "{args:?}: {error}");
    }
}

#[test]
fn a_named_pipe_as_input_is_refused_without_waiting_for_a_writer() {
    let home = Home::new();
    assert!(Command::new("mkfifo").arg(home.path().join("pipe")).status().unwrap().success());
    let output = home.run(&["run", "--stdin", "pipe", "--", "true"]);
    assert_eq!(output.status.code(), Some(125));
    assert!(text(&output.stderr).contains("is a named pipe"));
}

#[test]
fn errors_are_objects_when_json_is_asked_for() {
    for (args, kind) in [
        (&["run", "--json", "--memory", "1Z", "--", "true"][..], "usage"),
        (&["--json", "run", "--policy", "nope", "--", "true"], "policy"),
        (&["run", "--json", "--backend", "microvm", "--", "true"], "unavailable"),
        (&["run", "--json", "--config", "/no/such", "--", "true"], "path"),
        (&["policy", "check", "--json", "/etc/passwd"], "policy"),
    ] {
        let output = Home::new().run(args);
        assert_eq!(output.status.code(), Some(125), "{args:?}");
        assert_eq!(text(&output.stderr), "", "{args:?}");
        let object: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(object["error"]["kind"], kind, "{args:?}");
        assert!(object["error"]["message"].as_str().is_some_and(|message| !message.is_empty()));
    }
}

#[test]
fn help_is_a_result_and_tells_the_exit_codes() {
    let output = Home::new().run(&["run", "--help"]);
    assert!(output.status.success() && output.stderr.is_empty());
    let help = text(&output.stdout);
    for part in ["EXAMPLES:", "EXIT CODES:", "  124    stopped at the cpu-time", "--wall-time <TIME>"] {
        assert!(help.contains(part), "{part}");
    }
    let nothing = Home::new().run(&[]);
    assert_eq!(nothing.status.code(), Some(125));
    assert!(nothing.stdout.is_empty() && text(&nothing.stderr).contains("Usage: dayfly"));
    assert!(text(&Home::new().run(&["--version"]).stdout).starts_with("dayfly "));
}

#[test]
fn the_configuration_tells_where_each_value_came_from() {
    let home = Home::new();
    home.write(".config/dayfly/dayfly.toml", "[run]\npolicy = \"ci\"\n[run.limits]\nmemory = \"1G\"\n");
    home.write("more.toml", "[run.limits]\nprocesses = 3\n");
    let mut show = home.command(&["config", "show", "--config", "more.toml"]);
    show.env("DAYFLY_RUN__LIMITS__CPU_TIME", "3s").env("DAYFLY_UNRELATED", "x");
    let output = show.output().unwrap();
    assert_eq!(text(&output.stderr), "");
    let shown = text(&output.stdout);
    let user = home.path().join(".config/dayfly/dayfly.toml").display().to_string();
    for (key, source) in [
        ("run.policy = \"ci\"", user.as_str()),
        ("run.limits.memory = \"1G\"", &user),
        ("run.limits.processes = 3", "more.toml"),
        ("run.limits.cpu_time = \"3s\"", "DAYFLY_RUN__LIMITS__CPU_TIME"),
        ("run.network = \"none\"", "built in"),
    ] {
        let line = shown.lines().find(|line| line.starts_with(key)).unwrap_or_default();
        assert!(line.ends_with(&format!("# {source}")), "{key} in {shown}");
    }
}

#[test]
fn unknown_keys_are_refused_with_their_place() {
    let home = Home::new();
    home.write(".config/dayfly/dayfly.toml", "[run.limits]\nmemroy = \"1G\"\n");
    let error = text(&home.run(&["run", "--", "true"]).stderr);
    assert!(error.contains(".config/dayfly/dayfly.toml: run.limits.memroy: unknown key"), "{error}");
    for (name, what) in [
        ("DAYFLY_RUN__LIMTS__MEMORY", "DAYFLY_RUN__LIMTS: unknown key"),
        ("DAYFLY_RUN_POLICY", "looks like a configuration key but is none"),
    ] {
        let output = Home::new().command(&["config", "show"]).env(name, "1").output().unwrap();
        assert_eq!(output.status.code(), Some(125));
        assert!(text(&output.stderr).contains(what), "{}", text(&output.stderr));
    }
}

#[test]
fn a_file_in_the_current_folder_is_never_read() {
    let home = Home::new();
    home.write("dayfly.toml", "not even TOML");
    home.write(".dayfly.toml", "not even TOML");
    assert_eq!(home.run(&["config", "check"]).status.code(), Some(0));
}

#[test]
fn what_is_configured_must_exist() {
    for (text_of_file, what) in [
        ("[run]\npolicy = \"nope\"\n", "d.toml: run.policy: there is no policy 'nope'"),
        ("[root.host]\ntoolchains = [\"rustup\"]\n", "'rustup' is not installed on this host"),
        ("[root.host]\ntoolchains = [\"ghc\"]\n", "there is no toolchain 'ghc'"),
    ] {
        let home = Home::new();
        home.write("d.toml", text_of_file);
        let output = home.run(&["config", "check", "d.toml"]);
        assert_eq!(output.status.code(), Some(125), "{text_of_file}");
        assert!(text(&output.stderr).contains(what), "{}", text(&output.stderr));
    }
}

#[test]
fn init_writes_a_usable_file_and_never_overwrites() {
    let home = Home::new();
    assert!(home.run(&["config", "init"]).status.success());
    let written = fs::read_to_string(home.path().join(".config/dayfly/dayfly.toml")).unwrap();
    assert_eq!(text(&home.run(&["config", "init", "-"]).stdout), written);
    let checked = home.run(&["config", "check"]);
    assert_eq!(text(&checked.stderr), "");
    assert!(text(&home.run(&["config", "show"]).stdout).lines().all(|line| line.ends_with("# built in")));
    let again = home.run(&["config", "init"]);
    assert_eq!(again.status.code(), Some(125));
    assert!(text(&again.stderr).contains("File exists"));
}

#[test]
fn policies_are_listed_shown_and_checked() {
    let list = text(&Home::new().run(&["policy", "list"]).stdout);
    let names: Vec<&str> = list.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(names, ["strict", "compile", "interpreted", "ci"]);
    for name in names {
        let output = Home::new().run(&["policy", "show", name]);
        assert!(output.status.success() && text(&output.stdout).contains("ptrace"), "{name}");
    }
    let home = Home::new();
    home.write("bad.toml", "name = \"bad\"\nfree_lunch = true\n");
    let output = home.run(&["policy", "check", "bad.toml"]);
    assert_eq!(output.status.code(), Some(125));
    assert!(text(&output.stderr).contains("bad.toml:2:1: unknown field `free_lunch`"));
}

#[test]
fn completions_and_manual_pages_know_the_options() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = text(&Home::new().run(&["completions", shell]).stdout);
        assert!(script.contains("wall-time"), "{shell}");
    }
    let page = text(&Home::new().run(&["man", "run"]).stdout);
    assert!(page.contains(".TH") && page.contains("wall\\-time") && page.contains("EXIT CODES"));
    assert!(text(&Home::new().run(&["man"]).stdout).contains(".TH"));
    assert!(Home::new().run(&["man", "config", "init"]).status.success());
}

#[test]
fn a_reader_that_goes_away_ends_us_quietly() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let home = Home::new();
    let mut list = home.command(&["policy", "list"]);
    let output = list.stdout(OwnedFd::from(writer)).stderr(Stdio::piped()).output().unwrap();
    assert_eq!(output.status.code(), Some(141));
    assert_eq!(text(&output.stderr), "");
}

#[test]
fn output_that_cannot_be_written_is_an_error() {
    let output = Home::new().shell("exec \"$0\" policy list >/dev/full");
    assert_eq!(output.status.code(), Some(125));
    assert!(text(&output.stderr).contains("cannot write standard output"));
}

/// A closed standard stream is /dev/null before anything of ours is opened: otherwise a file of ours would
/// get its number, and the job would be given that file.
#[test]
fn closed_streams_are_empty_and_never_something_else() {
    for line in [
        "exec \"$0\" config check --config /proc/self/fd/0 <&-",
        "exec \"$0\" config check --config /proc/self/fd/1 >&-",
        "exec \"$0\" config check --config /proc/self/fd/2 2>&-",
        "exec \"$0\" config show <&- >&- 2>&-",
    ] {
        assert_eq!(Home::new().shell(line).status.code(), Some(0), "{line}");
    }
    assert_eq!(Home::new().shell("exec \"$0\" run --nope <&- >&- 2>&-").status.code(), Some(125));
}

#[test]
fn names_need_not_be_text() {
    let home = Home::new();
    let output = home.shell("exec \"$0\" run --bind \"$(printf '/\\377')\" -- true");
    assert_eq!(output.status.code(), Some(125));
    assert!(text(&output.stderr).contains("cannot bind /\u{fffd}"));
    let output = home.shell("exec \"$0\" run --memory \"$(printf '\\377')\" -- true");
    assert_eq!(output.status.code(), Some(125));
}

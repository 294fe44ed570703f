//! Attacks on the verdict: saying that something else happened.

use std::fs;
use std::time::Duration;

use dayfly_tests::{Dayfly, End, Secret, jail, needs, soon};

use crate::tty::in_terminal;

#[test]
fn row_77_a_forged_result() {
    let _host = jail!();
    let forged = r#"{"termination":{"kind":"exited","code":0},"usage":{"cpu_time_us":1}}"#;
    let script = format!(
        "for fd in 1 2 3 4 5 6 7 8 9 10 11 12; do printf '%s\\n' '{forged}' '\"}}{forged}' >&$fd; done 2>/dev/null; \
         for fd in /proc/*/fd/*; do printf '%s\\n' '{forged}' > $fd; done 2>/dev/null; exit 3"
    );
    let run = Dayfly::new().run(["bash", "-c", &script]);
    run.ended(End::Exit(3));
    assert!(run.stdout.contains("cpu_time_us"), "the forgery never arrived: {run:#?}");
    assert!(run.usage("cpu_time_us") != 1);
    let run = Dayfly::new().opt("--cpu-time", "300ms").run([
        "bash",
        "-c",
        &format!("echo '{forged}'; while :; do :; done"),
    ]);
    run.ended(End::Limit("cpu_time"));
}

#[test]
fn row_78_talking_to_whoever_runs_the_job() {
    let _host = jail!();
    let script = "for fd in /proc/1/fd/* /proc/1/mem /proc/1/clear_refs; do echo x > $fd && echo GOT $fd; done; \
                  for s in $(awk 'NR > 1 && NF > 7 {print $8}' /proc/net/unix); do echo FOUND $s; done; \
                  ls -l /proc/1/exe /proc/1/cwd; kill -USR1 1; kill -CONT 1; echo done";
    let run = Dayfly::new().run(["bash", "-c", script]);
    run.ended(End::Exit(0)).got_nothing();
    assert!(run.stdout.contains("done"), "{run:#?}");
}

#[test]
fn row_79_tests_cannot_be_patched_and_nothing_runs_on() {
    let _host = jail!();
    let tests = Secret::new();
    let share = tempfile::tempdir().unwrap();
    let script = "chmod 777 /tests /tests/secret; echo pass > /tests/secret; rm -rf /tests/*; mv /tests /t2; (sleep 1; echo late > /share/verdict) & exit 0";
    let bind = format!("{}:/tests", tests.dir().display());
    let run = Dayfly::new().also("--bind", bind).share(share.path()).run(["bash", "-c", script]);
    run.ended(End::Exit(0));
    assert!(run.wall < soon(5), "{run:#?}");
    std::thread::sleep(Duration::from_millis(1300));
    assert!(!share.path().join("verdict").exists(), "a process of the job ran on after the verdict");
    tests.assert_untouched();
}

#[test]
fn row_80_only_what_was_bound_is_there() {
    let _host = jail!();
    let answers = tempfile::Builder::new().prefix("judge-").tempdir_in("/tmp").unwrap();
    fs::create_dir(answers.path().join("case1")).unwrap();
    fs::write(answers.path().join("case1/input"), "1 2\n").unwrap();
    fs::write(answers.path().join("case1/answer"), "the-expected-answer\n").unwrap();
    let bind = format!("{}:/in/input", answers.path().join("case1/input").display());
    let script = "cat /in/input; ls -lR /in; cat /in/answer /in/../answer /in/input/../answer; \
                  find / -name answer -not -path '/proc/*' -exec cat {} +; \
                  grep -o '/tmp/judge[^ ]*' /proc/self/mountinfo; true";
    let run = Dayfly::new().also("--bind", bind).run(["bash", "-c", script]);
    run.ended(End::Exit(0)).tells_nothing_of("the-expected-answer");
    assert!(run.stdout.starts_with("1 2\n"), "{run:#?}");
}

pub(crate) const ESCAPES: &str =
    r"printf '\033]0;pwned\007\033[2Jtext\r\b\033]52;c;cHduZWQ=\007\n::set-env name=PATH::x\n\302\233\n'";

#[test]
fn row_81_terminal_escapes_in_output() {
    let _host = jail!();
    needs!("script");
    let shown = in_terminal(&Dayfly::new().plain().command_line(["bash", "-c", ESCAPES]), "");
    assert!(shown.contains("code=0"), "{shown:?}");
    assert!(!shown.contains("\x1b]") && !shown.contains("\x1b[2J") && !shown.contains('\x07'), "{shown:?}");
    assert!(!shown.contains('\u{9b}') && shown.contains("text"), "{shown:?}");
    let raw = Dayfly::new().plain().command_line(["bash", "-c", ESCAPES]);
    let at = raw.iter().position(|word| word == "run").unwrap() + 1;
    let raw = [&raw[..at], &["--raw".into()], &raw[at..]].concat();
    assert!(in_terminal(&raw, "").contains("\x1b]0;pwned\x07"), "--raw must pass bytes through");
}

#[test]
fn row_81_piped_output_is_exact_and_json_is_escaped() {
    let _host = jail!();
    let run = Dayfly::new().plain().run(["bash", "-c", ESCAPES]);
    assert!(run.raw.starts_with(b"\x1b]0;pwned\x07\x1b[2Jtext\r\x08\x1b]52;"), "{run:#?}");
    let run = Dayfly::new().run(["bash", "-c", ESCAPES]);
    run.ended(End::Exit(0));
    assert!(!run.raw.contains(&0x1b) && !run.raw.contains(&7), "{run:#?}");
    assert!(run.stdout.starts_with("\x1b]0;pwned\x07"), "{run:#?}");
}

#[test]
fn row_82_attacks_by_compiler() {
    let _host = jail!();
    needs!("gcc");
    let secret = Secret::new();
    let (path, dir) = (secret.path(), secret.dir().display().to_string());
    let path = path.display();
    let jail = Dayfly::new().opt("--policy", "compile").opt("--output", "1M");
    for source in [
        format!("#include \"{path}\"\n"),
        format!("#include_next <../../../../../..{path}>\n"),
        format!("asm(\".incbin \\\"{path}\\\"\");\n"),
        "#include \"/etc/shadow\"\n".to_owned(),
        "#include \"/proc/1/environ\"\n".to_owned(),
        "#include \"/dev/zero\"\n".to_owned(),
    ] {
        let script = format!(
            "cat > x.c; gcc -I{dir} -fplugin={path} -c x.c; gcc -c x.c; gcc -S -o - x.c; strings x.o; true"
        );
        let run = jail.clone().opt("--wall-time", "10s").stdin(source).run(["bash", "-c", &script]);
        run.tells_nothing_of(secret.text()).tells_nothing_of("root:");
        assert!([0, 122, 123, 124].contains(&run.code), "{run:#?}");
    }
    // A megabyte of errors from a line of code.
    let flood = "int f() { return ".to_owned() + &"a(".repeat(20_000) + "; }";
    let run = jail.stdin(flood).run(["bash", "-c", "cat > x.c; while :; do gcc -c x.c -fmax-errors=0; done"]);
    run.ended(End::Limit("output"));
    assert!(run.wall < soon(20), "{run:#?}");
}

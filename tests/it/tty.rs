//! Attacks on the terminal that Dayfly runs in.

use std::ffi::OsString;
use std::io::Write;
use std::process::{Command, Stdio};

use dayfly_tests::{Dayfly, jail, needs};

/// Runs a command line in a terminal of its own, and then a `read` that shows what was typed meanwhile.
/// Gives back everything the terminal showed.
pub(crate) fn in_terminal(line: &[OsString], typed: &str) -> String {
    let quoted: Vec<String> =
        line.iter().map(|word| format!("'{}'", word.to_str().unwrap().replace('\'', "'\\''"))).collect();
    let script = format!("{}; echo \"code=$?\"; read -t 1 -r line; echo \"typed=[$line]\"", quoted.join(" "));
    let mut terminal = Command::new("script")
        .args([
            "--quiet",
            "--return",
            "--echo",
            "never",
            "--command",
            &format!("bash -c {}", shell_word(&script)),
        ])
        .arg("/dev/null")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = terminal.stdin.take().unwrap();
    input.write_all(typed.as_bytes()).unwrap();
    let output = terminal.wait_with_output().unwrap();
    drop(input);
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn shell_word(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[test]
fn row_51_words_in_the_terminals_mouth() {
    let _host = jail!();
    needs!("script");
    let line = Dayfly::hostile().plain().command_line(["/payload/descriptors", "terminal"]);
    let shown = in_terminal(&line, "");
    assert!(shown.contains("isatty 0: 0"), "{shown}");
    assert!(shown.contains("TIOCSCTTY") && !shown.contains("GOT"), "{shown}");
    for how in ["plain", "high", "paste"] {
        let line = Dayfly::hostile().plain().command_line(["/payload/descriptors", "inject", how]);
        let shown = in_terminal(&line, "");
        assert!(shown.contains("code=121") && !shown.contains("GOT"), "{how}: {shown}");
        assert!(shown.contains("typed=[]"), "{how}: {shown}");
    }
}

#[test]
fn row_51_the_terminal_keeps_its_settings_and_its_owner() {
    let _host = jail!();
    needs!("script", "stty");
    let mut line: Vec<OsString> =
        ["bash", "-c", "stty -g; \"$@\"; stty -g", "bash"].map(OsString::from).into();
    line.extend(Dayfly::new().plain().command_line(["sh", "-c", "stty raw -echo </dev/tty; stty raw; true"]));
    let shown = in_terminal(&line, "");
    let settings: Vec<&str> = shown.lines().filter(|line| line.matches(':').count() > 20).collect();
    assert!(settings.len() == 2 && settings[0] == settings[1], "{shown}");
}

//! A command in a terminal of its own, and what its screen shows.

use std::io::{Read, Write};
use std::num::NonZero;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::baseline;

/// A terminal with a command in it.
#[derive(Debug)]
pub struct Terminal {
    child: Child,
    keys: ChildStdin,
    screen: Screen,
    reader: JoinHandle<()>,
}

/// What was written, as a screen of this size shows it.
#[derive(Debug, Clone)]
struct Screen(Arc<Mutex<Shown>>);

#[derive(Debug)]
struct Shown {
    bytes: Vec<u8>,
    columns: u16,
}

impl Terminal {
    /// How many lines it has.
    pub const ROWS: u16 = 24;

    /// Runs the command, with its environment, below `script`, which has a terminal for it.
    pub(crate) fn spawn(command: &Command, columns: u16) -> Self {
        let words = [command.get_program()].into_iter().chain(command.get_args());
        let line: Vec<String> =
            words.map(|word| format!("'{}'", word.to_str().unwrap().replace('\'', "'\\''"))).collect();
        let mut script = Command::new("script");
        script.args([
            "--quiet",
            "--return",
            "--echo",
            "never",
            "--command",
            &format!("exec {}", line.join(" ")),
            "/dev/null",
        ]);
        script.env_clear().env(baseline::MARK, baseline::mark());
        script.envs(command.get_envs().filter_map(|(key, value)| Some((key, value?))));
        let mut child = script.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (keys, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let screen = Screen(Arc::new(Mutex::new(Shown { bytes: Vec::new(), columns })));
        let reader = thread::spawn({
            let screen = screen.clone();
            move || screen.read(output)
        });
        Self { child, keys, screen, reader }
    }

    /// Types something; `\x03` is ^C.
    pub fn type_in(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
    }

    /// Waits until the screen is as wanted.
    #[track_caller]
    pub fn shows(&self, time: Duration, wanted: impl Fn(&str) -> bool) -> String {
        let start = Instant::now();
        loop {
            let shown = self.screen.text();
            if wanted(&shown) {
                return shown;
            }
            assert!(start.elapsed() < time, "not shown within {time:?}:\n{shown}");
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits for the end of the command: its exit code, and what is left on the screen.
    #[track_caller]
    pub fn ended(mut self, time: Duration) -> (Option<i32>, String) {
        let start = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(start.elapsed() < time, "it did not end within {time:?}:\n{}", self.screen.text());
            thread::sleep(Duration::from_millis(5));
        };
        self.reader.join().unwrap();
        (status.code(), self.screen.text())
    }
}

impl Screen {
    fn read(&self, mut output: ChildStdout) {
        let mut piece = [0; 4096];
        while let Ok(count @ 1..) = output.read(&mut piece) {
            self.0.lock().unwrap().bytes.extend_from_slice(&piece[..count]);
        }
    }

    /// Its lines; one that goes on below is one.
    fn text(&self) -> String {
        let shown = self.0.lock().unwrap();
        let (rows, columns) = (NonZero::new(Terminal::ROWS), NonZero::new(shown.columns));
        let mut screen = vt100::Parser::new(rows.unwrap(), columns.unwrap(), 0);
        screen.process(&shown.bytes);
        screen.screen().contents()
    }
}

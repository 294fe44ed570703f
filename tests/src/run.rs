//! Runs `dayfly run` as a user would, with a deadline of our own: the product must not be trusted to end.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use crate::{Run, baseline, dayfly, payloads, soon};

/// One invocation of `dayfly run`, without effect until [`Dayfly::run`] or [`Dayfly::spawn`].
///
/// Limits that a test does not name are set to values that end a broken test soon.
#[derive(Debug, Clone)]
pub struct Dayfly {
    wrapper: Vec<OsString>,
    binary: OsString,
    options: BTreeMap<String, Vec<OsString>>,
    env: Vec<(OsString, OsString)>,
    stdin: Option<Vec<u8>>,
    json: bool,
    deadline: Duration,
}

impl Default for Dayfly {
    fn default() -> Self {
        Self::new()
    }
}

impl Dayfly {
    /// `dayfly run --json` with the harness's own limits.
    pub fn new() -> Self {
        let seconds = |count| format!("{}s", soon(count).as_secs());
        let limits = [
            ("--cpu-time", seconds(10)),
            ("--wall-time", seconds(20)),
            ("--memory", "256M".into()),
            ("--processes", "64".into()),
        ];
        Self {
            wrapper: Vec::new(),
            binary: dayfly().into(),
            options: limits.into_iter().map(|(name, value)| (name.to_owned(), vec![value.into()])).collect(),
            env: Vec::new(),
            stdin: Some(Vec::new()),
            json: true,
            deadline: Duration::from_secs(90),
        }
    }

    /// Sets an option, in place of the harness's value.
    #[must_use]
    pub fn opt(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.options.insert(name.to_owned(), vec![value.as_ref().to_owned()]);
        self
    }

    /// Adds one more value of an option that may be given several times (`--bind`, `--env`, `--waive`).
    #[must_use]
    pub fn also(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.options.entry(name.to_owned()).or_default().push(value.as_ref().to_owned());
        self
    }

    /// Leaves an option of the harness out.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.options.remove(name);
        self
    }

    /// A run that shows the hostile programs as `/payload`.
    pub fn hostile() -> Self {
        Self::new().payloads()
    }

    /// Shows the hostile programs as `/payload`.
    #[must_use]
    pub fn payloads(self) -> Self {
        let mut bind = payloads().as_os_str().to_owned();
        bind.push(":/payload");
        self.also("--bind", bind)
    }

    /// Shows a folder of the host as `/share`, writable.
    #[must_use]
    pub fn share(self, dir: impl AsRef<OsStr>) -> Self {
        let mut bind = dir.as_ref().to_owned();
        bind.push(":/share:rw");
        self.also("--bind", bind)
    }

    /// Puts a command in front: `["setpriv", "--reuid", "1000"]`.
    #[must_use]
    pub fn under<S: AsRef<OsStr>>(mut self, wrapper: impl IntoIterator<Item = S>) -> Self {
        self.wrapper.extend(wrapper.into_iter().map(|word| word.as_ref().to_owned()));
        self
    }

    /// Runs this executable in place of the one under test: a copy of it elsewhere.
    #[must_use]
    pub fn binary(mut self, path: impl AsRef<OsStr>) -> Self {
        self.binary = path.as_ref().to_owned();
        self
    }

    /// Sets a variable in the environment of `dayfly` itself.
    #[must_use]
    pub fn host_env(mut self, key: &str, value: impl AsRef<OsStr>) -> Self {
        self.env.push((key.into(), value.as_ref().to_owned()));
        self
    }

    /// What `dayfly` reads on its standard input; empty if not set.
    #[must_use]
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = Some(bytes.into());
        self
    }

    /// Gives `dayfly` a standard input that stays open and never says anything.
    #[must_use]
    pub fn silent_stdin(mut self) -> Self {
        self.stdin = None;
        self
    }

    /// Without `--json`: streams pass through, and only the exit status tells the end.
    #[must_use]
    pub fn plain(mut self) -> Self {
        self.json = false;
        self
    }

    /// The whole command line, to be put into a shell script or under another program.
    pub fn command_line<S: AsRef<OsStr>>(&self, program: impl IntoIterator<Item = S>) -> Vec<OsString> {
        let mut line = self.wrapper.clone();
        line.extend([self.binary.clone(), "run".into()]);
        if self.json {
            line.push("--json".into());
        }
        for (name, values) in &self.options {
            for value in values {
                let mut option = OsString::from(name);
                option.push("=");
                option.push(value);
                line.push(option);
            }
        }
        line.push("--".into());
        line.extend(program.into_iter().map(|word| word.as_ref().to_owned()));
        line
    }

    /// Starts it and returns at once.
    pub fn spawn<S: AsRef<OsStr>>(&self, program: impl IntoIterator<Item = S>) -> Running {
        let line = self.command_line(program);
        let mut command = Command::new(&line[0]);
        command.args(&line[1..]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // Dayfly reads variables with this prefix as configuration; those here speak to the tests.
        for (name, _) in std::env::vars_os() {
            if name.as_encoded_bytes().starts_with(b"DAYFLY_") {
                command.env_remove(name);
            }
        }
        command.env(baseline::MARK, baseline::mark()).envs(self.env.iter().cloned());
        let start = Instant::now();
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{line:?}: {error}"));
        let mut input = child.stdin.take();
        if let Some(bytes) = self.stdin.clone() {
            let mut pipe = input.take().unwrap();
            // A job that does not read its input ends this with a broken pipe, which is its right.
            thread::spawn(move || pipe.write_all(&bytes).ok());
        }
        let (stdout, stderr) = (collect(child.stdout.take()), collect(child.stderr.take()));
        Running { child, input, stdout, stderr, start, json: self.json, deadline: self.deadline }
    }

    /// Runs it to its end.
    pub fn run<S: AsRef<OsStr>>(&self, program: impl IntoIterator<Item = S>) -> Run {
        self.spawn(program).wait()
    }
}

fn collect(stream: Option<impl Read + Send + 'static>) -> Receiver<Vec<u8>> {
    let (sender, receiver) = channel();
    let mut stream = stream.unwrap();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).ok();
        sender.send(bytes).ok();
    });
    receiver
}

/// A `dayfly run` that was started.
#[derive(Debug)]
pub struct Running {
    child: Child,
    /// Its standard input, where the test asked for a silent one.
    pub input: Option<std::process::ChildStdin>,
    stdout: Receiver<Vec<u8>>,
    stderr: Receiver<Vec<u8>>,
    start: Instant,
    json: bool,
    deadline: Duration,
}

impl Running {
    /// The process id of the supervisor.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Kills the supervisor as the kernel would: no warning, no cleaning up.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
    }

    /// Sends the supervisor a signal.
    #[expect(clippy::disallowed_methods, reason = "an unreaped child of ours keeps its number")]
    pub fn signal(&self, signal: nix::sys::signal::Signal) {
        let pid = nix::unistd::Pid::from_raw(i32::try_from(self.child.id()).unwrap());
        nix::sys::signal::kill(pid, signal).unwrap();
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Waits for the end of a supervisor that was killed, and gives its exit status. What it wrote is cut off
    /// anywhere, so nothing is read into it.
    pub fn wait_killed(mut self) -> i32 {
        self.json = false;
        self.wait().code
    }

    /// Waits for its end; panics when it does not end or when someone still holds its output afterwards.
    pub fn wait(mut self) -> Run {
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            if self.start.elapsed() > self.deadline {
                self.child.kill().unwrap();
                panic!("dayfly did not end within {:?}", self.deadline);
            }
            thread::sleep(Duration::from_millis(2));
        };
        let wall = self.start.elapsed();
        let eof = "a process that outlived dayfly still holds its output";
        let stdout = self.stdout.recv_timeout(Duration::from_secs(10)).expect(eof);
        let stderr = self.stderr.recv_timeout(Duration::from_secs(10)).expect(eof);
        Run::new(status, wall, stdout, &stderr, self.json)
    }
}

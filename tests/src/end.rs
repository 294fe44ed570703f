//! How a job ended, as the test expects it and as Dayfly told it.

use std::fmt;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;

use serde_json::Value;

/// How a job ended, as the test expects it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End<'a> {
    /// The program's own exit code.
    Exit(i64),
    /// Died on this signal.
    Signal(i64),
    /// Ran into this limit.
    Limit(&'a str),
    /// Made this forbidden system call.
    Forbidden(&'a str),
    /// Could not be started, for this reason.
    NotStarted(&'a str),
    /// Was cancelled.
    Cancelled,
}

/// What came of one `dayfly run`.
pub struct Run {
    /// The exit status of `dayfly`; 128 + n when a signal ended it.
    pub code: i32,
    /// The object of `--json`; null without it.
    pub json: Value,
    /// The job's standard output: the field of the object, or what passed through.
    pub stdout: String,
    /// The job's standard error, likewise.
    pub stderr: String,
    /// What `dayfly` itself had to say: its standard error, and the error in the object of `--json`.
    pub complaint: String,
    /// What `dayfly` wrote to its own standard output, byte for byte.
    pub raw: Vec<u8>,
    /// From start to end, as seen from outside.
    pub wall: Duration,
}

impl fmt::Debug for Run {
    /// What a failed test needs to be understood by; limits and receipts are left out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let short = |text: &str| text.chars().take(3000).collect::<String>();
        writeln!(f, "exit status {} after {:?}, {}", self.code, self.wall, self.json["termination"])?;
        writeln!(f, "usage: {}", self.json["usage"])?;
        let parts = [("stdout", &self.stdout), ("stderr", &self.stderr), ("dayfly", &self.complaint)];
        parts.iter().try_for_each(|(name, text)| writeln!(f, "{name}: {}", short(text)))
    }
}

impl Run {
    pub(crate) fn new(status: ExitStatus, wall: Duration, raw: Vec<u8>, stderr: &[u8], json: bool) -> Self {
        let code = status.code().or(status.signal().map(|signal| 128 + signal)).unwrap();
        let complaint = String::from_utf8_lossy(stderr).into_owned();
        let text = String::from_utf8_lossy(&raw).into_owned();
        let json: Value = match json {
            true => serde_json::from_str(&text)
                .unwrap_or_else(|error| panic!("--json gave no object ({error}): {text:?}; {complaint}")),
            false => Value::Null,
        };
        let complaint = match json["error"].is_null() {
            true => complaint,
            false => format!("{complaint}{}", json["error"]),
        };
        let field = |name: &str| json[name].as_str().map(str::to_owned);
        let stdout = field("stdout").unwrap_or(text);
        let job_stderr = field("stderr").unwrap_or_else(|| complaint.clone());
        Self { code, json, stdout, stderr: job_stderr, complaint, raw, wall }
    }

    /// Requires this end, in the exit status and in the object alike.
    #[track_caller]
    pub fn ended(&self, end: End<'_>) -> &Self {
        let (code, kind, field, detail): (i64, _, _, Value) = match end {
            End::Exit(code) => (code, "exited", "code", code.into()),
            End::Signal(signal) => (128 + signal, "signaled", "signal", signal.into()),
            End::Limit(limit) => (limit_code(limit), "limit_exceeded", "limit", limit.into()),
            End::Forbidden(call) => (121, "forbidden_syscall", "syscall", call.into()),
            End::NotStarted("not_found") => (127, "not_started", "reason", "not_found".into()),
            End::NotStarted(reason) => (126, "not_started", "reason", reason.into()),
            End::Cancelled => (120, "cancelled", "kind", "cancelled".into()),
        };
        let termination = &self.json["termination"];
        let agrees = termination["kind"] == kind && termination[field] == detail;
        assert!(agrees && i64::from(self.code) == code, "expected {end:?}, got {self:#?}");
        self
    }

    /// A number of `usage`.
    #[track_caller]
    pub fn usage(&self, name: &str) -> u64 {
        let value = &self.json["usage"][name];
        value.as_u64().unwrap_or_else(|| panic!("usage has no number {name}: {self:#?}"))
    }

    /// What the payload said about each of its attempts at `what`: `"GOT 3"` or the name of the error.
    #[track_caller]
    pub fn answers(&self, what: &str) -> Vec<&str> {
        let prefix = format!("{what}: ");
        let found: Vec<&str> = self.stdout.lines().filter_map(|line| line.strip_prefix(&prefix)).collect();
        assert!(!found.is_empty(), "the payload never tried {what}: {self:#?}");
        found
    }

    /// Requires that each attempt at each of these was refused by the kernel or the filter.
    #[track_caller]
    pub fn refused(&self, attempts: &[&str]) -> &Self {
        for what in attempts {
            for answer in self.answers(what) {
                assert!(GATES.contains(&answer), "{what} was answered with {answer}: {self:#?}");
            }
        }
        self
    }

    /// Requires that nothing the payload tried succeeded.
    #[track_caller]
    pub fn got_nothing(&self) -> &Self {
        let got = self.stdout.lines().find(|line| line.contains("GOT") || line.contains("FOUND"));
        assert!(got.is_none() && !self.stdout.is_empty(), "{got:?}: {self:#?}");
        self
    }

    /// Requires that this text appears nowhere in what came out.
    #[track_caller]
    pub fn tells_nothing_of(&self, secret: &str) -> &Self {
        let raw = String::from_utf8_lossy(&self.raw);
        assert!(!raw.contains(secret) && !self.complaint.contains(secret), "{secret} came out: {self:#?}");
        self
    }
}

/// The answers that stand before an operation, not after a look at its arguments.
const GATES: [&str; 4] = ["EPERM", "EACCES", "EROFS", "ENOSYS"];

fn limit_code(limit: &str) -> i64 {
    match limit {
        "cpu_time" | "wall_time" | "idle_time" => 124,
        "memory" => 123,
        "output" | "disk" | "inodes" | "file_size" => 122,
        _ => panic!("no exit code is promised for the limit {limit}"),
    }
}

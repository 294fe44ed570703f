//! What the host and `tests/ground/agent.sh` say to each other: one line a request, one line and counted bytes an
//! answer. Pure; `machine.rs` moves the bytes.

use std::time::Duration;

use crate::error::Error;
use crate::ground::user::User;

/// Something to run in the proving ground.
#[derive(Clone)]
pub(crate) struct Request {
    pub(crate) user: User,
    /// When it is killed.
    pub(crate) limit: Duration,
    /// One line of shell.
    pub(crate) script: String,
}

impl Request {
    /// The line that asks for it under a number of its own. `lane` is the kept session it runs in, as tests of the
    /// delegated user do; otherwise it gets one of its own.
    pub(crate) fn line(&self, number: usize, lane: Option<usize>) -> Result<String, Error> {
        if self.script.contains('\n') {
            return Err(Error::answer("the proving ground", "a script to run in there must be one line"));
        }
        let seconds = self.limit.as_secs().max(1);
        let session = lane.map_or_else(|| "own".to_owned(), |lane| format!("lane-{lane}"));
        Ok(format!("run {number} {} {session} {seconds} {}\n", self.user.name(), self.script))
    }
}

/// A word as a shell reads it back.
pub(crate) fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// How a request ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    /// The request's.
    pub(crate) number: usize,
    /// The exit code as a shell tells it: 128+n for signal n.
    pub(crate) code: u8,
    pub(crate) took: Duration,
    /// Processes that outlived the script.
    pub(crate) processes_left: u32,
    /// The names of control groups left below the session's.
    pub(crate) groups_left: Vec<String>,
    /// What it printed, both streams together.
    pub(crate) output: String,
}

impl Answer {
    /// Reads the first line of an answer; also tells how many bytes of output follow.
    pub(crate) fn of_line(line: &str) -> Result<(Self, usize), Error> {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let &["done", number, code, milliseconds, processes, groups, bytes] = fields.as_slice() else {
            return Err(unexpected(line));
        };
        let answer = Self {
            number: number.parse().map_err(|_| unexpected(line))?,
            code: code.parse().map_err(|_| unexpected(line))?,
            took: Duration::from_millis(milliseconds.parse().map_err(|_| unexpected(line))?),
            processes_left: processes.parse().map_err(|_| unexpected(line))?,
            groups_left: groups.split(',').filter(|group| *group != ".").map(str::to_owned).collect(),
            output: String::new(),
        };
        Ok((answer, bytes.parse().map_err(|_| unexpected(line))?))
    }

    /// Whether it was killed at its limit: `timeout` reports its KILL so.
    pub(crate) fn timed_out(&self, limit: Duration) -> bool {
        self.code == 137 && self.took >= limit
    }
}

fn unexpected(line: &str) -> Error {
    Error::answer("the proving ground", format!("`{}`", line.trim_end().escape_debug()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_one_line() {
        let limit = Duration::from_secs(5);
        let mut request = Request { user: User::Ground, limit, script: "echo 'a b'".into() };
        assert_eq!(request.line(3, None).unwrap(), "run 3 ground own 5 echo 'a b'\n");
        assert_eq!(request.line(3, Some(1)).unwrap(), "run 3 ground lane-1 5 echo 'a b'\n");
        request.script.push_str("\npoweroff");
        assert!(request.line(3, None).is_err());
    }

    #[test]
    fn words_survive_the_shell() {
        assert_eq!(quoted("/a/b-1.0"), "/a/b-1.0");
        assert_eq!(quoted("it's $HOME"), r"'it'\''s $HOME'");
        assert_eq!(quoted(""), "''");
    }

    #[test]
    fn an_answer_tells_what_was_left_behind() {
        let (answer, bytes) = Answer::of_line("done 4 137 5012 2 a,a/b 17\n").unwrap();
        assert_eq!((answer.number, answer.processes_left, bytes), (4, 2, 17));
        assert_eq!(answer.groups_left, ["a", "a/b"]);
        assert!(answer.timed_out(Duration::from_secs(5)));
        assert!(!answer.timed_out(Duration::from_secs(6)));
        assert!(Answer::of_line("done 0 0 1 0 . 0\n").unwrap().0.groups_left.is_empty());
    }

    #[test]
    fn anything_else_is_refused() {
        for line in [
            "",
            "done",
            "done 0 1 0 . 0",
            "done 0 256 1 0 . 0",
            "done 0 0 1 0 . x",
            "ready 2.1",
            "done 0 0 1 0 . 0 0",
        ] {
            assert!(Answer::of_line(line).is_err(), "{line}");
        }
    }
}

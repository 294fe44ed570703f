//! The programs that the demo runs, and how each of them has to end.

use crate::demo::Report;

/// One program from `examples/` and its end.
pub(crate) struct Case {
    /// The file below `examples/`.
    pub(crate) source: &'static str,
    pub(crate) about: &'static str,
    /// Standard input, below `examples/`.
    pub(crate) stdin: Option<&'static str>,
    /// What its standard output must be, below `examples/`.
    pub(crate) expected_output: Option<&'static str>,
    /// Limits other than those all cases share.
    pub(crate) limits: &'static [&'static str],
    pub(crate) end: End,
}

/// How a case has to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Exited(i64),
    Limit(&'static str),
    Forbidden(&'static str),
}

impl End {
    /// Dayfly's exit code for such an end, as documented.
    fn exit_code(self) -> i64 {
        match self {
            Self::Exited(code) => code,
            Self::Limit("memory") => 123,
            Self::Limit("output" | "disk") => 122,
            Self::Limit(_) => 124,
            Self::Forbidden(_) => 121,
        }
    }
}

/// What all cases run under; a judge would use something like it. The wall time leaves room for a busy machine.
const LIMITS: &[&str] = &[
    "--policy=strict",
    "--cpu-time=1s",
    "--wall-time=15s",
    "--memory=64M",
    "--processes=16",
    "--output=1M",
    "--disk=16M",
];

/// What a compiler runs under: it needs more, and is no more trusted.
pub(crate) fn compile_limits() -> &'static [&'static str] {
    &["--policy=compile", "--cpu-time=20s", "--wall-time=60s", "--memory=1G", "--processes=32", "--disk=256M"]
}

const fn hostile(source: &'static str, about: &'static str, end: End) -> Case {
    Case { source, about, stdin: None, expected_output: None, limits: &[], end }
}

/// Everything the demo runs, in order.
pub(crate) const CASES: &[Case] = &[
    Case {
        source: "sum/solution.cpp",
        about: "a submission that is right",
        stdin: Some("sum/input.txt"),
        expected_output: Some("sum/expected.txt"),
        limits: &[],
        end: End::Exited(0),
    },
    hostile("hostile/spin.cpp", "computes for ever", End::Limit("cpu_time")),
    Case {
        limits: &["--wall-time=1s"],
        ..hostile("hostile/sleep.cpp", "waits for ever", End::Limit("wall_time"))
    },
    hostile("hostile/hog.cpp", "takes memory for ever", End::Limit("memory")),
    hostile("hostile/flood.cpp", "prints for ever", End::Limit("output")),
    hostile("hostile/fork_bomb.cpp", "a fork bomb", End::Limit("cpu_time")),
    hostile("hostile/spy.cpp", "attaches to a process", End::Forbidden("ptrace")),
];

impl Case {
    /// The name of the compiled program.
    pub(crate) fn program(&self) -> String {
        let name = self.source.rsplit('/').next().unwrap_or(self.source);
        name.trim_end_matches(".cpp").to_owned()
    }

    /// The shared limits, then its own: the last one given counts.
    pub(crate) fn limits(&self) -> impl Iterator<Item = &'static str> {
        let own = |shared: &&str| {
            let name = shared.split('=').next().unwrap_or_default();
            !self.limits.iter().any(|limit| limit.split('=').next() == Some(name))
        };
        LIMITS.iter().copied().filter(own).chain(self.limits.iter().copied())
    }

    /// What is not as it has to be, if anything.
    pub(crate) fn surprise(&self, report: &Report, expected: Option<&str>) -> Option<String> {
        let ended = match self.end {
            End::Exited(code) => report.is("exited", "code", &code.to_string()),
            End::Limit(limit) => report.is("limit_exceeded", "limit", limit),
            End::Forbidden(syscall) => report.is("forbidden_syscall", "syscall", syscall),
        };
        if !ended {
            return Some(format!("{} {}, not {:?}", self.source, report.ending(), self.end));
        }
        if report.exit_code != self.end.exit_code() {
            return Some(format!(
                "{}: exit code {}, not {}",
                self.source,
                report.exit_code,
                self.end.exit_code()
            ));
        }
        let wrong = expected.is_some_and(|expected| expected != report.stdout);
        wrong.then(|| {
            format!("{} printed {:?}, not {:?}", self.source, report.stdout, expected.unwrap_or_default())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(termination: &str, stdout: &str, exit_code: i64) -> Report {
        let usage = r#"{"cpu_time_us":1,"wall_time_us":1,"peak_memory_bytes":1}"#;
        let json =
            format!(r#"{{"termination":{termination},"usage":{usage},"stdout":{stdout:?},"stderr":""}}"#);
        Report::parse(json.as_bytes(), exit_code).unwrap()
    }

    #[test]
    fn a_case_is_right_only_with_its_end_its_code_and_its_output() {
        let [sum, spin, ..] = CASES else { panic!("no cases") };
        let exited = |stdout| report(r#"{"kind":"exited","code":0}"#, stdout, 0);
        assert_eq!(sum.surprise(&exited("42\n"), Some("42\n")), None);
        assert!(sum.surprise(&exited("41\n"), Some("42\n")).is_some());
        let limit = |exit_code| report(r#"{"kind":"limit_exceeded","limit":"cpu_time"}"#, "", exit_code);
        assert_eq!(spin.surprise(&limit(124), None), None);
        assert!(spin.surprise(&limit(123), None).is_some());
        assert!(spin.surprise(&exited(""), None).is_some());
    }

    #[test]
    fn a_limit_of_its_own_replaces_the_shared_one() {
        let sleep = CASES.iter().find(|case| case.program() == "sleep").unwrap();
        let walls: Vec<&str> = sleep.limits().filter(|limit| limit.starts_with("--wall-time")).collect();
        assert_eq!(walls, ["--wall-time=1s"]);
        assert_eq!(sleep.limits().count(), LIMITS.len());
    }
}

//! What `dayfly run --json` reported about one command.

use serde_json::Value;

use crate::error::Error;

/// The parts of the report that the demo shows.
pub(crate) struct Report {
    /// The exit code of `dayfly` itself.
    pub(crate) exit_code: i64,
    /// What the program printed.
    pub(crate) stdout: String,
    /// What it complained about.
    pub(crate) stderr: String,
    termination: Value,
    usage: Value,
}

impl Report {
    pub(crate) fn parse(json: &[u8], exit_code: i64) -> Result<Self, Error> {
        let mut value: Value =
            serde_json::from_slice(json).map_err(|problem| Error::answer("dayfly run --json", problem))?;
        let text = |name: &str| value[name].as_str().map(str::to_owned);
        let (Some(stdout), Some(stderr)) = (text("stdout"), text("stderr")) else {
            return Err(Error::answer("dayfly run --json", "no stdout or no stderr"));
        };
        let (termination, usage) = (value["termination"].take(), value["usage"].take());
        let report = Self { exit_code, stdout, stderr, termination, usage };
        for member in ["cpu_time_us", "wall_time_us", "peak_memory_bytes"] {
            report.number(member)?;
        }
        match report.termination["kind"].is_string() {
            true => Ok(report),
            false => Err(Error::answer("dayfly run --json", "no termination.kind")),
        }
    }

    /// Whether it ended like this, with this detail.
    pub(crate) fn is(&self, kind: &str, detail: &str, wanted: &str) -> bool {
        self.termination["kind"] == kind && shown(&self.termination[detail]) == wanted
    }

    /// How it ended, for people.
    pub(crate) fn ending(&self) -> String {
        let detail = |name: &str| shown(&self.termination[name]);
        match self.termination["kind"].as_str().unwrap_or_default() {
            "exited" => format!("exited with {}", detail("code")),
            "signaled" => format!("died on signal {}", detail("signal")),
            "limit_exceeded" => format!("stopped: {} limit", detail("limit").replace('_', " ")),
            "forbidden_syscall" => format!("stopped: {} is forbidden", detail("syscall")),
            other => other.replace('_', " "),
        }
    }

    /// Whether the program came to its end by itself.
    pub(crate) fn ended_by_itself(&self) -> bool {
        self.termination["kind"] == "exited"
    }

    pub(crate) fn cpu_time(&self) -> String {
        self.number("cpu_time_us").map(milliseconds).unwrap_or_default()
    }

    pub(crate) fn wall_time(&self) -> String {
        self.number("wall_time_us").map(milliseconds).unwrap_or_default()
    }

    pub(crate) fn peak_memory(&self) -> String {
        self.number("peak_memory_bytes").map(mebibytes).unwrap_or_default()
    }

    fn number(&self, member: &str) -> Result<u64, Error> {
        let problem = || Error::answer("dayfly run --json", format!("no usage.{member}"));
        self.usage[member].as_u64().ok_or_else(problem)
    }
}

fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn milliseconds(us: u64) -> String {
    format!("{}.{} ms", us / 1000, us % 1000 / 100)
}

fn mebibytes(bytes: u64) -> String {
    let tenths = bytes / (1024 * 1024 / 10);
    format!("{}.{} MiB", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPORT: &str = r#"{
        "termination": {"kind": "limit_exceeded", "limit": "cpu_time"},
        "usage": {"cpu_time_us": 1001960, "wall_time_us": 1003000, "peak_memory_bytes": 1572864},
        "stdout": "", "stderr": ""
    }"#;

    #[test]
    fn a_report_is_shown_for_people() {
        let report = Report::parse(REPORT.as_bytes(), 124).unwrap();
        assert_eq!(report.ending(), "stopped: cpu time limit");
        assert_eq!(report.cpu_time(), "1001.9 ms");
        assert_eq!(report.peak_memory(), "1.5 MiB");
        assert!(report.is("limit_exceeded", "limit", "cpu_time") && !report.ended_by_itself());
    }

    #[test]
    fn a_report_with_a_missing_member_is_refused() {
        for member in ["kind", "stdout", "cpu_time_us", "wall_time_us", "peak_memory_bytes"] {
            let error = Report::parse(REPORT.replace(member, "other").as_bytes(), 124).err().unwrap();
            assert!(error.to_string().contains(member), "{error}");
        }
    }
}

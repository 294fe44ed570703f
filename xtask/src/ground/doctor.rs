//! The snapshots of what `dayfly doctor` says to each user: `tests/ground/doctor-USER.txt`. Pure.

use serde_json::Value;

/// A report as a snapshot has it: one block a check, without what changes from one kernel update or run to the next.
/// Output that is no report stays as it is, so that the difference shows it.
pub(crate) fn comparable(output: &str) -> String {
    let Ok(report) = serde_json::from_str::<Value>(output) else {
        return output.to_owned();
    };
    let kernel = report["kernel"].as_str().unwrap_or("the kernel's release is missing");
    let checks = report["checks"].as_array().map(Vec::as_slice).unwrap_or_default();
    checks.iter().map(|check| block(check).replace(kernel, "<kernel>")).collect()
}

/// The groups of sessions are numbered as they come.
fn without_session_numbers(text: &str) -> String {
    let Some((before, after)) = text.split_once(".scope") else { return text.to_owned() };
    let name = before.trim_end_matches(|c: char| c.is_ascii_digit());
    format!("{name}N.scope{}", without_session_numbers(after))
}

fn block(check: &Value) -> String {
    let text = |member: &str| check[member].as_str().unwrap_or_default().to_owned();
    let lines = [("", "found"), ("lost: ", "lost"), ("fix: ", "fix")].map(|(title, member)| {
        match text(member).as_str() {
            "" => String::new(),
            said => format!("    {title}{}\n", without_session_numbers(&without_measures(said))),
        }
    });
    format!("{} {}\n{}", text("standing"), text("id"), lines.concat())
}

/// The same text with every number that has a unit of time replaced: those are measured.
fn without_measures(text: &str) -> String {
    let words = text.split(' ').collect::<Vec<_>>();
    let is_unit =
        |word: &str| ["ns", "us", "µs", "ms", "s"].contains(&word.trim_end_matches([',', '.', ';', ')']));
    let shown = words.iter().enumerate().map(|(at, word)| {
        let number = word.trim_start_matches('(').parse::<f64>().is_ok();
        if number && words.get(at + 1).is_some_and(|next| is_unit(next)) { "<time>" } else { word }
    });
    shown.collect::<Vec<_>>().join(" ")
}

/// The lines that differ: `-` is only in the snapshot, `+` only in what was found.
pub(crate) fn difference(snapshot: &str, found: &str) -> String {
    let only = |from: &str, other: &str, sign: &str| -> String {
        from.lines()
            .filter(|line| !other.lines().any(|known| known == *line))
            .map(|line| format!("{sign} {line}\n"))
            .collect()
    };
    match only(snapshot, found, "-") + &only(found, snapshot, "+") {
        lines if lines.is_empty() => "the same lines in another order".to_owned(),
        lines => lines,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPORT: &str = r#"{"kernel":"6.1.0-56","checks":[
        {"id":"kernel","standing":"ok","found":"Linux 6.1.0-56"},
        {"id":"timer","standing":"missing","found":"late by 12 ms","lost":"precision","fix":"wait 5 s, then retry"}]}"#;

    #[test]
    fn what_changes_from_run_to_run_is_left_out() {
        let text = comparable(REPORT);
        assert_eq!(
            text,
            "ok kernel\n    Linux <kernel>\nmissing timer\n    late by <time> ms\n    lost: precision\n    \
             fix: wait <time> s, then retry\n"
        );
    }

    #[test]
    fn sessions_have_no_numbers() {
        assert_eq!(
            without_session_numbers("/a/run-12.scope/b and /session-3.scope"),
            "/a/run-N.scope/b and /session-N.scope"
        );
        assert_eq!(without_session_numbers("none 12"), "none 12");
    }

    #[test]
    fn what_is_no_report_is_shown_as_it_is() {
        assert_eq!(comparable("error: no"), "error: no");
        assert_eq!(difference("a\nb\n", "a\nc\n"), "- b\n+ c\n");
    }
}

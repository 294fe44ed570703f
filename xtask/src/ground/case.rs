//! One thing to run in the proving ground, and whether it went well. Pure.

use crate::ground::libtest;
use crate::ground::protocol::{Answer, Request};
use crate::ground::suites::may_skip;
use crate::ground::user::User;

/// How many cases run side by side: as many as the machine has processors.
pub(crate) const LANES: usize = 2;

/// How a run is judged.
#[derive(Clone)]
pub(crate) enum Expected {
    /// One test of a Rust test program runs and passes, or skips for a reason that [`may_skip`] knows.
    Test,
    /// This exit code, and each of these in the output.
    Exit { code: u8, says: &'static [&'static str] },
    /// It goes wrong as a test could, and a test's verdict would be a failure that has these words.
    Noticed { words: &'static str },
    /// Exactly this output, after [`crate::ground::doctor::comparable`].
    Doctor { snapshot: String },
}

/// One thing to run.
#[derive(Clone)]
pub(crate) struct Case {
    pub(crate) suite: String,
    pub(crate) name: String,
    pub(crate) request: Request,
    pub(crate) expected: Expected,
    /// Whether it runs in a session that is kept, in a leaf of its group.
    pub(crate) in_lane: bool,
    /// Whether it measures time or the whole machine, so that nothing may run beside it.
    pub(crate) alone: bool,
}

/// How a case ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Passed,
    Skipped(String),
    Failed(String),
}

impl Case {
    /// What filters are matched against and reports show: user, suite, name.
    pub(crate) fn label(&self) -> String {
        format!("{} {} {}", self.request.user.name(), self.suite, self.name)
    }

    /// Whether it may start beside what is running. Tests keep out of each other's way by locks of their own, which
    /// different users do not share.
    pub(crate) fn may_join(&self, running: &[&Self]) -> bool {
        let shares = |other: &&Self| !other.alone && other.request.user == self.request.user;
        running.is_empty() || (!self.alone && running.len() < LANES && running.iter().all(shares))
    }

    /// The verdict on an answer. What is left behind is a failure whatever the program said of itself.
    pub(crate) fn judge(&self, answer: &Answer) -> Verdict {
        let left = self.outlived(answer);
        if let Expected::Noticed { words } = self.expected {
            return judge_noticed(&left.unwrap_or_else(|| judge_test(answer, self.request.user)), words);
        }
        left.unwrap_or_else(|| self.judge_end(answer))
    }

    /// A failure if it ran too long or left something.
    fn outlived(&self, answer: &Answer) -> Option<Verdict> {
        if answer.timed_out(self.request.limit) {
            return Some(Verdict::Failed(format!("killed after {} s", self.request.limit.as_secs())));
        }
        if answer.processes_left > 0 {
            return Some(Verdict::Failed(format!("left {} process(es) behind", answer.processes_left)));
        }
        if !answer.groups_left.is_empty() {
            let groups = answer.groups_left.join(" ");
            return Some(Verdict::Failed(format!("left control groups behind: {groups}")));
        }
        None
    }

    fn judge_end(&self, answer: &Answer) -> Verdict {
        match &self.expected {
            Expected::Test | Expected::Noticed { .. } => judge_test(answer, self.request.user),
            Expected::Exit { code, says } => judge_exit(answer, *code, says),
            Expected::Doctor { snapshot } => judge_doctor(answer, snapshot),
        }
    }
}

fn judge_test(answer: &Answer, user: User) -> Verdict {
    if answer.code != 0 || !libtest::ran_one(&answer.output) {
        return Verdict::Failed(format!("exit code {}", answer.code));
    }
    match libtest::skip_reason(&answer.output) {
        None => Verdict::Passed,
        Some(reason) if may_skip(user, reason) => Verdict::Skipped(reason.to_owned()),
        Some(reason) => {
            Verdict::Failed(format!("skipped, and nothing may skip for this reason in here: {reason}"))
        }
    }
}

fn judge_noticed(verdict: &Verdict, words: &str) -> Verdict {
    match verdict {
        Verdict::Failed(reason) if reason.contains(words) => Verdict::Passed,
        Verdict::Failed(reason) => Verdict::Failed(format!("failed for another reason: {reason}")),
        Verdict::Passed | Verdict::Skipped(_) => Verdict::Failed("went wrong and nobody noticed".to_owned()),
    }
}

fn judge_exit(answer: &Answer, code: u8, says: &[&str]) -> Verdict {
    if answer.code != code {
        return Verdict::Failed(format!("exit code {}, expected {code}", answer.code));
    }
    match says.iter().find(|words| !answer.output.contains(**words)) {
        None => Verdict::Passed,
        Some(words) => Verdict::Failed(format!("does not say `{words}`")),
    }
}

fn judge_doctor(answer: &Answer, snapshot: &str) -> Verdict {
    let found = crate::ground::doctor::comparable(&answer.output);
    if found == snapshot {
        return Verdict::Passed;
    }
    Verdict::Failed(format!(
        "not what the snapshot says (`cargo xtask ground --bless` accepts it):\n{}",
        crate::ground::doctor::difference(snapshot, &found)
    ))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn case(expected: Expected) -> Case {
        let request = Request { user: User::Root, limit: Duration::from_secs(5), script: "true".into() };
        Case { suite: "s".into(), name: "n".into(), request, expected, in_lane: false, alone: false }
    }

    fn answer(code: u8, output: &str) -> Answer {
        let took = Duration::from_secs(6);
        Answer { number: 0, code, took, processes_left: 0, groups_left: Vec::new(), output: output.into() }
    }

    fn failed(verdict: &Verdict, words: &str) -> bool {
        matches!(verdict, Verdict::Failed(reason) if reason.contains(words))
    }

    const GOOD: &str = "test a ... ok\ntest result: ok. 1 passed; 0 failed;";

    #[test]
    fn a_test_passes_only_when_it_ran_and_passed() {
        let case = case(Expected::Test);
        assert_eq!(case.judge(&answer(0, GOOD)), Verdict::Passed);
        assert!(failed(&case.judge(&answer(101, GOOD)), "101"));
        assert!(failed(&case.judge(&answer(0, "test result: ok. 0 passed;")), "exit code 0"));
        assert!(failed(&case.judge(&answer(137, GOOD)), "killed after 5 s"));
    }

    #[test]
    fn cases_run_side_by_side_unless_one_needs_the_machine() {
        let quiet = case(Expected::Exit { code: 0, says: &[] });
        let alone = Case { alone: true, ..quiet.clone() };
        let mut foreign = quiet.clone();
        foreign.request.user = User::Plain;
        assert!(alone.may_join(&[]) && quiet.may_join(&[&quiet]));
        assert!(!alone.may_join(&[&quiet]) && !quiet.may_join(&[&alone]));
        assert!(!quiet.may_join(&[&quiet, &quiet]) && !quiet.may_join(&[&foreign]));
    }

    #[test]
    fn only_named_reasons_excuse_a_skip() {
        let case = case(Expected::Test);
        let skip = |reason: &str| answer(0, &format!("SKIP a: {reason}\n{GOOD}"));
        assert_eq!(case.judge(&skip("needs node: x")), Verdict::Skipped("needs node: x".into()));
        assert!(failed(&case.judge(&skip("needs luck")), "needs luck"));
    }

    #[test]
    fn what_is_left_behind_is_a_failure() {
        let case = case(Expected::Exit { code: 0, says: &[] });
        let mut left = answer(0, "");
        left.groups_left.push("job-1".into());
        assert!(failed(&case.judge(&left), "job-1"));
        left.processes_left = 1;
        assert!(failed(&case.judge(&left), "1 process(es)"));
    }

    #[test]
    fn what_goes_wrong_on_purpose_must_be_noticed_for_what_it_is() {
        let case = case(Expected::Noticed { words: "exit code 101" });
        assert_eq!(case.judge(&answer(101, GOOD)), Verdict::Passed);
        assert!(failed(&case.judge(&answer(0, GOOD)), "nobody noticed"));
        assert!(failed(&case.judge(&answer(137, GOOD)), "another reason: killed"));
    }

    #[test]
    fn a_refusal_must_say_why() {
        let case = case(Expected::Exit { code: 125, says: &["Delegate=yes"] });
        assert_eq!(case.judge(&answer(125, "error: … Delegate=yes …")), Verdict::Passed);
        assert!(failed(&case.judge(&answer(125, "error")), "Delegate=yes"));
        assert!(failed(&case.judge(&answer(0, "Delegate=yes")), "expected 125"));
    }
}

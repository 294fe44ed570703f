//! What every policy allows because a program is started under its own filter.
//!
//! Right after the filter is in force, the launching process hands the filter's listener to the supervisor
//! and executes the program; when that fails it exits.

use super::error::Place;
use super::rule::{Action, Condition, REPORT_FD, Rule, Test};

/// One rule for each call of the launch.
pub(super) fn rules() -> impl Iterator<Item = Rule> {
    let place = Place { origin: "launch".into(), line: 1, column: 1 };
    let rule = move |call: &str, conditions: Vec<Condition>, reason: &str| Rule {
        call: call.into(),
        action: Action::Allow,
        conditions,
        reason: reason.into(),
        place: place.clone(),
    };
    let report = Condition {
        argument: 0,
        test: Test { mask: u64::MAX, value: u64::from(REPORT_FD.unsigned_abs()) },
        label: REPORT_FD.to_string().into(),
    };
    [
        ("sendmsg", vec![report], "the filter's listener goes to the supervisor before the program starts"),
        ("execve", vec![], "the program is started under its own policy"),
        ("execveat", vec![], "the program is started under its own policy"),
        ("exit", vec![], "a thread may end"),
        ("exit_group", vec![], "a program may end"),
        ("rt_sigreturn", vec![], "signal handlers return with it; a program cannot choose not to"),
    ]
    .into_iter()
    .map(move |(call, conditions, reason)| rule(call, conditions, reason))
}

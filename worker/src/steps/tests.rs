//! From the ends of steps to the verdict, by table.

use super::*;

fn step(continue_on_error: bool, always: bool) -> Step {
    let limits = dayfly_policies::Catalog::builtin().get("strict").unwrap().default_limits().clone();
    Step {
        name: "step".to_owned(),
        action: dayfly_jobs::Action::Command(vec!["true".to_owned()]),
        env: [].into(),
        workdir: None,
        stdin: None,
        limits,
        continue_on_error,
        always,
    }
}

fn failed(step: usize) -> Verdict {
    Verdict::Failed { step, termination: Termination::Exited { code: 1 } }
}

#[test]
fn what_runs_after_what() {
    for (verdict, plain, always) in [
        (Verdict::Passed, true, true),
        (failed(0), false, true),
        (Verdict::TimedOut { step: 0 }, false, false),
        (Verdict::BadInput { reason: String::new() }, false, false),
    ] {
        assert_eq!(is_due(&step(false, false), &verdict), plain, "{verdict:?}");
        assert_eq!(is_due(&step(false, true), &verdict), always, "{verdict:?}");
    }
}

#[test]
fn the_first_failure_that_counts_is_the_verdict() {
    let code = |code| Termination::Exited { code };
    let late = Termination::LimitExceeded { limit: Limit::WallTime };
    let wall = step(false, false).limits.wall_time.as_duration();
    let short = Some(wall / 2);
    for (before, tolerant, ended, left, after) in [
        (Verdict::Passed, false, code(0), None, Verdict::Passed),
        (Verdict::Passed, false, code(1), None, failed(7)),
        (Verdict::Passed, true, code(1), None, Verdict::Passed),
        (failed(3), false, code(1), None, failed(3)),
        (Verdict::Passed, false, late.clone(), None, Verdict::Failed { step: 7, termination: late.clone() }),
        (Verdict::Passed, true, late.clone(), Some(wall), Verdict::Passed),
        (Verdict::Passed, true, late.clone(), short, Verdict::TimedOut { step: 7 }),
        (failed(3), false, late, short, Verdict::TimedOut { step: 7 }),
        (Verdict::Passed, false, code(1), short, failed(7)),
    ] {
        let mut verdict = before;
        judge(&mut verdict, 7, &step(tolerant, false), &ended, left);
        assert_eq!(verdict, after);
    }
}

#[test]
fn a_job_with_little_time_left_gives_its_step_no_more() {
    let limits = step(false, false).limits;
    assert_eq!(within(limits.clone(), None), limits);
    let left = Duration::from_millis(100);
    assert_eq!(within(limits.clone(), Some(left)).wall_time, WallTime::from(left));
    assert_eq!(within(limits.clone(), Some(Duration::from_secs(1_000_000))), limits);
}

//! What is shown to whom, on a report of four findings.

use serde_json::json;

use super::*;

const OFF: Colours = Colours { on: false };

fn check(id: &str, standing: Standing, found: &str, lost: &str, fix: &str) -> Check {
    Check { id: id.into(), standing, found: found.into(), lost: lost.into(), fix: fix.into() }
}

fn report() -> HostReport {
    HostReport {
        kernel: "6.12.0".into(),
        checks: vec![
            check("kernel.release", Standing::Ok, "Linux 6.12.0", "", ""),
            check("timing.smt", Standing::Degraded, "on", "steadiness", "turn it off"),
            check("cgroup.groups", Standing::Missing, "none", "every limit", "sudo mount"),
            check("limit.memory", Standing::Ok, "killed at 64M", "", ""),
        ],
    }
}

#[test]
fn a_pipe_gets_one_line_for_each_finding() {
    let (report, swept) =
        (report(), Ok(SweepReport { removed_groups: 2, busy_slots: 1, removed_parent: false }));
    let findings = Findings { report: &report, swept: Some(&swept) };
    assert_eq!(
        findings.lines(),
        "sweep: control groups of dead runs removed: 2; slots of running jobs left alone: 1\n\
         ok kernel.release: Linux 6.12.0\n\
         degraded timing.smt: on; lost: steadiness; fix: turn it off\n\
         missing cgroup.groups: none; lost: every limit; fix: sudo mount\n\
         ok limit.memory: killed at 64M\n\
         This host cannot run the built-in policies: 1 missing, 1 degraded.\n"
    );
}

#[test]
fn a_terminal_gets_groups_in_columns() {
    let report = report();
    assert_eq!(
        Findings { report: &report, swept: None }.grouped(OFF),
        "Kernel\n\
         \x20 ok        kernel.release  Linux 6.12.0\n\
         \n\
         Limits\n\
         \x20 missing   cgroup.groups  none\n\
         \x20           lost: every limit\n\
         \x20           fix:  sudo mount\n\
         \x20 ok        limit.memory   killed at 64M\n\
         \n\
         Timing\n\
         \x20 degraded  timing.smt  on\n\
         \x20           lost: steadiness\n\
         \x20           fix:  turn it off\n\
         \n\
         This host cannot run the built-in policies: 1 missing, 1 degraded.\n"
    );
}

#[test]
fn every_check_of_a_real_host_has_a_group() {
    for check in dayfly_sandbox::host::HostSupport::probe(None).report().checks {
        assert!(GROUPS.iter().any(|(_, families)| families.contains(&family(&check))), "{}", check.id);
    }
}

#[test]
fn what_the_host_says_cannot_steer_a_terminal() {
    let report = HostReport {
        kernel: String::new(),
        checks: vec![check(
            "kernel.core_pattern",
            Standing::Degraded,
            "a\x1b[2Jb\nc",
            "\x07",
            "\x1b]0;x\x07",
        )],
    };
    let findings = Findings { report: &report, swept: None };
    for text in [findings.grouped(OFF), findings.lines()] {
        assert!(!text.contains(['\x1b', '\x07']) && text.contains("a^[[2Jb c"), "{text}");
    }
}

#[test]
fn programs_get_the_report_and_the_sweep() {
    let report =
        HostReport { kernel: "6.12.0".into(), checks: vec![check("a.b", Standing::Ok, "c", "", "")] };
    let to_json = |swept| serde_json::to_value(Findings { report: &report, swept }.json()).unwrap();
    let checks = json!([{"id": "a.b", "standing": "ok", "found": "c"}]);
    assert_eq!(to_json(None), json!({"usable": true, "kernel": "6.12.0", "checks": checks}));
    let done = Ok(SweepReport { removed_groups: 1, busy_slots: 0, removed_parent: true });
    assert_eq!(
        to_json(Some(&done))["sweep"],
        json!({"removed_groups": 1, "busy_slots": 0, "removed_parent": true})
    );
}

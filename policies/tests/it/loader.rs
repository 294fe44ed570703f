//! Texts that are no policy, and what the loader says about each.

use std::path::Path;

use dayfly_policies::{Arch, Call, Decision, Policy, PolicyError, syscall_number};

/// A policy that allows nothing of its own; rules added to it begin in line 18.
pub(crate) const HEADER: &str = r#"name = "test"
description = "a policy for tests"
include = []
network = { allowed = ["none"] }
[limits]
cpu_time = "1s"
wall_time = "2s"
idle_time = "1s"
memory = "64M"
processes = 4
cpus = "1"
output = "1M"
disk = "1M"
inodes = 100
open_files = 16
stack = "8M"
file_size = "1M"
"#;

pub(crate) fn parse(rules: &str) -> Result<std::sync::Arc<Policy>, PolicyError> {
    Policy::parse(&format!("{HEADER}{rules}"), "test.toml")
}

fn message(rules: &str) -> String {
    parse(rules).unwrap_err().to_string()
}

pub(crate) fn decide(policy: &Policy, call: &str, arguments: [u64; 6]) -> Decision {
    let number = syscall_number(call).unwrap();
    policy.filter().decide(&Call { arch: Arch::NATIVE.audit(), number, arguments }).unwrap()
}

#[test]
fn a_policy_without_rules_can_still_start_a_program_and_nothing_else() {
    let policy = parse("").unwrap();
    assert_eq!(decide(&policy, "execve", [0; 6]), Decision::Allow);
    assert_eq!(decide(&policy, "sendmsg", [3, 0, 0, 0, 0, 0]), Decision::Allow);
    assert_eq!(decide(&policy, "sendmsg", [2, 0, 0, 0, 0, 0]), Decision::Errno(38));
    assert_eq!(decide(&policy, "read", [0; 6]), Decision::Errno(38));
}

#[test]
fn groups_are_open_to_everybodys_policies() {
    let text = HEADER.replace("include = []", "include = [\"files\", \"memory\"]");
    let policy = Policy::parse(&text, "test.toml").unwrap();
    assert_eq!(decide(&policy, "openat", [0; 6]), Decision::Allow);
    assert_eq!(decide(&policy, "clone", [0; 6]), Decision::Errno(38));
}

#[test]
fn every_operator_means_what_it_says() {
    let allow = |test: &str| {
        parse(&format!(
            "[[allow]]\ncalls = [\"dup\"]\nreason = \"for a test\"\nargs = [{{ index = 0, {test} }}]"
        ))
        .unwrap()
    };
    const HIGH: u64 = 7 << 32;
    for (test, passes, fails) in [
        ("op = \"eq\", value = 5", vec![5], vec![4, 6, 5 | HIGH]),
        ("op = \"eq\", value = [5, 7]", vec![5, 7], vec![6]),
        ("op = \"eq32\", value = 5", vec![5, 5 | HIGH], vec![4, 4 | HIGH]),
        ("op = \"masked\", mask = 0xF0, value = 0x50", vec![0x50, 0x5F, 0x150], vec![0x40, 0x70]),
        ("op = \"any_of\", value = 6", vec![2, 4, 6, 0xFF], vec![0, 1, 8]),
        ("op = \"none_of\", value = 6", vec![0, 1, 8, HIGH], vec![2, 4, 6]),
        ("op = \"eq\", value = -1", vec![u64::MAX], vec![0xFFFF_FFFF]),
        ("op = \"eq\", value = \"S_IFREG | S_IFIFO\"", vec![0x9000], vec![0x8000, 0x1000]),
    ] {
        let policy = allow(test);
        for value in passes {
            assert_eq!(decide(&policy, "dup", [value, 0, 0, 0, 0, 0]), Decision::Allow, "{test} {value:x}");
        }
        for value in fails {
            assert_eq!(
                decide(&policy, "dup", [value, 0, 0, 0, 0, 0]),
                Decision::Errno(38),
                "{test} {value:x}"
            );
        }
    }
}

#[test]
fn mistakes_in_rules_are_named_with_place_and_fix() {
    let rule =
        |calls: &str, more: &str| format!("[[allow]]\ncalls = [{calls}]\nreason = \"for a test\"\n{more}");
    let args = |args: &str| rule("\"dup\"", &format!("args = [{args}]"));
    for (rules, expected) in [
        (rule("\"opneat\"", ""), "test.toml:19:10: there is no system call 'opneat'; did you mean 'openat'?"),
        (rule("\"x\\u0000y\"", ""), "test.toml:19:10: there is no system call 'x\0y'"),
        (rule("", ""), "test.toml:19:9: name at least one call"),
        (
            rule("\"dup\", \"dup\"", ""),
            "test.toml:19:17: 'dup' is already covered by test.toml:19:10; remove one of the two rules",
        ),
        (
            "[[allow]]\ncalls = [\"dup\"]\nreason = \" \"".to_owned(),
            "test.toml:20:10: every rule needs a reason; write why",
        ),
        (
            "[[deny]]\ncalls = [\"dup\"]\nreason = \"for a test\"\nerrno = \"EPREM\"".to_owned(),
            "test.toml:21:9: there is no errno 'EPREM'; did you mean 'EPERM'?",
        ),
        (args("{ index = 6, op = \"eq\", value = 1 }"), "test.toml:21:9: system calls have arguments 0 to 5"),
        (args("{ index = 0, op = \"eq\", value = [] }"), "test.toml:21:9: give at least one value"),
        (
            args("{ index = 0, op = \"none_of\", value = [1, 2] }"),
            "test.toml:21:9: none_of takes one value: join names by '|'",
        ),
        (
            args("{ index = 0, op = \"masked\", value = 1 }"),
            "test.toml:21:9: op masked needs a mask, and no other op takes one",
        ),
        (
            args("{ index = 0, op = \"eq\", value = \"AF_UNIX|AF_INET7\" }"),
            "test.toml:21:41: there is no constant 'AF_INET7'; did you mean 'AF_INET'?",
        ),
        (
            args("{ index = 0, op = \"eq\", value = 1 }, { index = 0, op = \"eq\", value = 2 }"),
            "test.toml:21:46: test each argument once; list the values it may have",
        ),
        (
            args("{ index = 0, op = \"any_of\", value = 0 }"),
            "test.toml:21:45: no argument could pass this test, or none could fail it; a masked value lies within \
             its mask, eq32 compares 32 bits, any_of and none_of need at least one bit",
        ),
    ] {
        assert_eq!(message(&rules), expected, "{rules}");
    }
}

#[test]
fn contradictions_are_found_whatever_the_order() {
    let allow = "[[allow]]\ncalls = [\"dup\"]\nreason = \"for a test\"\n";
    let forbid = "[[forbid]]\ncalls = [\"dup\"]\nreason = \"for a test\"\n";
    let when = |test: &str| format!("args = [{{ index = 0, {test} }}]\n");
    let clash = |a: &str, b: &str| message(&format!("{allow}{a}{forbid}{b}"));
    for (a, b) in [
        (String::new(), String::new()),
        (String::new(), when("op = \"eq\", value = 1")),
        (when("op = \"eq\", value = 1"), String::new()),
        (when("op = \"eq\", value = 1"), when("op = \"none_of\", value = 2")),
        (when("op = \"masked\", mask = 1, value = 1"), when("op = \"masked\", mask = 2, value = 2")),
    ] {
        let found = clash(&a, &b);
        assert!(
            found.contains("this rule would forbid 'dup' where test.toml:19:10 says to allow"),
            "{found}"
        );
    }
    for (a, b) in [
        (when("op = \"eq\", value = 1"), when("op = \"eq\", value = 2")),
        (when("op = \"none_of\", value = 3"), when("op = \"any_of\", value = 3")),
    ] {
        parse(&format!("{allow}{a}{forbid}{b}")).unwrap();
    }
}

#[test]
fn what_starts_a_program_cannot_be_refused() {
    for call in ["execve", "execveat", "exit_group", "rt_sigreturn", "sendmsg"] {
        let found = message(&format!("[[forbid]]\ncalls = [\"{call}\"]\nreason = \"for a test\""));
        assert!(found.starts_with("test.toml:19:10: this rule would forbid"), "{found}");
        assert!(found.contains("where launch:1:1 says to allow"), "{found}");
    }
}

#[test]
fn mistakes_around_the_rules_are_named_with_place_and_fix() {
    for (from, to, expected) in [
        ("name = \"test\"", "name = \"Test 1\"", "test.toml:1:8: a name is 1 to 32 of a-z, 0-9 and '-'"),
        ("a policy for tests", " ", "test.toml:2:15: say in a sentence what the policy is for"),
        (
            "include = []",
            "include = [\"flies\"]",
            "test.toml:3:12: there is no group 'flies'; did you mean 'files'?",
        ),
        (
            "include = []",
            "include = [\"time\", \"time\"]",
            "test.toml:3:20: this group is included already; remove one",
        ),
        ("[\"none\"]", "[]", "test.toml:4:23: allow at least one network: \"none\""),
        ("[\"none\"]", "[\"host\"]", "test.toml:4:24: unknown variant `host`, expected `none` or `loopback`"),
        (
            "memory = \"64M\"",
            "memory = \"64X\"",
            "test.toml:9:10: 'X' in '64X' is not a unit; write a size such as 65536, 64k, 256M or 1.5G (units of 1024)",
        ),
        ("memory = \"64M\"\n", "", "test.toml:5:1: missing field `memory`"),
        (
            "processes = 4",
            "processes = 0",
            "test.toml:10:13: invalid value: integer `0`, expected a nonzero u32",
        ),
        ("stack", "stac", "test.toml:16:1: unknown field `stac`"),
    ] {
        let text = HEADER.replacen(from, to, 1);
        let found = Policy::parse(&text, "test.toml").unwrap_err().to_string();
        assert!(found.starts_with(expected), "{found}\n{expected}");
    }
}

#[test]
fn files_are_read_to_a_bound() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("big.toml");
    std::fs::write(&file, format!("{HEADER}{}", "#".repeat(300_000))).unwrap();
    let error = Policy::load(&file).unwrap_err();
    assert!(matches!(error, PolicyError::TooLarge { .. }), "{error}");
    std::fs::write(&file, HEADER).unwrap();
    assert_eq!(Policy::load(&file).unwrap().name(), "test");
    // An endless file is refused as well, and so is what is not text.
    assert!(matches!(Policy::load(Path::new("/dev/zero")).unwrap_err(), PolicyError::TooLarge { .. }));
    std::fs::write(&file, [0xFF, 0xFE]).unwrap();
    assert!(matches!(Policy::load(&file).unwrap_err(), PolicyError::Unreadable { .. }));
    let missing = Policy::load(&folder.path().join("none.toml")).unwrap_err().to_string();
    assert!(missing.contains("none.toml: cannot read this policy: No such file"), "{missing}");
}

#[test]
fn lists_cannot_be_multiplied_without_bound() {
    let list: Vec<String> = (0..10).map(|n| n.to_string()).collect();
    let arg = |index: u8| format!("{{ index = {index}, op = \"eq\", value = [{}] }}", list.join(","));
    let rules =
        format!("[[allow]]\ncalls = [\"dup\"]\nreason = \"for a test\"\nargs = [{}, {}]", arg(0), arg(1));
    assert!(
        message(&rules)
            .ends_with("these lists combine to over 96 rules; test fewer values, or bits by a mask")
    );
}

#[test]
fn the_documented_example_loads() {
    let page = include_str!("../../../docs/POLICIES.md");
    let example = page.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    let policy = Policy::parse(example, "docs/POLICIES.md").unwrap();
    assert_eq!(policy.name(), "quiz");
    assert_eq!(decide(&policy, "clone", [0x3D_0F00, 0, 0, 0, 0, 0]), Decision::Errno(1));
    assert_eq!(decide(&policy, "socket", [2, 0, 0, 0, 0, 0]), Decision::Notify);
}

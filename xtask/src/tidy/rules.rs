//! Rules about what may stand in a file: `unsafe` on its islands, a head in every module, nothing unfinished.

use super::Finding;
use super::source::Source;

/// Where `unsafe` may be written.
const UNSAFE_ISLANDS: &[&str] = &["sandbox/src/", "guest/src/"];

/// Marks of unfinished work, each in two halves so that this file does not carry them.
const MARKS: &[&str] = &[concat!("TO", "DO"), concat!("FIX", "ME"), concat!("X", "XX"), concat!("HA", "CK")];

/// Kinds of text files in which marks are looked for. Prose may name them.
const TEXT: &[&str] =
    &["rs", "toml", "sh", "yml", "yaml", "c", "cpp", "h", "py", "js", "java", "go", "service"];

pub(super) fn is_checked_text(file: &str) -> bool {
    file.rsplit_once('.').is_some_and(|(_, ending)| TEXT.contains(&ending)) || file.starts_with(".ci/")
}

/// Every rule about Rust code.
pub(super) fn check_source(source: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut find =
        |line: Option<usize>, problem: &str| findings.push(Finding::new(&source.file, line, problem));
    if !source.has_head {
        find(None, "starts without a `//!` head that says what the module is for and what it must not do");
    }
    for word in &source.words {
        match word.text.as_str() {
            "unsafe" if !may_be_unsafe(&source.file) => {
                find(Some(word.line), "`unsafe` outside the sandbox; wrap the call in sandbox/src/sys");
            }
            "todo" | "unimplemented" if word.calls_macro => {
                find(Some(word.line), "unfinished code; finish it or refuse with an error");
            }
            _ => {}
        }
    }
    for attribute in &source.attributes {
        if let Some(problem) = attribute_problem(&attribute.words) {
            find(Some(attribute.line), problem);
        }
    }
    findings
}

/// How the reason of an ignored test starts that another test runs, in a process of its own.
const RUN_BY_ANOTHER: &str = "\"run by ";

fn attribute_problem(words: &[String]) -> Option<&'static str> {
    let is = |at: usize, word: &str| words.get(at).is_some_and(|there| there == word);
    let runs = words.get(1).is_some_and(|reason| reason.starts_with(RUN_BY_ANOTHER));
    let hidden = is(0, "cfg_attr") && words.iter().any(|word| word == "ignore");
    if hidden || (is(0, "ignore") && !runs) {
        return Some(
            "an ignored test; let it report a named skip instead, or move a measurement to the bench",
        );
    }
    is(0, "allow").then_some("`allow`; write `#[expect(…, reason = \"…\")]`")
}

fn may_be_unsafe(file: &str) -> bool {
    UNSAFE_ISLANDS.iter().any(|island| file.starts_with(island))
}

/// Marks of unfinished work, as whole words.
pub(super) fn check_marks(file: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let words = line.split(|c: char| !c.is_alphanumeric() && c != '_');
        for mark in words.filter(|word| MARKS.contains(word)) {
            findings.push(Finding::new(file, number + 1, format!("`{mark}`; finish it, or open an issue")));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(file: &str, text: &str) -> Vec<String> {
        let source = Source::read(file, text).unwrap();
        check_source(&source).into_iter().map(|finding| finding.place()).collect()
    }

    #[test]
    fn unsafe_is_for_the_sandbox() {
        let text = "//! Head.\nfn a() {\n    unsafe { b() }\n}";
        assert_eq!(problems("jobs/src/a.rs", text), ["jobs/src/a.rs:3"]);
        assert_eq!(problems("sandbox/src/sys/a.rs", text), [""; 0]);
        assert_eq!(problems("jobs/src/a.rs", "//! Head.\n#![forbid(unsafe_code)]"), [""; 0]);
    }

    #[test]
    fn unfinished_code_is_found() {
        assert_eq!(problems("a.rs", "//! Head.\nfn a() { todo!() }"), ["a.rs:2"]);
        assert_eq!(problems("a.rs", "//! Head.\nfn todo() { let todo = 1; }"), [""; 0]);
        assert_eq!(problems("a.rs", "//! Head.\n#[test]\n#[ignore]\nfn a() {}"), ["a.rs:3"]);
        assert_eq!(problems("a.rs", "//! Head.\n#[test]\n#[ignore = \"slow\"]\nfn a() {}"), ["a.rs:3"]);
        assert_eq!(problems("a.rs", "//! Head.\n#[test]\n#[ignore = \"run by b\"]\nfn a() {}"), [""; 0]);
        assert_eq!(problems("a.rs", "//! Head.\n#[cfg_attr(miri, ignore)]\nfn a() {}"), ["a.rs:2"]);
        assert_eq!(problems("a.rs", "//! Head.\n#[allow(dead_code)]\nfn a() {}"), ["a.rs:2"]);
        assert_eq!(problems("a.rs", "//! Head.\n#[expect(dead_code, reason = \"…\")]\nfn a() {}"), [""; 0]);
    }

    #[test]
    fn a_module_without_a_head_is_found() {
        assert_eq!(problems("a.rs", "fn a() {}"), ["a.rs"]);
    }

    #[test]
    fn marks_are_whole_words() {
        let mark = MARKS[2];
        assert_eq!(check_marks("a.sh", &format!("x\n# {mark}: later\nmktemp /tmp/a.{mark}{mark}")).len(), 1);
        assert!(is_checked_text("a/b.rs") && is_checked_text(".ci/run") && !is_checked_text("docs/STYLE.md"));
    }
}

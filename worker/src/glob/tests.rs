//! Patterns against paths, by table and against a matcher that tries everything.

use proptest::prelude::*;

use super::*;

fn matches(pattern: &str, path: &str) -> bool {
    let pattern = Pattern::new(pattern);
    let mut progress = pattern.start();
    let mut matched = false;
    for name in path.split('/') {
        (progress, matched) = pattern.step(&progress, name.as_bytes());
    }
    matched
}

#[test]
fn patterns_mean_what_they_say() {
    for (pattern, path, expected) in [
        ("a/b.txt", "a/b.txt", true),
        ("a", "a/b", false),
        ("a/b", "a", false),
        ("*.txt", "b.txt", true),
        ("*.txt", "a/b.txt", false),
        ("**/*.txt", "b.txt", true),
        ("**/*.txt", "a/c/b.txt", true),
        ("a/**", "a/b/c", true),
        ("a/**", "a", false),
        ("**", "any/thing", true),
        ("a/**/z", "a/z", true),
        ("a/**/b/**/z", "a/x/b/y/z", true),
        ("?", "ü", true),
        ("??", "ü", false),
        ("a*b*c", "aXbYbZc", true),
        ("a*b", "ab", true),
        ("*", "", true),
        ("./a//b", "a/b", true),
        ("***", "abc", true),
    ] {
        assert_eq!(matches(pattern, path), expected, "{pattern} {path}");
    }
}

#[test]
fn a_pattern_without_wildcards_is_a_path() {
    assert_eq!(Pattern::new("./a/b").literal().as_deref(), Some(b"a/b".as_slice()));
    for pattern in ["a/*", "a?", "**/a"] {
        assert_eq!(Pattern::new(pattern).literal(), None);
    }
}

#[test]
fn a_folder_that_leads_nowhere_is_not_looked_into() {
    let pattern = Pattern::new("src/*.c");
    let (inside, matched) = pattern.step(&pattern.start(), b"src");
    assert!(!inside.is_over() && !matched);
    assert!(pattern.step(&pattern.start(), b"doc").0.is_over());
    assert!(pattern.step(&inside, b"x.c").0.is_over());
}

/// The meaning, written down without a thought about time.
fn slow(pattern: &[&str], path: &[&str]) -> bool {
    match (pattern, path) {
        ([], path) => path.is_empty(),
        (["**"], path) => !path.is_empty(),
        (["**", rest @ ..], path) => slow(rest, path) || (!path.is_empty() && slow(pattern, &path[1..])),
        ([name, rest @ ..], [first, path @ ..]) => {
            slow_name(name.as_bytes(), first.as_bytes()) && slow(rest, path)
        }
        (_, []) => false,
    }
}

fn slow_name(pattern: &[u8], name: &[u8]) -> bool {
    match (pattern, name) {
        ([], name) => name.is_empty(),
        ([b'*', rest @ ..], name) => {
            slow_name(rest, name) || (!name.is_empty() && slow_name(pattern, &name[1..]))
        }
        ([b'?', rest @ ..], [_, name @ ..]) => slow_name(rest, name),
        ([byte, rest @ ..], [first, name @ ..]) => byte == first && slow_name(rest, name),
        (_, []) => false,
    }
}

proptest! {
    #[test]
    fn both_matchers_agree(
        pattern in proptest::collection::vec("\\*\\*|[ab*?]{1,4}", 1..5),
        path in proptest::collection::vec("[ab]{1,4}", 1..5),
    ) {
        let pattern: Vec<_> = pattern.iter().map(String::as_str).collect();
        let path: Vec<_> = path.iter().map(String::as_str).collect();
        prop_assert_eq!(matches(&pattern.join("/"), &path.join("/")), slow(&pattern, &path));
    }
}
